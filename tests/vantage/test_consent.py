"""Consent holds for exactly the text that was agreed to."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callprobe.vantage.consent import (
    CONSENT_HASH,
    CONSENT_TEXT,
    consent_given,
    is_loopback_url,
    record_consent,
)

WHEN = datetime(2025, 8, 11, 12, 30, tzinfo=UTC)


def test_nobody_has_agreed_before_being_asked(tmp_path: Path) -> None:
    assert not consent_given(tmp_path, CONSENT_HASH)


def test_recorded_consent_is_for_that_text_only(tmp_path: Path) -> None:
    record_consent(tmp_path / "home", CONSENT_HASH, WHEN)

    assert consent_given(tmp_path / "home", CONSENT_HASH)
    assert not consent_given(tmp_path / "home", "sha256:other")
    assert (
        json.loads((tmp_path / "home" / "consent.json").read_text())["accepted_at"] == "2025-08-11T12:30:00Z"
    )


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"text_hash": 1}'])
def test_damaged_record_is_no_consent(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "consent.json").write_bytes(content)

    assert not consent_given(tmp_path, CONSENT_HASH)


def test_hash_names_the_text() -> None:
    assert "sha256:" + hashlib.sha256(CONSENT_TEXT.encode()).hexdigest() == CONSENT_HASH


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80", "http://127.9.9.9", "https://[::1]:1/x", "http://LOCALHOST"]
)
def test_loopback_is_this_machine(url: str) -> None:
    assert is_loopback_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "http://[::1",
        "http://0.0.0.0",
        "127.0.0.1:80",
        "",
    ],
)
def test_everything_else_is_not(url: str) -> None:
    assert not is_loopback_url(url)
