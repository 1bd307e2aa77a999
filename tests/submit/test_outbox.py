"""The outbox loses nothing that it has said it saved."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from callprobe.submit.files import TEMPORARY_PREFIX
from callprobe.submit.outbox import Outbox, UnknownMeasurementError
from callresults.codec import measurement_id
from helpers.sample_measurement import canonical_call


def test_saved_bytes_are_read_back_under_their_hash(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    identifier = outbox.save(canonical_call(1))

    assert identifier == measurement_id(canonical_call(1))
    assert outbox.read(identifier) == canonical_call(1)


def test_saving_twice_is_saving_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)

    assert [outbox.save(canonical_call(1)), outbox.save(canonical_call(1))] == outbox.all() * 2


def test_empty_home_holds_nothing(tmp_path: Path) -> None:
    assert (Outbox(tmp_path).all(), Outbox(tmp_path).pending()) == ([], [])


def test_order_is_the_order_of_saving(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)

    assert [outbox.save(canonical_call(n)) for n in (5, 3, 4)] == outbox.all()


def test_receipt_ends_pending(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    first, second = (outbox.save(canonical_call(n)) for n in (1, 2))
    outbox.mark_delivered(first, b"receipt")

    assert [second] == outbox.pending()
    assert (outbox.receipt(first), outbox.receipt(second)) == (b"receipt", None)


def test_half_written_file_of_a_killed_process_is_not_listed(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    identifier = outbox.save(canonical_call(1))
    (tmp_path / "results" / f"{TEMPORARY_PREFIX}x.json").write_bytes(b"{")

    assert [identifier] == outbox.all()


@pytest.mark.parametrize("name", ["foo.json", "A" * 64 + ".json", "0" * 63 + ".json", "0" * 64 + ".txt"])
def test_what_somebody_else_put_there_is_not_listed(tmp_path: Path, name: str) -> None:
    outbox = Outbox(tmp_path)
    identifier = outbox.save(canonical_call(1))
    (tmp_path / "results" / name).write_bytes(b"hi\n")

    assert outbox.all() == outbox.pending() == [identifier]


@pytest.mark.parametrize("text", ["sha256:../../etc/passwd", "", "sha256:ABC", "sha256:" + "0" * 64])
def test_what_is_not_there_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnknownMeasurementError):
        Outbox(tmp_path).read(text)


def test_beginning_of_an_id_finds_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    identifiers = [outbox.save(canonical_call(n)) for n in range(20)]

    assert identifiers[7] == outbox.find(identifiers[7][:20])
    assert identifiers[7] == outbox.find(identifiers[7].removeprefix("sha256:")[:14])


def test_ambiguous_and_empty_beginnings_are_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    identifiers = [outbox.save(canonical_call(n)) for n in range(17)]  # 16 first digits: two share one
    digits = [identifier.removeprefix("sha256:")[0] for identifier in identifiers]
    shared = next(digit for digit in digits if digits.count(digit) > 1)

    with pytest.raises(UnknownMeasurementError, match="give more of the id"):
        outbox.find(shared)
    with pytest.raises(UnknownMeasurementError, match="callprobe list"):
        outbox.find("")


def test_concurrent_saves_are_all_there(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        saved = set(pool.map(lambda n: Outbox(tmp_path).save(canonical_call(n % 20)), range(80)))

    assert saved == set(Outbox(tmp_path).all())
    assert len(saved) == 20


_SAVE_FOREVER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from helpers.sample_measurement import canonical_call
from callprobe.submit.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
for number in range(100_000):
    print(outbox.save(canonical_call(number)), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interruption_loses_nothing_saved_and_leaves_nothing_broken(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", _SAVE_FOREVER, str(tmp_path), str(Path(__file__).parents[1])]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert writer.stdout is not None
    saved = [writer.stdout.readline().strip() for _ in range(30)]
    os.kill(writer.pid, number)
    saved += writer.stdout.read().split()
    writer.communicate()
    outbox = Outbox(tmp_path)

    assert set(saved) <= set(outbox.all())
    assert outbox.all() == [measurement_id(outbox.read(identifier)) for identifier in outbox.all()]
