"""DTLS handshakes in captures: who began, who answered, and how far it came (RFC 6347, RFC 9147)."""

from typing import Literal

from msgspec import Struct


class DtlsAlert(Struct, frozen=True, kw_only=True):
    """An alert in clear (RFC 8446 section 6)."""

    at_s: float
    sender: str
    level: str
    """``warning``, ``fatal`` or a number."""
    description: str
    """Such as ``handshake_failure``, or a number."""


class DtlsMessage(Struct, frozen=True, kw_only=True):
    """A handshake message or change of keys, once for each datagram that held a part of it."""

    at_s: float
    sender: str
    name: str
    """``ClientHello`` …; ``Finished`` is the first encrypted handshake record of a side."""


class DtlsHandshake(Struct, frozen=True, kw_only=True):
    """DTLS between two addresses, however much of it was captured."""

    a: str
    """The client if one side showed to be it, else who was seen first."""
    b: str
    client: str | None
    """``a``, or null when nothing tells."""
    encapsulation: str
    """Of its first record: ``plain``, ``turn-channel``, ``reflector``, ``tcp-framed`` …"""
    state: Literal["unanswered", "answered", "refused", "finished", "joined"]
    """Of the handshake: nobody answered the ClientHello; answered but not finished; a fatal alert ended it;
    both sides finished; or the capture began after its ClientHello."""
    first_s: float
    """First record."""
    last_s: float
    client_hello_s: float | None
    """First part of the first ClientHello."""
    hello_verify_s: float | None
    server_hello_s: float | None
    """First ServerHello that is no retry request."""
    client_finished_s: float | None
    """First encrypted handshake record; in 1.3 the first record with keys for application data."""
    server_finished_s: float | None
    finished_s: float | None
    """When the later of both was seen; null when one is missing."""
    handshake_ms: float | None
    """From the first ClientHello until then."""
    client_hellos: int
    """Datagrams with a ClientHello or part of one, from either side."""
    client_hellos_from_b: int
    """Those from the other side: both took themselves for the client."""
    client_hello_retransmissions: int
    """Those of them that came again."""
    client_hello_fragments: int | None
    """Parts of the first whole ClientHello."""
    hello_verify: int
    """HelloVerifyRequests, and HelloRetryRequests of 1.3."""
    version: str | None
    """Chosen by the server: ``DTLS 1.2`` …"""
    versions_offered: tuple[str, ...]
    cipher: str | None
    """Chosen by the server: ``0x…``."""
    cipher_name: str | None
    ciphers_offered: tuple[str, ...]
    """``0x…``, in the order of the ClientHello."""
    srtp_profile: str | None
    """Chosen by the server: ``0x…`` (RFC 5764 section 4.1.2)."""
    srtp_profile_name: str | None
    srtp_profiles_offered: tuple[str, ...]
    client_hello_hash: str | None
    """See ``callprobe.wire.dtls.fingerprint``."""
    client_hello_ja3: str | None
    server_name: str | None
    certificate_names: tuple[str, ...]
    """Names in the subjects and issuers of certificates in clear, each once; country codes left out."""
    alerts: tuple[DtlsAlert, ...]
    encrypted_alerts: int
    messages: tuple[DtlsMessage, ...]
    """The first ones."""
    retransmitted: int
    """Parts of handshake messages that were sent again, by either side."""
    application_records: int
    """Records that say they carry application data."""
    hidden_records: int
    """Encrypted records of 1.3, which do not say what they carry."""
