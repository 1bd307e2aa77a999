"""Session descriptions (RFC 8866, 8839) that name ports only.

What goes out carries no address, what comes in is heard for its keys and ports only. Attributes pass by an
allow-list with one pattern each, so that an address has no place to stand in; all others are dropped.
"""

import re
from typing import Final

MAX_SDP_CHARACTERS: Final = 16_384
PLACEHOLDER: Final = ("192.0.2.1", 9)
"""An unroutable candidate (RFC 5737): aioice needs a check list that is not empty. Never sent to."""
ANY_HOST: Final = "0.0.0.0"  # noqa: S104 - the SDP placeholder of RFC 8839 5.1, nothing is bound to it
HOST_PRIORITY: Final = 2_130_706_431
NAME: Final = r"[\w-]{1,64}"
ATTRIBUTES: Final = {
    "group": rf"BUNDLE( {NAME}){{1,8}}",
    "msid-semantic": r" ?WMS( [\w*-]{1,64}){0,4}",
    "mid": NAME,
    "msid": rf"{NAME}( {NAME})?",
    "extmap": r"\d{1,3}(/\w{1,8})? (urn:ietf:params:rtp-hdrext:|http://www\.(webrtc|ietf)\.org/)[A-Za-z0-9:/-]{1,96}",
    "ssrc": r"\d{1,10} (cname|msid):[\w{}+/ -]{1,160}",
    "rtpmap": r"\d{1,3} [\w-]{1,32}/\d{1,6}(/\d)?",
    "rtcp-fb": r"(\d{1,3}|\*) [\w -]{1,32}",
    "fmtp": r"\d{1,3} [\w=;/ -]{1,160}",
    "ice-ufrag": r"[A-Za-z0-9+/]{4,256}",
    "ice-pwd": r"[A-Za-z0-9+/]{22,256}",
    "ice-options": r"[\w -]{1,64}",
    "fingerprint": r"sha-(256|384|512) ([0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}",
    "setup": r"actpass|active|passive",
    **dict.fromkeys(("sendrecv", "sendonly", "recvonly", "inactive", "rtcp-mux", "rtcp-rsize"), ""),
}
PATTERNS: Final = {name: re.compile(pattern, re.ASCII) for name, pattern in ATTRIBUTES.items()}
AUDIO: Final = re.compile(r"m=audio \d{1,5} (UDP/TLS/RTP/SAVPF(?: \d{1,3}){1,32})", re.ASCII)
CANDIDATE: Final = re.compile(
    r"a=candidate:\S{1,32} 1 udp \d{1,10} \S{1,64} (\d{1,5}) typ host\b.*", re.ASCII | re.IGNORECASE
)


class SdpError(ValueError):
    """A session description that is not what this project speaks; the text names no address."""


def without_addresses(sdp: str) -> str:
    """Return ``sdp`` with one audio section, its keys, and no address, host name, port or candidate.

    Raises SdpError.
    """
    if len(sdp) > MAX_SDP_CHARACTERS:
        raise SdpError(f"the session description is longer than {MAX_SDP_CHARACTERS} characters")
    head: list[str] = ["v=0", f"o=- 1 1 IN IP4 {ANY_HOST}", "s=-", "t=0 0"]
    audio: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            if audio:
                raise SdpError("the session description has more than one media section")
            audio += _audio_section(line)
        elif _passes(line):
            (audio or head).append(line)
    if not audio:
        raise SdpError("the session description has no audio section")
    return "".join(f"{line}\r\n" for line in [*head, *audio])


def with_candidate(sdp: str, host: str, port: int) -> str:
    """Return ``sdp`` without addresses, but with one host candidate, the last. Raises SdpError."""
    candidate = f"a=candidate:1 1 udp {HOST_PRIORITY} {host} {port} typ host"
    return f"{without_addresses(sdp)}{candidate}\r\na=end-of-candidates\r\n"


def candidate_port(sdp: str) -> int:
    """Return the port of the first UDP host candidate. Raises SdpError."""
    for line in sdp[:MAX_SDP_CHARACTERS].splitlines():
        found = CANDIDATE.fullmatch(line)
        if found and 0 < int(found[1]) < 65536:
            return int(found[1])
    raise SdpError("the session description names no UDP port")


def answer_for_caller(sdp: str, host: str, port_shift: int) -> str:
    """Return an answer whose only candidate is ``host`` and the answer's port plus ``port_shift``.

    Whatever hosts the answer names are dropped. Raises SdpError.
    """
    port = candidate_port(sdp) + port_shift
    if not 0 < port < 65536:
        raise SdpError("the shifted port is outside 1..65535")
    return with_candidate(sdp, host, port)


def _audio_section(line: str) -> list[str]:
    found = AUDIO.fullmatch(line)
    if found is None:
        raise SdpError("the media section is not audio over UDP/TLS/RTP/SAVPF")
    return [f"m=audio 9 {found[1]}", f"c=IN IP4 {ANY_HOST}", f"a=rtcp:9 IN IP4 {ANY_HOST}"]


def _passes(line: str) -> bool:
    name, _, value = line.removeprefix("a=").partition(":")
    pattern = PATTERNS.get(name)
    return line.startswith("a=") and pattern is not None and pattern.fullmatch(value) is not None
