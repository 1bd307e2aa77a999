"""The E-model: ITU-T G.107 in full, and the codec, loss and delay parts of G.107.2.

A rating is a *path index of a reference codec*, made for planning; it never carries a verdict alone. What
``codec_rating`` returns never rises when loss, burstiness or delay rises.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from callresults.metrics.codecs import Codec

FB_SCALE: Final = 1.48
"""R of G.107.2 runs to 148."""


class Transmission(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs of G.107 with the defaults of its Table 3."""

    slr_db: float = 8.0
    """Send loudness rating."""
    rlr_db: float = 2.0
    """Receive loudness rating."""
    stmr_db: float = 15.0
    """Sidetone masking rating."""
    lstr_db: float = 18.0
    """Listener sidetone rating."""
    ds: float = 3.0
    """D-value of the telephone, send side."""
    telr_db: float = 65.0
    """Talker echo loudness rating."""
    wepl_db: float = 110.0
    """Weighted echo path loss."""
    t_ms: float = 0.0
    """Mean one-way delay of the echo path."""
    tr_ms: float = 0.0
    """Round-trip delay in a 4-wire loop."""
    ta_ms: float = 0.0
    """Absolute delay in echo-free connections."""
    qdu: float = 1.0
    """Quantization distortion units."""
    ie: float = 0.0
    """Equipment impairment factor."""
    bpl: float = 4.3
    """Packet-loss robustness factor."""
    ppl_percent: float = 0.0
    """Random packet-loss probability."""
    burst_r: float = 1.0
    """Burst ratio; less than 1 counts as 1."""
    nc_dbm0p: float = -70.0
    """Circuit noise referred to the 0 dBr point."""
    nfor_dbmp: float = -64.0
    """Noise floor at the receive side."""
    ps_db: float = 35.0
    """Room noise at the send side."""
    pr_db: float = 35.0
    """Room noise at the receive side."""
    a: float = 0.0
    """Advantage factor."""
    st: float = 1.0
    """Delay sensitivity."""
    mt_ms: float = 100.0
    """Minimum perceivable delay."""


class Rating(NamedTuple):
    """G.107's transmission rating and the terms that it is the sum of."""

    no_dbm0p: float
    ro: float
    i_s: float
    idte: float
    idle: float
    idd: float
    ie_eff: float
    a: float

    @property
    def r_factor(self) -> float:
        """R, clamped to 0..100."""
        impaired = self.ro - self.i_s - self.idte - self.idle - self.idd - self.ie_eff + self.a
        return min(max(impaired, 0.0), 100.0)


def rate(line: Transmission) -> Rating:
    """Return the rating of a narrowband connection by the full G.107 algorithm."""
    no = _noise(line)
    ro = 15 - 1.5 * (line.slr_db + no)
    ist = _ist(line)
    return Rating(
        no_dbm0p=no,
        ro=ro,
        i_s=_iolr(line, no) + ist + _iq(line, ro),
        idte=_idte(line, no, ist),
        idle=_idle(line, ro),
        idd=_idd(line.ta_ms, line.st, line.mt_ms),
        ie_eff=_ie_eff(95.0, line.ie, line.bpl, line.ppl_percent, line.burst_r),
        a=line.a,
    )


def delayed(delay_ms: float, **parameters: float) -> Transmission:
    """Return a connection whose only delay is ``delay_ms`` one way: T = Ta, Tr = 2 T (as in VoIP)."""
    return Transmission(t_ms=delay_ms, ta_ms=delay_ms, tr_ms=2 * delay_ms, **parameters)


def _noise(line: Transmission) -> float:
    """No: circuit noise and both rooms' noise, summed as powers (section 7.1)."""
    olr = line.slr_db + line.rlr_db
    nos = line.ps_db - line.slr_db - line.ds - 100 + 0.004 * (line.ps_db - olr - line.ds - 14) ** 2
    pre = line.pr_db + 10 * math.log10(1 + 10 ** ((10 - line.lstr_db) / 10))
    nor = line.rlr_db - 121 + pre + 0.008 * (pre - 35) ** 2
    levels = (line.nc_dbm0p, nos, nor, line.nfor_dbmp + line.rlr_db)
    return 10 * math.log10(sum(math.pow(10, level / 10) for level in levels))


def _iolr(line: Transmission, no: float) -> float:
    """Too low an overall loudness (section 7.3.1)."""
    xolr = line.slr_db + line.rlr_db + 0.2 * (64 + no - line.rlr_db)
    return 20 * (_norm(xolr / 8, 8) - xolr / 8)


def _ist(line: Transmission) -> float:
    """Non-optimum sidetone (section 7.3.2)."""
    echo = math.exp(-line.t_ms / 4) * 10 ** (-line.telr_db / 10)
    stmro = -10 * math.log10(10 ** (-line.stmr_db / 10) + echo)
    return (
        12 * _norm((stmro - 13) / 6, 8)
        - 28 * _norm((stmro + 1) / 19.4, 35)
        - 13 * _norm((stmro - 3) / 33, 13)
        + 29
    )


def _iq(line: Transmission, ro: float) -> float:
    """Quantizing distortion (section 7.3.3)."""
    q = 37 - 15 * math.log10(line.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (ro - 100) / 15 + 46 / 8.4 - g / 9
    z = 46 / 30 - g / 40
    return 15 * math.log10(1 + 10**y + 10**z)


def _idte(line: Transmission, no: float, ist: float) -> float:
    """Talker echo (section 7.4.1)."""
    terv = (
        line.telr_db
        - 40 * math.log10((1 + line.t_ms / 10) / (1 + line.t_ms / 150))
        + 6 * math.exp(-0.3 * line.t_ms**2)
    )
    if line.stmr_db < 9:
        terv += ist / 2
    half = (-1.5 * (no - line.rlr_db) - (80 + 2.5 * (terv - 14))) / 2
    idte = (half + math.hypot(half, 10) - 1) * (1 - math.exp(-line.t_ms))
    return math.hypot(idte, ist) if line.stmr_db > 20 else idte


def _idle(line: Transmission, ro: float) -> float:
    """Listener echo (section 7.4.2)."""
    half = (ro - 10.5 * (line.wepl_db + 7) / math.sqrt(math.sqrt(line.tr_ms + 1))) / 2
    return half + math.hypot(half, 13)


@lru_cache(maxsize=64)
def _idd(ta_ms: float, st: float = 1.0, mt_ms: float = 100.0) -> float:
    """Too long an absolute delay (section 7.4.3); exponents are 6 *times* sT."""
    if ta_ms <= mt_ms:
        return 0.0
    x = math.log2(ta_ms / mt_ms)
    return 25 * (_norm(x, 6 * st) - 3 * _norm(x / 3, 6 * st) + 2)


def _norm(x: float, power: float) -> float:
    """(1 + x^p)^(1/p), the soft maximum of 1 and x that G.107 is built of."""
    return math.pow(1 + math.pow(x, power), 1 / power)


def _ie_eff(ceiling: float, ie: float, bpl: float, ppl_percent: float, burst_r: float) -> float:
    """Codec and packet loss (section 7.5)."""
    if ppl_percent <= 0:
        return ie
    return ie + max(ceiling - ie, 0.0) * ppl_percent / (ppl_percent / max(burst_r, 1.0) + bpl)


def rate_fullband(
    *, ie: float, bpl: float, ppl_percent: float = 0.0, burst_r: float = 1.0, ta_ms: float = 0.0
) -> float:
    """Return R of G.107.2, 0..148, with all but codec, loss and delay at their defaults (Ro = 148)."""
    impaired = 148 - FB_SCALE * _idd(ta_ms) - _ie_eff(132, ie, bpl, ppl_percent, burst_r)
    return max(impaired, 0.0)


def mos_of(r_factor: float) -> float:
    """Return the mean opinion score, 1..4.5, of a rating on the 0..100 scale (G.107 annex B).

    The cubic dips below 1 for 0 < R < 6.52: clamped.
    """
    if r_factor <= 0:
        return 1.0
    if r_factor >= 100:
        return 4.5
    return max(1 + 0.035 * r_factor + r_factor * (r_factor - 60) * (100 - r_factor) * 7e-6, 1.0)


def good_or_better_ratio(r_factor: float) -> float:
    """Return the share of people, 0..1, who would call it good or better (G.107 annex B)."""
    return _phi((r_factor - 60) / 16)


def poor_or_worse_ratio(r_factor: float) -> float:
    """Return the share of people, 0..1, who would call it poor or worse (G.107 annex B)."""
    return _phi((45 - r_factor) / 16)


def _phi(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def model_name(codec: Codec) -> str:
    """Return the name of the model that rates a codec, such as ``g107.2/opus-swb-vbr-25``."""
    return f"{'g107' if codec.bandwidth == 'nb' else 'g107.2'}/{codec.name}"


def codec_rating(codec: Codec, *, loss_ratio: float, burst_r: float, delay_ms: float) -> float:
    """Return R on the 0..100 scale of a codec on a path: G.107 for narrowband, else G.107.2.

    Args:
        codec: its ``ie`` and ``bpl_random`` are used.
        loss_ratio: 0..1 of packets missing at playout; at 1 nothing is left to rate and R is 0.
        burst_r: BurstR; less than 1 counts as 1.
        delay_ms: mouth to ear, one way.
    """
    if loss_ratio >= 1:
        return 0.0
    loss = {"ie": codec.ie, "bpl": codec.bpl_random, "ppl_percent": 100 * loss_ratio, "burst_r": burst_r}
    if codec.bandwidth == "nb":
        # Talker echo is slightly negative below 4 ms and lifts R of G.107: never above that of no delay.
        return min(rate(delayed(ms, **loss)).r_factor for ms in (0.0, delay_ms))
    return rate_fullband(ta_ms=delay_ms, **loss) / FB_SCALE


def mos_interval(
    codecs: Iterable[Codec], *, loss_ratio: float, burst_r: float, delay_ms: float
) -> tuple[float, float]:
    """Return the lowest and highest MOS over several codec rows, arguments as for ``codec_rating``."""
    scores = [
        mos_of(codec_rating(codec, loss_ratio=loss_ratio, burst_r=burst_r, delay_ms=delay_ms))
        for codec in codecs
    ]
    return min(scores), max(scores)
