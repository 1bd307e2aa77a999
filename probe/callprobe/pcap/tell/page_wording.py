"""The words of a capture's page that are no sentences: names of stages, messages, errors."""

from typing import Final

from callprobe.pcap.tell.endpoint import Direction
from callprobe.pcap.tell.rung import Outcome
from callresults.observation import StageName

STAGES: Final[dict[StageName, str]] = {
    "resolve": "Name of a server",
    "session_open": "Invitation (SIP)",
    "udp_open": "UDP echo",
    "relay_allocation": "Relay allocation",
    "relay_ping": "Relay pings",
    "stun_binding": "Own address (STUN)",
    "turn_allocation": "Relay address (TURN)",
    "ice_connectivity": "Paths (ICE)",
    "dtls_handshake": "Keys (DTLS)",
    "tcp_connect": "TCP connection",
    "tls_handshake": "TLS handshake",
    "http_response": "HTTP answer",
    "media_first_packet": "First media",
    "media_hold": "Media",
}
OUTCOMES: Final[dict[Outcome, str]] = {
    "ok": "✓ reached",
    "failed": "✗ failed",
    "partial": "~ in part",
    "not_seen": "– not seen",
}
DIRECTIONS: Final[dict[Direction | None, str]] = {"up": "out", "down": "in", None: "–"}

STUN_TYPES: Final = {
    "0x0001": "Binding request",
    "0x0011": "Binding indication",
    "0x0101": "Binding answer",
    "0x0111": "Binding error",
    "0x0003": "Allocate request",
    "0x0103": "Allocate answer",
    "0x0113": "Allocate error",
    "0x0004": "Refresh request",
    "0x0104": "Refresh answer",
    "0x0114": "Refresh error",
    "0x0016": "Send indication",
    "0x0017": "Data indication",
    "0x0008": "CreatePermission request",
    "0x0108": "CreatePermission answer",
    "0x0118": "CreatePermission error",
    "0x0009": "ChannelBind request",
    "0x0109": "ChannelBind answer",
    "0x0119": "ChannelBind error",
    "0x0200": "Google's ping",
    "0x0300": "Google's answer to a ping",
    "0x0800": "WhatsApp: end of the call",
    "0x0801": "WhatsApp: ping",
    "0x0802": "WhatsApp: answer to a ping",
    "0x0804": "WhatsApp: probe",
    "0x0805": "WhatsApp: answer to a probe",
}
"""RFC 8489, RFC 8656, and what applications added."""

LIMITS: Final = (
    "Why something did not come. A capture shows silence; it does not show who caused it.",
    "What became of packets that went out: of later loss only the far end's reports (RTCP) tell.",
    "Whether packets were cut out of the file: that looks like loss.",
    "How a call sounded: the path index rates a reference codec on the loss that was seen, and nothing else.",
    "What was said or shown: nothing was decrypted.",
)
"""What a reader might think the page says."""
