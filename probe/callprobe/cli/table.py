"""What people see of a run: a progress line while it runs, one table at the end."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

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
    """Print one row per measurement: what was tried, how far it got, both directions, the verdict."""
    table = Table(title="What this network did", title_justify="left", header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("got to")
    for name in ("loss up/down", "jitter", "MOS"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    previous = None
    for item in kept:
        keys = item.measurement.test_keys
        if keys.scenario_id != previous:
            table.add_section()
            table.add_row(f"[bold]{keys.scenario_id.partition('/')[2] or keys.scenario_id}[/]")
        previous = keys.scenario_id
        table.add_row(*_cells(item))
    (console or Console()).print(table)


def _cells(item: Kept) -> tuple[str, ...]:
    keys = item.measurement.test_keys
    failing = first_failing(keys.stages)
    got_to = "all stages" if failing is None else f"[red]failed[/] {failing.name}"
    if not isinstance(keys, CallKeys):
        return (f"  {keys.target_id}", got_to, "", "", "", _verdict(item))
    directions = (keys.metrics_up, keys.metrics_down)
    loss = "/".join(_loss(metrics) for metrics in directions)
    return (f"  {keys.arm}", got_to, f"{loss} %", _jitter(*directions), _mos(*directions), _verdict(item))


def _verdict(item: Kept) -> str:
    keys = item.measurement.test_keys
    if keys.verdict is None:
        return "" if keys.valid else f"void: {keys.void_reason}"
    colour = COLOURS[keys.verdict.verdict]
    detail = keys.verdict.mechanism or ", ".join(keys.verdict.reasons)
    return f"[{colour}]{keys.verdict.verdict}[/]" + (f" ({detail})" if detail else "")


def _loss(metrics: DirectionMetrics | None) -> str:
    if metrics is None or metrics.loss_ratio is None:
        return "?"
    return f"{100 * metrics.loss_ratio:.1f}"


def _jitter(*directions: DirectionMetrics | None) -> str:
    values = [item.jitter_ms for item in directions if item is not None and item.jitter_ms is not None]
    return f"{max(values):.1f} ms" if values else "-"


def _mos(*directions: DirectionMetrics | None) -> str:
    values = [item.mos_cq for item in directions if item is not None and item.mos_cq is not None]
    return f"{min(values):.1f}" if values else "-"
