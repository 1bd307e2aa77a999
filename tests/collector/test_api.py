"""Both sides read the answers alike, and the limits fit each other."""

import msgspec
import pytest

from callresults.collector.api import (
    MAX_BATCH_BYTES,
    MAX_MEASUREMENT_BYTES,
    BatchAnswer,
    LineAnswer,
    Receipt,
)


def test_receipt_is_the_documented_object() -> None:
    receipt = Receipt(measurement_id="sha256:00", status="stored", received_day="2025-08-12")

    assert msgspec.json.encode(receipt) == (
        b'{"measurement_id":"sha256:00","status":"stored","received_day":"2025-08-12"}'
    )


def test_batch_answer_survives_the_way() -> None:
    answer = BatchAnswer(
        receipts=(
            LineAnswer(measurement_id="sha256:00", status="duplicate", received_day="2025-08-12"),
            LineAnswer(measurement_id="sha256:01", status="refused", error="No."),
        )
    )

    assert msgspec.json.decode(msgspec.json.encode(answer), type=BatchAnswer) == answer


@pytest.mark.parametrize("status", ["refused", "lost", ""])
def test_receipt_never_says_anything_but_stored(status: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(
            msgspec.json.encode({"measurement_id": "x", "status": status, "received_day": "x"}), type=Receipt
        )


def test_longest_measurement_fits_a_batch() -> None:
    assert MAX_BATCH_BYTES >= 2 * MAX_MEASUREMENT_BYTES
