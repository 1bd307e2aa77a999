"""What a dump comes to: nothing in it that could name anybody."""

import msgspec

from callprobe.pcap.dumps.model import Browser, Connection, Dump
from callresults.nettests.browser import BrowserCall

FREE_TEXT = {
    "file": "the name of the file, which stays on the machine",
    "service": "a name of a list (test_dump_pages)",
    "story": "made of the rest",
    "mime_type": "a name of a list (test_dump_builder)",
    "tls_version": "likewise",
    "dtls_cipher": "likewise",
    "srtp_cipher": "likewise",
}
"""Fields with room for any text, and why nothing of the dump's can stand in them."""


def text_fields(kind: type[msgspec.Struct]) -> set[str]:
    """Return the fields of a record, however deep, whose type has room for any text."""
    schema = msgspec.json.schema_components([kind])[1]
    return {
        name
        for record in schema.values()
        for name, field in record.get("properties", {}).items()
        if field.get("type") == "string" or {"type": "string"} in field.get("anyOf", [])
    }


def test_fields_with_room_for_any_text_are_few_and_each_has_its_reason() -> None:
    camel = {"mimeType": "mime_type", "tlsVersion": "tls_version"}
    camel |= {"dtlsCipher": "dtls_cipher", "srtpCipher": "srtp_cipher"}
    found = {
        camel.get(name, name)
        for record in (Dump, Connection, Browser, BrowserCall)
        for name in text_fields(record)
    }

    assert found <= FREE_TEXT.keys()
