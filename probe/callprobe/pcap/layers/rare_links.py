"""Link layers that are too rare to be parsed here: scapy finds its way through them."""

import logging
from typing import Any, Final

from callprobe.pcap.layers.ip import IPV4, IPV6

_VERSIONS: Final = {"IP": IPV4, "IPv6": IPV6}


def rare_link(link_type: int, data: bytes) -> tuple[int, int]:
    """Return EtherType and offset of the outermost IP packet, or zeros where scapy sees none."""
    try:
        layer = _layer_of(link_type)
        layer = layer and layer(data)
        while layer and type(layer).__name__ not in _VERSIONS:
            layer = layer.payload
        if not layer:
            return 0, 0
        start = len(data) - len(layer.original)
        return (_VERSIONS[type(layer).__name__], start) if data[start:] == layer.original else (0, 0)
    except Exception:  # noqa: BLE001 - on hostile bytes scapy raises whatever it happens to raise
        return 0, 0


def rare_link_name(link_type: int) -> str | None:
    """Return scapy's name of a link type."""
    layer = _layer_of(link_type)
    return None if layer is None else str(layer.__name__)


def _layer_of(link_type: int) -> Any:
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    from scapy import all as _registers_every_link_type  # noqa: F401
    from scapy.config import conf

    return conf.l2types.num2layer.get(link_type)
