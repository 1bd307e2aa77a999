"""What the analysis reads of the published rows: names, kinds, and which of them it cannot do without.

The contract is ``callresults.store.columns.Row``; a test keeps the two together. Large columns that no
statistic needs (``canonical``) are never read.
"""

from typing import Final, Literal

Kind = Literal["text", "flag", "ratio", "number"]

COLUMNS: Final[dict[str, Kind]] = {
    "measurement_id": "text",
    "report_id": "text",
    "measurement_start_time": "text",
    "country": "text",
    "asn": "text",
    "probe_id": "text",
    "emulated": "flag",
    "history": "text",
    "nettest": "text",
    "service": "text",
    "medium": "text",
    "arm": "text",
    "pair_id": "text",
    "responder_network": "text",
    "valid": "flag",
    "void_reason": "text",
    "setup_ok": "flag",
    "setup_s": "number",
    "media_ok": "flag",
    "loss_ratio_up": "ratio",
    "loss_ratio_down": "ratio",
    "late_ratio_up": "ratio",
    "late_ratio_down": "ratio",
    "jitter_ms_up": "number",
    "jitter_ms_down": "number",
    "burst_duration_ms_up": "number",
    "burst_duration_ms_down": "number",
    "burst_r_up": "number",
    "burst_r_down": "number",
    "mos_cq_up": "number",
    "mos_cq_down": "number",
}
"""Column → kind: ``text`` is str or null, ``flag`` bool or null, ``ratio`` 0..1 or null, ``number`` float."""

OPTIONAL: Final = frozenset(
    {
        "history",
        "responder_network",
        "void_reason",
        "setup_s",
        "burst_duration_ms_up",
        "burst_duration_ms_down",
        "burst_r_up",
        "burst_r_down",
        "mos_cq_up",
        "mos_cq_down",
    }
)
"""Columns that only describe: a file without them is used, and the lack is named."""

REQUIRED: Final = frozenset(COLUMNS) - OPTIONAL

DTYPES: Final[dict[Kind, str]] = {"text": "str", "flag": "boolean", "ratio": "float64", "number": "float64"}
"""pandas dtype of each kind in the loaded frame."""
