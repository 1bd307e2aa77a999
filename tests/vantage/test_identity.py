"""A pseudonym is stable on its network and says nothing elsewhere."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from callprobe.vantage.identity import probe_id


def test_same_network_same_pseudonym(tmp_path: Path) -> None:
    assert probe_id(tmp_path, "AS64500-RU") == probe_id(tmp_path, "AS64500-RU")


def test_networks_and_probes_have_pseudonyms_of_their_own(tmp_path: Path) -> None:
    made = [probe_id(tmp_path / home, network) for home in "ab" for network in ("AS1-RU", "AS2-RU", "AS1-DE")]

    assert len(set(made)) == 6
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)


def test_processes_that_ask_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: probe_id(tmp_path, "AS64500-RU"), range(64)))) == 1
    assert len(list((tmp_path / "identity").iterdir())) == 1


def test_damaged_pseudonym_is_replaced(tmp_path: Path) -> None:
    before = probe_id(tmp_path, "AS64500-RU")
    (file,) = (tmp_path / "identity").iterdir()
    file.write_text("")
    after = probe_id(tmp_path, "AS64500-RU")

    assert before != after == probe_id(tmp_path, "AS64500-RU")


def test_network_is_not_written_out(tmp_path: Path) -> None:
    probe_id(tmp_path, "AS64500-RU")

    assert "64500" not in "".join(str(path) for path in (tmp_path / "identity").iterdir())
