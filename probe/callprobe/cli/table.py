"""What people see of a run: a progress line while it runs, one table at the end."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from callprobe.run.events import Phase
from callprobe.run.runner import Kept
from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.call import CallKeys
from callresults.observation import first_failing

COLOURS: Final = {
    "ok": "green",
    "degraded": "yellow",
    "blocked": "red",
    "down": "magenta",
    "generic-udp": "red",
    "insufficient": "cyan",
}


class LiveProgress:
    """A line per scenario on a terminal; a ``run.events.Listener``."""

    def __init__(self) -> None:
        """Draw on stderr."""
        self._progress = Progress(
            TextColumn("{task.fields[name]:<26}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[phase]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal clean."""
        self._progress.stop()

    def phase(self, phase: Phase) -> None:
        """Move a scenario's bar."""
        task = self._tasks.get(phase.scenario_id)
        if task is None:
            task = self._progress.add_task("", total=1.0, name=phase.scenario_id, phase=phase.name)
            self._tasks[phase.scenario_id] = task
        self._progress.update(task, completed=phase.share, phase=phase.name)

    def notice(self, sentence: str) -> None:
        """Leave it to the end, where it stands below the table."""


def verdict_table(kept: Sequence[Kept], console: Console | None = None) -> None:
    """Print one row per measurement: what was tried, how far it got, both directions, the verdict.

    Fits 80 columns; why a verdict is what it is stands below.
    """
    if not kept:
        return
    console = console or Console(highlight=False)
    table = Table(title="What this network did", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    table.pad_edge, table.show_edge, table.collapse_padding = False, False, True
    table.add_column("", overflow="fold")
    table.add_column("first failing\nstage", no_wrap=True)
    for name in ("loss %\nup/down", "jitter\nms", "MOS"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    previous = None
    for item in kept:
        if item.measurement.report_id != previous:
            table.add_row(f"[bold]{_short_id(item)}[/]")
        previous = item.measurement.report_id
        table.add_row(*_cells(item))
    console.print(table)
    for line in filter(None, map(_why, kept)):
        console.print(line)


def _short_id(item: Kept) -> str:
    name = item.measurement.test_keys.scenario_id
    return name.partition("/")[2] or name


def _row_name(item: Kept) -> str:
    keys = item.measurement.test_keys
    return keys.arm if isinstance(keys, CallKeys) else keys.target_id


def _cells(item: Kept) -> tuple[str, ...]:
    keys = item.measurement.test_keys
    failing = first_failing(keys.stages)
    stage = "none" if failing is None else f"[red]{failing.name}[/]"
    if not isinstance(keys, CallKeys):
        return (f" {_row_name(item)}", stage, "", "", "", _verdict(item))
    directions = (keys.metrics_up, keys.metrics_down)
    loss = "/".join(_loss(metrics) for metrics in directions)
    return (f" {_row_name(item)}", stage, loss, _jitter(*directions), _mos(*directions), _verdict(item))


def _verdict(item: Kept) -> str:
    keys = item.measurement.test_keys
    if not keys.valid:
        return "void"
    if keys.verdict is None:
        return ""
    return f"[{COLOURS[keys.verdict.verdict]}]{keys.verdict.verdict}[/]"


def _why(item: Kept) -> str | None:
    """Return the line below the table that explains a verdict, or None where it speaks for itself."""
    keys = item.measurement.test_keys
    what = f"{_short_id(item)} {_row_name(item)}: "
    if not keys.valid:
        return f"{what}void ({keys.void_reason})"
    if keys.verdict is None:
        return None
    detail = keys.verdict.mechanism or ", ".join(keys.verdict.reasons)
    return f"{what}{_verdict(item)} ({detail})" if detail else None


def _loss(metrics: DirectionMetrics | None) -> str:
    if metrics is None or metrics.loss_ratio is None:
        return "?"
    percent = f"{100 * metrics.loss_ratio:.1f}"
    return "100" if percent == "100.0" else percent


def _jitter(*directions: DirectionMetrics | None) -> str:
    values = [item.jitter_ms for item in directions if item is not None and item.jitter_ms is not None]
    return f"{max(values):.1f}" if values else "-"


def _mos(*directions: DirectionMetrics | None) -> str:
    values = [item.mos_cq for item in directions if item is not None and item.mos_cq is not None]
    return f"{min(values):.1f}" if values else "-"
