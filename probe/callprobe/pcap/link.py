"""Finds the innermost datagram, segment or quotation in a frame."""

from callprobe.pcap.packets import Frame, IcmpQuote, TcpSegment, UdpDatagram

_NAMES = {1: "Ether"}


def link_type_name(link_type: int) -> str:
    """Return the name of a link type, or its number."""
    return _NAMES.get(link_type, str(link_type))


class Dissector:
    """Takes frames one by one and remembers fragments."""

    def take(self, frame: Frame) -> UdpDatagram | TcpSegment | IcmpQuote | None:
        """Return what a frame carries innermost."""
        raise NotImplementedError(frame)
