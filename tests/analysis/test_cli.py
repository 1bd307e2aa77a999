"""``callanalysis claims`` from end to end."""

import json
import re

import pytest
from click.testing import CliRunner

from callanalysis.cli import main
from callanalysis.report import EMULATED_SENTENCE
from helpers import published
from helpers.published import World, day


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return published.write(published.rows(5, World(onset=day(11))), tmp_path_factory.mktemp("data"))


def _run(*arguments):
    return CliRunner().invoke(main, ["claims", *map(str, arguments)])


@pytest.fixture(scope="module")
def out(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    result = _run(data, "--out", folder, "--seed", 3)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_table_names_every_claim_and_the_report(out):
    """People get a table, what it rests on, and where the report lies."""
    folder, text = out
    assert text.count("supported") == 7
    assert f"Report: {folder / 'report.html'}" in text
    assert "the method recovers the planted truth" in text


def test_json_is_the_contract_and_the_file_is_identical(data, out):
    """``--json`` prints one document with the promised keys; a second run writes the same bytes."""
    folder, _ = out
    result = _run(data, "--json", "--seed", 3)
    assert result.stdout_bytes == (folder / "verdicts.json").read_bytes()
    document = json.loads(result.stdout)
    assert {"data_hash", "seed", "claims"} <= set(document)
    wanted = {
        *("claim_id", "verdict", "estimate", "interval", "onset_date", "onset_interval", "n_networks"),
        *("n_volunteers", "n_calls", "scope", "rule_id", "basis", "reasons", "atoms"),
    }
    assert all(wanted <= set(claim) for claim in document["claims"])


def test_report_is_one_page_with_its_key_sentences(out):
    """The page holds figures, verdicts and the emulation's mark, and fetches and runs nothing."""
    page = (out[0] / "report.html").read_text()
    assert page.count("<svg") == 4
    assert page.count("EMULATED") >= 5
    assert EMULATED_SENTENCE in page
    assert "<blockquote>" not in page
    assert "insufficient: no-baseline before this project" in page
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", page)


def test_broken_file_beside_good_ones_exits_1(data, tmp_path):
    """A file set aside is named on stderr; the rest is judged."""
    import shutil

    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "month=2025-08" / "country=DE" / "part-1.parquet").write_bytes(b"PAR1")
    result = _run(tmp_path / "data", "--json")
    assert result.exit_code == 1
    assert "part-1.parquet cannot be read as Parquet" in result.stderr
    assert json.loads(result.stdout)["claims"]


def test_wrong_input_is_one_sentence_and_exit_2(data, tmp_path):
    """No data, no claims, a claim that is broken: one line each."""
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "x.toml").write_text("id = 3")
    for arguments in (
        [tmp_path / "absent"],
        [data, "--claims", tmp_path],
        [data, "--claims", tmp_path / "claims"],
    ):
        result = _run(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.strip().splitlines()) == 1
        assert "Traceback" not in result.stderr


def test_hostile_claim_ends_with_one_sentence(data, tmp_path):
    """Exit 2, the file's name, nothing on stdout."""
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    result = _run(data, "--claims", tmp_path, "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"callanalysis: {tmp_path / 'deep.toml'} is nested too deep")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--seed", "nothing"), ("--nothing",), ()])
def test_wrong_usage_is_one_sentence(arguments):
    """Exit 2 and what was not understood, without lines of usage."""
    result = _run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
