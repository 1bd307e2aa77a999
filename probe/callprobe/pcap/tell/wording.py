"""Every sentence that is told of a capture, in one table: what to translate, and nothing else.

Sentences say what was seen. They blame nobody: a capture shows that nothing came, not why.
"""

from collections.abc import Sequence
from typing import Final

from callprobe.pcap.collect.round_trips import RoundTrips
from callprobe.pcap.tell.markup import tame

SENTENCES: Final = {
    # What it is.
    "call": "{service} call{generation}",
    "calls": "{number} {service} calls{generation}",
    "generation": " ({generation})",
    "certainty": ", {certainty} sure",
    "unknown-call": "A call of an application that is not recognised",
    "perhaps-call": "Perhaps a call, of an application that nothing names",
    "no-call": "No call in this capture",
    "empty": "Nothing in this capture",
    "when": "{what}; {time}, {packets} in {length}.",
    "told-by": "Told by: {evidence}",
    "as-is": "{text}",
    "seen-from": "Captured at {hosts}: out is what it sent, in what it received.",
    "seen-from-nobody": "Which end captured cannot be told, so directions are given by address.",
    "one-part": "Part {number} of {count}, from {start} on, {length} long:",
    "one-call": "Call {number} of {count}, from {start} on, {length} long:",
    "call-begins": "The call begins {start} into the capture.",
    "more-calls": "And {count} more; they are in the table of stages.",
    # Stages.
    "session": "call invited by SIP{ringing}{answer}",
    "session-ringing": ", ringing after {wait}",
    "session-answered": ", answered after {wait}",
    "session-unanswered": ", not answered in the capture",
    "session-refused": ", refused",
    "allocated": "{answered} of {relays} answered an allocation{rtt}",
    "not-allocated": "{relays} asked {requests} for an allocation, never answered",
    "reflector": "{size}-byte reflector pings{every} to {reflectors}: {answered} of {pings} answered{rtt}",
    "reflector-silent": "{size}-byte reflector pings{every} to {reflectors}: {pings} sent, never answered",
    "relay-pings": "relay pings{every}: {answered} of {pings} answered{rtt}{since}",
    "silent-since": ", none of those sent later than {after} after the call began",
    "relay-pings-silent": "relay pings{every}: {pings} sent, never answered",
    "stun": "own address asked of {servers}: {answered} of {requests} answered{rtt}",
    "stun-silent": "own address asked of {servers} {requests}, never answered",
    "turn": "{allocated} of {servers} gave an address to relay by{rtt}{more}",
    "turn-silent": "{servers} asked {requests} for an address to relay by, never answered",
    "turn-refused": "{servers} asked for an address to relay by and refused (error {errors})",
    "turn-unheard": "{servers} wanted credentials ({errors}), got them, and did not answer again",
    "turn-more": "; {permissions}, {channels}",
    "ice": "{answered} of {pairs} answered a check{rtt}{chosen}",
    "ice-chosen": "; the call took {a} – {b}",
    "ice-silent": "{pairs} checked with {requests}, never answered",
    "dtls": "{version} keys agreed in {took}{again}",
    "dtls-again": ", ClientHello sent {times}",
    "dtls-unanswered": "DTLS: ClientHello sent {times}, never answered",
    "dtls-unfinished": "DTLS: ClientHello answered, but the keys were never agreed",
    "dtls-refused": "DTLS refused: {alert}",
    "dtls-hidden": "DTLS: its handshake is only in part in the capture; encrypted data followed",
    "media-begins": "first media {way}, {after} after the call began",
    "media-never": "media went out for {length} ({packets}), but none ever came in",
    "media-holds": "media {way} kept up for {length}",
    "media-paused": "media {way} kept up for {length}, but was silent for {silence} from {after} on",
    "media-quiet": "no media {way} for {silence}; then it came back",
    "media-stopped": "media {way} stopped {after} after the call began and did not come back, while {rest}",
    "media-ceased": "nothing more was sent {after} after the call began, while media in went on for {length}",
    "media-early": "media {way} stopped {after} after the call began, {left} before its last sign",
    "rest-ours": "ours went on for {length}",
    "rest-others": "the other way went on for {length}",
    "rest-asked": "questions that had been answered before went on for {length} in vain",
    "every": " every {interval}",
    "rtt": ", after {rtt}",
    # Media.
    "way-up": "out",
    "way-down": "in",
    "way-ends": "from {src} to {dst}",
    "side": "Media {way}: {packets} in {length}, {lost}{extras}",
    "side-opaque": "Media {way}: {packets} in {length}, encrypted as a whole, so loss cannot be counted",
    "none-lost": "none lost",
    "lost": "{lost} of {expected} lost ({ratio}{bursts})",
    "bursts": ", {bursts}, up to {most} in a row",
    "runs": ", up to {most} in a row",
    "scattered": ", one by one",
    "silence": "longest silence {silence}",
    "jitter": "jitter {jitter}",
    "late": "{count} out of order",
    "copies": "{count} twice",
    "mos": "path index {mos}",
    "mos-span": "{low} to {high}",
    "anew": "began anew {times}",
    "far-report": "The far end reported that {ratio} of what was sent to it got lost on the way.",
    # The end.
    "relay_end": "ended: the relays were told so (0x0800)",
    "turn_release": "ended: the TURN server was told to let go",
    "rtcp_bye": "ended by RTCP BYE",
    "dtls_close": "ended: DTLS was closed",
    "sip_bye": "ended by SIP BYE",
    # What limits what can be said.
    "open-end": "The capture stops while media still flows.",
    "open-beginning": "The capture starts in the middle: how the call was set up is not in it.",
    "broken": "The file breaks at byte {offset}; what comes after is not counted.",
    "icmp": "ICMP reported {count} as undeliverable: {kinds}.",
    "joined": "Some traffic lies {length} apart: the file seems to join several captures.",
    "cut-or-lost": "A packet that somebody cut out of the file looks like one that was lost.",
    "one-way": "From where media went not one packet came: none arrived, or none was captured.",
    "models": "Path index: MOS of {models} on the loss seen, not what anybody heard.",
    "clock": "Jitter rests on RTP clocks inferred from the time stamps.",
    "no-clock": "Jitter is given only where an RTP clock fits the time stamps.",
}
"""Names in braces are filled in; the words are English."""

NOUNS: Final = {
    "packet": ("packet", "packets"),
    "datagram": ("datagram", "datagrams"),
    "relay": ("relay", "relays"),
    "reflector": ("reflector", "reflectors"),
    "server": ("STUN server", "STUN servers"),
    "turn": ("TURN server", "TURN servers"),
    "pair": ("path", "paths"),
    "time": ("time", "times"),
    "request": ("request", "requests"),
    "permission": ("permission", "permissions"),
    "channel": ("channel", "channels"),
    "burst": ("burst", "bursts"),
}
"""One and many."""

ICMP: Final = {
    "v4 3/0": "network unreachable",
    "v4 3/1": "host unreachable",
    "v4 3/2": "protocol unreachable",
    "v4 3/3": "port unreachable",
    "v4 3/4": "too large",
    "v4 3/9": "network prohibited",
    "v4 3/10": "host prohibited",
    "v4 3/13": "prohibited by a filter",
    "v4 11/0": "too many hops",
    "v6 1/0": "no route",
    "v6 1/1": "prohibited by a filter",
    "v6 1/3": "address unreachable",
    "v6 1/4": "port unreachable",
    "v6 2/0": "too large",
    "v6 3/0": "too many hops",
}
"""RFC 792, RFC 1812 section 5.2.7.1 and RFC 4443, by version, type and code."""


def say(key: str, **values: object) -> str:
    """Return a sentence of the table with its values; those that come from the capture are tamed."""
    return SENTENCES[key].format(**{name: _value(value) for name, value in values.items()})


def count(number: int, noun: str) -> str:
    """Return ``1 packet`` or ``2 packets``."""
    one, many = NOUNS[noun]
    return f"{number} {one if number == 1 else many}"


def length(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < 0.001:
        return "0 s"
    if seconds < 0.1:
        return milliseconds(seconds * 1000)
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 2 * 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86400:.0f} days"


def milliseconds(ms: float) -> str:
    """Return milliseconds with no more figures than matter."""
    return f"{ms:.0f} ms" if ms >= 9.95 else f"{ms:.1f} ms"


def share(ratio: float) -> str:
    """Return a share in percent; what is not nothing does not read 0 %."""
    if 0 < ratio < 0.001:
        return "under 0.1 %"
    return f"{100 * ratio:.1f} %" if ratio < 0.1 else f"{100 * ratio:.0f} %"


def round_trip_text(rtt: Sequence[float]) -> str:
    """Return ``, after 6 to 27 ms``, or nothing where nothing was answered."""
    if not rtt:
        return ""
    least, most = min(rtt), max(rtt)
    if milliseconds(least) == milliseconds(most):
        return say("rtt", rtt=milliseconds(least))
    return say("rtt", rtt=f"{milliseconds(least).removesuffix(' ms')} to {milliseconds(most)}")


def span_of(rtt: RoundTrips) -> list[float]:
    """Return the least and the greatest of a summary, or nothing."""
    return [bound for bound in (rtt.min, rtt.max) if bound is not None]


def capitalised(sentence: str) -> str:
    """Return the sentence with a capital letter and a full stop."""
    text = sentence[:1].upper() + sentence[1:]
    return text if text.endswith((".", ":")) else f"{text}."


def _value(value: object) -> object:
    return tame(value) if isinstance(value, str) else value
