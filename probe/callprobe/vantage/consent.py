"""What a volunteer agrees to, word for word, and whether it was agreed to."""

import hashlib
import ipaddress
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

CONSENT_VERSION: Final = 2
CONSENT_TEXT: Final = f"""\
callprobe: what you agree to (version {CONSENT_VERSION})

What it does. callprobe sends and receives traffic that looks like calls of WhatsApp, Telegram and others, to
servers of volunteers, and asks public addresses of services whether they answer. It uses some megabytes of
your data for each run.

What can be seen. Your internet provider, your employer or school, and whoever watches the network can see
that this traffic comes from your connection, when, and to which servers. They may see that you measure
censorship. The servers see your address while a test runs, as every server does. Where you live, measuring
may be unwelcome or forbidden; only you can judge that risk. Do not run it where it could put you in danger.

What is stored. Results are saved on this machine, in the folder of callprobe, and uploaded to the collector
that you name. A result holds what happened to the test packets, the country and the network (AS number) that
the servers saw, the kind of access, the time rounded to five minutes, and a random name for this machine on
this network. It holds no address, no name, no number, nothing of your own calls or messages; unless you hand
in a recording of a call yourself (callprobe pcap with --save): then it tells when that call was, by which
service, and second by second how its packets fared, never what was said. Results are published for everyone,
for good; where fewer than three people measured on a network, its number is withheld.

What you can do. Nothing runs unless you start it. Saved results are yours to read and to delete.
"""
CONSENT_HASH: Final = "sha256:" + hashlib.sha256(CONSENT_TEXT.encode()).hexdigest()
"""Names exactly this text: when it changes, consent is asked for again."""

_FILE: Final = "consent.json"


def consent_given(home: Path, text_hash: str) -> bool:
    """Tell whether the text named by ``text_hash`` was agreed to on this machine."""
    try:
        record = json.loads((home / _FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("text_hash") == text_hash


def record_consent(home: Path, text_hash: str, when: datetime) -> None:
    """Remember that the text named by ``text_hash`` was agreed to at ``when`` (aware). Raises OSError."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    handle, name = tempfile.mkstemp(dir=home)
    with os.fdopen(handle, "w") as file:
        json.dump({"text_hash": text_hash, "accepted_at": at}, file)
    Path(name).replace(home / _FILE)


def is_loopback_url(url: str) -> bool:
    """Tell whether ``url`` leads to this machine: a loopback address, or the name ``localhost``."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
