"""Sequence number bookkeeping of an RTP receiver: RFC 3550 appendices A.1 (validity) and A.3 (loss)."""

from typing import Final, NamedTuple

MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100
MIN_SEQUENTIAL: Final = 2
_SEQUENCE_MODULUS: Final = 1 << 16
_LOST_MIN: Final = -0x800000
_LOST_MAX: Final = 0x7FFFFF


class ReceptionReport(NamedTuple):
    """What one report block says of a source (RFC 3550 section 6.4.1)."""

    fraction_lost_q8: int
    """Loss since the previous report, 0..255 of 256."""
    packets_lost: int
    """Cumulative, signed: duplicates make it fall, even below 0; clamped to 24 bits."""
    extended_sequence_number: int


class ReceptionState:
    """One source's sequence numbers: ``update`` for each packet, ``report`` for each report block."""

    def __init__(self, sequence_number: int) -> None:
        self._restart(sequence_number)
        self._max = (sequence_number - 1) % _SEQUENCE_MODULUS
        self._probation = MIN_SEQUENTIAL

    def _restart(self, sequence_number: int) -> None:
        self._base = self._max = sequence_number
        self._bad = _SEQUENCE_MODULUS + 1
        self._cycles = self._received = self._expected_prior = self._received_prior = 0
        self._probation = 0

    @property
    def valid(self) -> bool:
        """True once ``MIN_SEQUENTIAL`` packets came in sequence."""
        return self._probation == 0

    @property
    def extended_sequence_number(self) -> int:
        """Highest sequence number, wraps counted in its upper bits."""
        return self._cycles + self._max

    @property
    def packets_expected(self) -> int:
        """Extended highest number minus the first, plus one (A.3)."""
        return self.extended_sequence_number - self._base + 1

    @property
    def packets_received(self) -> int:
        """Valid packets, duplicates included (A.3)."""
        return self._received

    def update(self, sequence_number: int) -> bool:
        """Take one packet's 16-bit sequence number; return whether it is a valid packet of the source."""
        if self._probation:
            return self._prove(sequence_number)
        return self._follow(sequence_number)

    def _prove(self, sequence_number: int) -> bool:
        if sequence_number != (self._max + 1) % _SEQUENCE_MODULUS:
            self._probation = MIN_SEQUENTIAL - 1
            self._max = sequence_number
            return False
        self._probation -= 1
        self._max = sequence_number
        if self._probation:
            return False
        self._restart(sequence_number)
        self._received = 1
        return True

    def _follow(self, sequence_number: int) -> bool:
        ahead = (sequence_number - self._max) % _SEQUENCE_MODULUS
        if ahead < MAX_DROPOUT:
            if sequence_number < self._max:
                self._cycles += _SEQUENCE_MODULUS
            self._max = sequence_number
        elif ahead <= _SEQUENCE_MODULUS - MAX_MISORDER:
            # "the sequence number made a very large jump": two in a row mean that the sender restarted.
            if sequence_number != self._bad:
                self._bad = (sequence_number + 1) % _SEQUENCE_MODULUS
                return False
            self._restart(sequence_number)
        self._received += 1
        return True

    def report(self) -> ReceptionReport:
        """Return the report block of now and start the next interval (A.3)."""
        expected = self.packets_expected
        expected_interval = expected - self._expected_prior
        lost_interval = expected_interval - (self._received - self._received_prior)
        self._expected_prior, self._received_prior = expected, self._received
        lossless = expected_interval == 0 or lost_interval <= 0
        return ReceptionReport(
            fraction_lost_q8=0 if lossless else min((lost_interval << 8) // expected_interval, 255),
            packets_lost=max(_LOST_MIN, min(expected - self._received, _LOST_MAX)),
            extended_sequence_number=self.extended_sequence_number,
        )
