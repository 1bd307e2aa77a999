"""``make demo``: from calls to claims on this machine, without root and without internet.

Real calls run to a responder on loopback, once through a clean relay and once through the policy of August
2025; then the emulated history is played, uploaded, published and judged. Everything lies in ``build/demo``
and all processes end with this one, also on Ctrl-C.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from callprobe.cli.table import COLOURS

DEMO: Final = Path("build/demo")
SCENARIOS: Final = ("calls/telegram-voice", "calls/whatsapp-voice", "calls/webrtc-voice")
PORTS: Final = 4
SEED: Final = "2025"
HISTORY: Final = "scenarios/incidents/2025-08-russia.toml"
READY_S: Final = 30.0
STOP_S: Final = 15.0
INTERRUPTED: Final = 130
BIN: Final = Path(sys.executable).parent

console = Console(highlight=False)


class DemoError(Exception):
    """A step failed; the text says which and what it printed."""


def main() -> int:
    """Run all steps; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(INTERRUPTED))
    began = time.monotonic()
    try:
        _demo()
    except DemoError as error:
        console.print(f"[red]The demo stopped:[/] {error}", markup=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted; all processes are ended.")
        return INTERRUPTED
    console.print(
        f"Done in {time.monotonic() - began:.0f} s. Report: {(DEMO / 'report/report.html').resolve()}"
    )
    return 0


def _demo() -> None:
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    os.environ.update(CALLPROBE_ONLY_LOCAL="1", CALLPROBE_HOME=str(DEMO / "home"))
    with ExitStack() as stack:
        _step("1. Collector and responder start on loopback")
        store = str(DEMO / "store")
        collector = stack.enter_context(
            _server("callcollector", "serve", "--listen", "127.0.0.1:0", "--store", store)
        )
        responder = stack.enter_context(_server("callprobe", "responder", "serve", "--listen", "127.0.0.1:0"))
        _step("2. Calls through a clean relay, then through the policy of August 2025")
        runs = {censor: _calls(stack, censor, responder, collector) for censor in ("clean", "august-2025")}
        console.print(_difference(runs["clean"], runs["august-2025"]))
        _step("3. The emulated history, 1-20 August 2025, played in virtual time and uploaded")
        history = str(DEMO / "history")
        _tell(_run("callprobe", "lab", "incident", HISTORY, "--out", history, "--seed", SEED))
        _tell(_run("callprobe", "upload", f"{history}/measurements", "--collector", collector))
        _step("4. Published, and the claims judged")
        published = str(DEMO / "published")
        _tell(_run("callcollector", "publish", "--store", store, "--out", published))
    report = str(DEMO / "report")
    _tell(_run("callanalysis", "claims", published, "--out", report, "--seed", SEED))
    _step("5. The verdicts beside what was planted")
    found = json.loads((DEMO / "report/verdicts.json").read_text())
    planted = json.loads((DEMO / "history/truth.json").read_text())
    console.print(recovered(planted["expected"], found["claims"]))


def recovered(expected: dict[str, str], claims: Sequence[dict[str, Any]]) -> str:
    """Say how many verdicts are those that the history's author expected, and name the others."""
    found = {claim["claim_id"]: claim["verdict"] for claim in claims}
    others = [
        f"{name}: {found.get(name, 'not judged')} instead of {verdict}"
        for name, verdict in expected.items()
        if found.get(name) != verdict
    ]
    count = f"{len(expected) - len(others)} of {len(expected)} verdicts are as the history was planted."
    return "\n".join([count, *others])


def _step(text: str) -> None:
    console.print(f"\n[bold]{text}[/]", markup=True)


def _tell(text: str) -> None:
    console.print(text.rstrip(), markup=False, soft_wrap=True)


def _calls(stack: ExitStack, censor: str, responder: str, collector: str) -> dict[str, Any]:
    """Run the calls through a relay with that policy; return the run's document."""
    target = responder.removeprefix("http://")
    log = str(DEMO / f"relay-{censor}.jsonl")
    relay = stack.enter_context(
        _server(
            "callprobe", "lab", "relay", "--censor", f"scenarios/censors/{censor}.toml",
            "--listen", "127.0.0.1:0", "--to", target, "--ports", str(PORTS), "--log", log,
        )
    )  # fmt: skip
    console.print(f"   {censor}: {', '.join(SCENARIOS)} …")
    text = _run(
        "callprobe", "run", *SCENARIOS, "--responder", relay, "--collector", collector, "--json",
    )  # fmt: skip
    document: dict[str, Any] = json.loads(text)
    if document["uploaded"] != document["saved"]:
        raise DemoError(f"{document['saved']} measurements saved but {document['uploaded']} uploaded")
    return document


def _difference(clean: dict[str, Any], censored: dict[str, Any]) -> Table:
    """Return the two runs side by side, arm by arm."""
    table = Table(title="The same calls on two networks", title_justify="left", box=SIMPLE_HEAD)
    table.pad_edge, table.show_edge, table.collapse_padding = False, False, True
    for name in (
        "call",
        "arm",
        "clean:\nloss up/down",
        "\nverdict",
        "August 2025:\nloss up/down",
        "\nverdict",
    ):
        table.add_column(name, overflow="fold")
    for before, after in zip(clean["measurements"], censored["measurements"], strict=True):
        keys = before["test_keys"]
        table.add_row(
            keys["scenario_id"].partition("/")[2], keys["arm"], _loss(keys), _verdict(keys),
            _loss(after["test_keys"]), _verdict(after["test_keys"]),
        )  # fmt: skip
    return table


def _loss(keys: dict[str, Any]) -> str:
    failing = next((stage["name"] for stage in keys["stages"] if stage["outcome"] != "ok"), None)
    if failing not in {None, "media_hold"}:
        return f"dies at {failing}"
    both = [keys[f"metrics_{way}"] for way in ("up", "down")]
    return " / ".join("?" if metrics is None else f"{100 * metrics['loss_ratio']:.0f} %" for metrics in both)


def _verdict(keys: dict[str, Any]) -> str:
    if keys["verdict"] is None:
        return ""
    name = keys["verdict"]["verdict"]
    return f"[{COLOURS[name]}]{name}[/]"


def _run(program: str, *arguments: str) -> str:
    """Run a command to its end and return what it printed. Raises DemoError."""
    process = subprocess.Popen(  # noqa: S603
        [BIN / program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        stdout, stderr = process.communicate()
    finally:
        # Not killed at once, as subprocess.run does: a program that has workers ends them itself.
        _stop(process)
    if process.returncode != 0:
        said = (stderr or stdout).strip()
        raise DemoError(f"{program} {' '.join(arguments[:2])} ended with {process.returncode}: {said}")
    return stdout


@contextmanager
def _server(program: str, *arguments: str) -> Iterator[str]:
    """Start a server, give its URL once it is ready, and end it. Raises DemoError."""
    process = subprocess.Popen([BIN / program, *arguments], stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield _ready(process, [program, *arguments])
    finally:
        _stop(process)


def _ready(process: subprocess.Popen[str], command: Sequence[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        return str(json.loads(line)["url"])
    except (ValueError, KeyError) as error:
        raise DemoError(f"{' '.join(command[:3])} did not get ready") from error


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


if __name__ == "__main__":
    sys.exit(main())
