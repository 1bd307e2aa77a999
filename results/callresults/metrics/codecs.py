"""Codec impairment as data: ITU-T G.113 appendix I, and the published measurements of Opus.

Opus has no values in G.113's early tables. Those here: Alahmadi, Pocta, Melvin, ACM TOMM 17(4) 133, 2021,
doi 10.1145/3458751 (tables in github.com/mohaoahmadi/Opus_Codec_Quality_Evaluation, MIT). In-band FEC and
DRED have no published values at all.
"""

from typing import Final, Literal, NamedTuple

Bandwidth = Literal["nb", "wb", "swb"]
"""Narrowband is rated on G.107, super-wideband on G.107.2; wideband rows are data without a model here."""


class Codec(NamedTuple):
    """A codec's equipment impairment."""

    name: str
    bandwidth: Bandwidth
    ie: float
    """Impairment without loss, on the scale of the bandwidth's model."""
    bpl_random: float
    """Packet-loss robustness under random loss."""
    bpl_bursty: float
    """Likewise as measured under bursty loss; equal to ``bpl_random`` where none was published."""


def _opus(bandwidth: Bandwidth, mode: str, table: str) -> tuple[Codec, ...]:
    """Read ``kbit/s: Ie/Bpl random/Bpl bursty; …``."""
    rows = []
    for row in table.split(";"):
        rate, values = row.split(":")
        ie, bpl_random, bpl_bursty = (float(value) for value in values.split("/"))
        rows.append(Codec(f"opus-{bandwidth}-{mode}-{rate.strip()}", bandwidth, ie, bpl_random, bpl_bursty))
    return tuple(rows)


OPUS: Final = (
    *_opus(
        "swb",
        "vbr",
        "14: 38.06/16.51/9.13; 16: 30.16/11.83/10.06; 19: 23.81/10.67/8.92; 22: 20.22/10.47/8.57;"
        "25: 20.21/11.28/9.18; 28: 18.48/10.63/8.91; 31: 16.83/10.44/8.82; 34: 14.76/10.12/8.54;"
        "37: 12.08/10.38/8.30; 40: 10.67/9.79/8.04",
    ),
    *_opus(
        "swb",
        "cbr",
        "16: 36.88/13.30/10.80; 22: 23.38/10.01/8.46; 25: 22.64/10.57/8.74; 28: 23.65/11.67/9.98;"
        "34: 20.62/11.78/9.69; 40: 15.90/11.35/9.37",
    ),
    *_opus("wb", "vbr", "11: 28.41/23.94/20.12; 12: 23.30/22.22/18.90; 13: 19.96/19.50/16.92"),
    *_opus(
        "wb",
        "cbr",
        "12: 29.76/24.81/20.78; 13: 26.16/23.00/19.37; 14: 20.77/17.56/15.85; 15: 18.06/18.74/16.10",
    ),
    *_opus(
        "nb",
        "vbr",
        "6: 23.00/24.56/15.36; 7: 21.26/22.46/14.43; 8: 16.02/20.26/13.48; 9: 11.74/18.91/12.44",
    ),
    *_opus(
        "nb",
        "cbr",
        "6: 46.27/8.94/5.66; 8: 19.25/15.13/10.13; 10: 6.20/15.33/10.47; 11: 2.03/15.95/10.73",
    ),
)
"""Every published Opus row: bandwidth, mode and bit rate (kbit/s) are in the name."""

G113: Final = tuple(
    Codec(name, "nb", ie, bpl, bpl)
    for name, ie, bpl in (
        ("g711", 0.0, 4.3),
        ("g711-plc", 0.0, 25.1),
        ("g729a-vad", 11.0, 19.0),
        ("g723.1-6.3", 15.0, 16.1),
        ("gsm-efr", 5.0, 10.0),
    )
)
"""ITU-T G.113 appendix I, narrowband."""

CODECS: Final = {codec.name: codec for codec in (*OPUS, *G113) if codec.bandwidth != "wb"}
"""The codecs that can be rated, by name."""


def alternatives(codec: Codec) -> tuple[Codec, ...]:
    """Return the rows that bound a rating when a call's bit rate is not known.

    For Opus every published row of the bandwidth, each with either of its two packet-loss robustness values;
    for a codec of one bit rate itself.
    """
    rows = [row for row in OPUS if row.bandwidth == codec.bandwidth] if codec in OPUS else [codec]
    return tuple(row._replace(bpl_random=bpl) for row in rows for bpl in (row.bpl_random, row.bpl_bursty))
