"""Extended sequence numbers (RFC 3550 A.1): from 16 bits on the wire to a number that does not wrap."""


def extend(reference: int, low16: int) -> int:
    """Return the number congruent to ``low16`` modulo 65536 that lies nearest to ``reference``.

    ``reference`` is the highest extended number seen so far; ties go up. May be negative for a packet from
    before the first one.
    """
    difference = (low16 - reference) & 0xFFFF
    return reference + (difference if difference < 0x8000 else difference - 0x10000)
