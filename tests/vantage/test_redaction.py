"""What leaves the redaction holds no address, in no form, in no field."""

import base64
import ipaddress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callprobe.submit.outbox import Outbox
from callprobe.vantage.redaction import WITHHELD, find_addresses, redact, round_start, scrub
from callresults.addresses import forms_of
from callresults.codec import canonical_bytes
from callresults.collector.receive import Accepted, examine
from callresults.measurement import Measurement
from helpers.sample_measurement import call, service

WHOLE = (call(3), service(4))
TYPED = {"test_start_time", "measurement_start_time"}


def text_fields(record: msgspec.Struct, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every field that may hold any text."""
    found: list[tuple[str, ...]] = []
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, msgspec.Struct):
            found += text_fields(value, (*path, field.name))
        elif field.type in {str, str | None, tuple[str, ...], dict[str, str], dict[str, int]}:
            found.append((*path, field.name))
    return [one for one in found if one[-1] not in TYPED]


def planted(record: msgspec.Struct, path: tuple[str, ...], text: str) -> msgspec.Struct:
    """Return ``record`` with ``text`` at ``path``."""
    name, *rest = path
    before = getattr(record, name)
    hint = next(field.type for field in msgspec.structs.fields(record) if field.name == name)
    if rest:
        value: object = planted(before, tuple(rest), text)
    elif hint == tuple[str, ...]:
        value = ("fine", text)
    elif hint == dict[str, str]:
        value = {"key": text, text: "value"}
    elif hint == dict[str, int]:
        value = {text: 1}
    else:
        value = text
    return msgspec.structs.replace(record, **{name: value})


PLACES = [(whole, path) for whole in WHOLE for path in text_fields(whole)]


def as_text(form: bytes) -> str:
    """Return a form as a field can hold it: text as it is, bytes as characters of the same value."""
    return form.decode("latin-1")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from(PLACES),
    address=st.ip_addresses().filter(lambda one: not one.is_loopback and not one.is_unspecified).map(str),
    data=st.data(),
)
def test_planted_address_is_in_no_stored_or_sent_byte(
    tmp_path: Path, place: tuple[Measurement, tuple[str, ...]], address: str, data: st.DataObject
) -> None:
    whole, path = place
    form = as_text(data.draw(st.sampled_from(sorted(forms_of(address).values()))))
    around = data.draw(st.sampled_from(["{}", "x {} y", "http://{}/", "[{}]:5060", "udp {} 3478"]))
    before = redact(planted(whole, path, around.format(form)), [address])  # type: ignore[arg-type]

    sent = canonical_bytes(before)
    outbox = Outbox(tmp_path)
    stored = outbox.read(outbox.save(sent))

    innocent = find_addresses(canonical_bytes(redact(whole, [address])), [address])
    assert set(find_addresses(sent, [address])) <= set(innocent)
    assert set(find_addresses(stored, [address])) <= set(innocent)
    assert form.encode() not in sent or form.encode() in canonical_bytes(whole)
    assert isinstance(examine(sent), Accepted)


@pytest.mark.parametrize(
    "text",
    ["192.0.2.77", "2001:db8::77", "candidate:1 1 udp 1 192.0.2.77 9 typ host", "c=IN IP6 ::77", "ada.local"],
)
def test_unknown_addresses_are_withheld_by_their_look_in_every_field(text: str) -> None:
    for whole, path in PLACES:
        sent = canonical_bytes(redact(planted(whole, path, text)))  # type: ignore[arg-type]

        assert text.encode() not in sent, path
        assert isinstance(examine(sent), Accepted), path


def test_address_in_a_packet_record_goes_with_the_record() -> None:
    raw = base64.b64encode(b"\x00\x01" + ipaddress.ip_address("192.0.2.77").packed).decode()
    redacted = redact(planted(call(1), ("test_keys", "packet_record"), raw))  # type: ignore[arg-type]

    assert redacted.test_keys.packet_record is None


@pytest.mark.parametrize("whole", WHOLE)
def test_clean_measurement_stays_as_it_is(whole: Measurement) -> None:
    assert redact(whole) == whole == redact(redact(whole))


def test_typed_fields_are_held_to_their_form() -> None:
    odd = msgspec.structs.replace(
        call(1),
        probe_cc="Russia",
        probe_asn="64500",
        probe_ip="192.0.2.77",
        input="192.0.2.77",
        measurement_start_time="2025-08-11 12:34:56",
    )
    redacted = redact(odd)

    assert (redacted.probe_cc, redacted.probe_asn, redacted.probe_ip) == ("ZZ", "AS0", "127.0.0.1")
    assert (redacted.input, redacted.measurement_start_time) == (None, "2025-08-11 12:30:00")


def test_withheld_text_says_so() -> None:
    assert [scrub("to 192.0.2.77:9"), scrub("as it is")] == [WITHHELD, "as it is"]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2025, 8, 11, 12, 34, 59, 999_999, tzinfo=UTC), "2025-08-11 12:30:00"),
        (datetime(2025, 8, 11, 12, 35, tzinfo=UTC), "2025-08-11 12:35:00"),
        (datetime(2025, 9, 1, 2, 59, tzinfo=timezone(timedelta(hours=3))), "2025-08-31 23:55:00"),
    ],
)
def test_start_is_rounded_down_to_five_minutes_utc(moment: datetime, text: str) -> None:
    assert round_start(moment) == text
