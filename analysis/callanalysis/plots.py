"""The report's figures as inline SVG: no script, text in the page's own colour, the same bytes every time."""

import io
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callanalysis.onset import Onset
from callanalysis.votes import Flow, select, votes

_INK: Final = "#010203"
"""Stands for the page's text colour; replaced by ``currentColor``."""
_HOME, _CONTROL, _ELSEWHERE, _MARK = "#d55e00", "#0a84c1", "#2a9d6f", "#b4539a"
"""Told apart by colour-blind readers too, and on light and dark pages; line styles differ as well."""
_STYLE: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.size": 9.0,
    "font.family": "sans-serif",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


class Scene(NamedTuple):
    """What every figure is drawn from."""

    table: pd.DataFrame
    """Attempts of the window shown."""
    country: str
    onsets: dict[Flow, Onset | None]
    """The call flows shown, each with the start of its fall."""
    emulated: bool

    @property
    def days(self) -> list[int]:
        """Every day from the first to the last shown."""
        return list(range(int(self.table["day"].min()), int(self.table["day"].max()) + 1))


def _svg(name: str, draw: Callable[[Figure], None], size: tuple[float, float], *, emulated: bool) -> str:
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        if emulated:
            figure.text(
                0.5, 0.5, "EMULATED", fontsize=64, alpha=0.10, rotation=18, ha="center", va="center", zorder=9
            )
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": name})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    return re.sub(r'<svg ([^>]*?)width="[^"]*pt"', rf'<svg role="img" aria-label="{name}" \1', text, count=1)


def _title(flow: Flow) -> str:
    return {"whatsapp": "WhatsApp", "telegram": "Telegram"}.get(flow.service or "", flow.service or "any")


def _label_days(axes: Axes, days: Sequence[int]) -> None:
    step = max(1, len(days) // 4)
    shown = list(days)[::step]
    axes.set_xticks(shown, [f"{date.fromordinal(day):%-d %b}" for day in shown])
    axes.set_xlim(days[0] - 0.6, days[-1] + 0.6)


def _share(axes: Axes) -> None:
    axes.set_ylim(-0.03, 1.05)
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.grid(axis="y", color=_INK, alpha=0.15, linewidth=0.6)


def _daily(table: pd.DataFrame, flow: Flow) -> pd.DataFrame:
    """Return each day's mean vote with a Wilson interval over volunteers: ``value low high n``."""
    cast = votes(table, [flow], "usable").groupby("day")["value"].agg(["mean", "size"])
    count, mean, z2 = cast["size"], cast["mean"], 1.96**2
    centre = (mean + z2 / (2 * count)) / (1 + z2 / count)
    half = 1.96 * np.sqrt(mean * (1 - mean) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    return pd.DataFrame({"value": mean, "low": centre - half, "high": centre + half, "n": count})


def _mark(axes: Axes, onset: Onset | None) -> None:
    if onset is not None:
        axes.axvspan(onset.first - 0.5, onset.last + 0.5, color=_MARK, alpha=0.18, linewidth=0)
        axes.axvline(onset.day - 0.5, color=_MARK, linewidth=1.4)


def _line(axes: Axes, daily: pd.DataFrame, colour: str, style: str, label: str) -> None:
    axes.plot(daily.index, daily["value"], style, color=colour, linewidth=1.6, markersize=3.5, label=label)


def _success_axes(axes: Axes, scene: Scene, flow: Flow) -> None:
    home = scene.table["country"] == scene.country
    own = _daily(scene.table[home], flow)
    axes.fill_between(own.index, own["low"], own["high"], color=_HOME, alpha=0.18, linewidth=0)
    _mark(axes, scene.onsets[flow])
    matched = scene.table[home & (scene.table["arm"] == "control")]
    as_flow = matched.assign(arm="shaped")
    _line(axes, _daily(as_flow, flow), _CONTROL, "s--", "control")
    _line(axes, _daily(scene.table[~home], flow), _ELSEWHERE, "^:", "elsewhere")
    _line(axes, own, _HOME, "o-", scene.country)
    axes.set_title(f"{_title(flow)} {flow.medium}")
    _share(axes)
    axes.tick_params(labelbottom=False)


def _strip(axes: Axes, scene: Scene, medium: str) -> None:
    home = scene.table[(scene.table["country"] == scene.country) & (scene.table["arm"] == "shaped")]
    count = home[home["medium"] == medium].groupby("day")["probe_id"].nunique()
    axes.bar(count.index, count, color=_INK, alpha=0.45, width=0.8)
    axes.set_ylabel("volunteers")
    _label_days(axes, scene.days)


def success(scene: Scene) -> str:
    """Draw the share of usable calls per service over days, the onset marked, volunteers counted below."""

    def draw(figure: Figure) -> None:
        media = [medium for medium in ("voice", "video") if any(f.medium == medium for f in scene.onsets)]
        columns = {medium: [flow for flow in scene.onsets if flow.medium == medium] for medium in media}
        rows = max(len(flows) for flows in columns.values())
        grid = figure.subplots(
            rows + 1, len(media), sharex=True, squeeze=False, height_ratios=[3.0] * rows + [1.0]
        )
        for column, (medium, flows) in enumerate(columns.items()):
            for row, flow in enumerate(flows):
                _success_axes(grid[row, column], scene, flow)
            _strip(grid[rows, column], scene, medium)
        grid[0, 0].legend(loc="lower left", fontsize=8)

    return _svg("Share of usable calls per day", draw, (9.0, 6.0), emulated=scene.emulated)


def _split(scene: Scene, flow: Flow) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return connected calls of the country before and after the flow's onset (or the middle day)."""
    onset = scene.onsets[flow]
    day = onset.day if onset else scene.days[len(scene.days) // 2]
    own = select(scene.table[scene.table["country"] == scene.country], [flow])
    own = own[own["connected"] == 1]
    return own[own["day"] < day], own[own["day"] >= day]


def _cumulative(axes: Axes, values: "pd.Series[float]", colour: str, style: str, label: str) -> None:
    ordered = np.sort(values.dropna().to_numpy(np.float64))
    if len(ordered):
        heights = np.arange(1, len(ordered) + 1) / len(ordered)
        axes.step(ordered, heights, style, where="post", color=colour, linewidth=1.6, label=label)


def distributions(scene: Scene) -> str:
    """Draw how loss and bursts were distributed before and after, per service, as cumulative shares."""

    def draw(figure: Figure) -> None:
        flows = [flow for flow in scene.onsets if flow.medium == "voice"]
        grid = figure.subplots(2, len(flows), squeeze=False, sharey=True)
        for column, flow in enumerate(flows):
            for part, colour, style, label in zip(
                _split(scene, flow), (_CONTROL, _HOME), ("--", "-"), ("before", "after"), strict=True
            ):
                _cumulative(grid[0, column], 100 * part["harm"], colour, style, label)
                burst = part[["burst_duration_ms_up", "burst_duration_ms_down"]].max(axis=1)
                _cumulative(grid[1, column], burst, colour, style, label)
            grid[0, column].set_title(f"{_title(flow)} voice, connected calls")
            grid[0, column].set_xlabel("packets lost or late, worse direction (%)")
            grid[1, column].set_xlabel("mean burst duration, worse direction (ms)")
            for axes in grid[:, column]:
                _share(axes)
        grid[0, 0].set_ylabel("share of calls")
        grid[1, 0].set_ylabel("share of calls")
        grid[0, 0].legend(loc="lower right", fontsize=8)

    return _svg("Loss and bursts before and after", draw, (9.0, 5.0), emulated=scene.emulated)


def _cells(scene: Scene, flow: Flow) -> pd.DataFrame:
    own = scene.table[(scene.table["country"] == scene.country) & (scene.table["asn"] != "AS0")]
    cast = votes(own, [flow], "usable").groupby(["asn", "day"])["value"].mean().reset_index()
    cells = cast.pivot_table(index="asn", columns="day", values="value").reindex(columns=scene.days)
    onset = scene.onsets[flow]
    day = onset.day if onset else scene.days[0]
    after = [shown for shown in scene.days if shown >= day]
    return cells.loc[cells[after].mean(axis=1).sort_values(kind="stable").index]


def networks(scene: Scene) -> str:
    """Draw the usable share of each network on each day; networks that fell furthest come last."""
    flows = [flow for flow in scene.onsets if flow.medium == "voice"]
    tables = [_cells(scene, flow) for flow in flows]

    def draw(figure: Figure) -> None:
        grid = figure.subplots(1, len(flows), squeeze=False)
        for axes, flow, cells in zip(grid[0], flows, tables, strict=True):
            edges_x = np.array([*scene.days, scene.days[-1] + 1]) - 0.5
            edges_y = np.arange(len(cells) + 1) - 0.5
            values = np.ma.masked_invalid(cells.to_numpy(np.float64))
            mesh = axes.pcolormesh(edges_x, edges_y, values, cmap="cividis", vmin=0, vmax=1, rasterized=False)
            axes.set_yticks(range(len(cells)), list(cells.index))
            axes.set_title(f"{_title(flow)} voice")
            _mark_start(axes, scene.onsets[flow])
            _label_days(axes, scene.days)
            axes.spines[:].set_visible(False)
        bar = figure.colorbar(mesh, ax=grid[0, -1], ticks=[0, 0.5, 1], shrink=0.8)
        bar.ax.set_yticklabels(["0 %", "50 %", "100 %"])
        bar.set_label("usable calls")
        if bar.solids is not None:
            bar.solids.set_rasterized(False)  # else the bar alone would be a bitmap

    height = 1.2 + 0.26 * max(len(cells) for cells in tables)
    return _svg("Networks and days", draw, (9.0, max(height, 2.6)), emulated=scene.emulated)


def _mark_start(axes: Axes, onset: Onset | None) -> None:
    if onset is not None:
        axes.axvline(onset.day - 0.5, color=_MARK, linewidth=2.0)


def services(scene: Scene) -> str:
    """Draw the share of endpoints that answer, per arm, on days: what was *not* calls."""
    own = scene.table[scene.table["country"] == scene.country]
    kinds = own.loc[own["nettest"] == "service_reachability", ["arm", "service", "medium"]].drop_duplicates()
    flows = [
        Flow(arm=arm, service=service, medium=medium)
        for arm, service, medium in sorted(kinds.to_numpy().tolist())
    ]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        styles = ("o-", "s--", "^:", "D-.", "v-", "x--")
        for index, flow in enumerate(flows):
            label = (
                "relay address (STUN)"
                if flow.medium == "voice"
                else {"service": "messaging"}.get(flow.arm, flow.arm)
            )
            colour = (_HOME, _CONTROL, _ELSEWHERE, _MARK, "#9c8410", "#7a7a7a")[index % 6]
            _line(axes, _daily(own, flow), colour, styles[index % 6], f"{flow.service}: {label}")
        _share(axes)
        _label_days(axes, scene.days)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)

    return _svg("Endpoints that answer per day", draw, (9.0, 2.8), emulated=scene.emulated)
