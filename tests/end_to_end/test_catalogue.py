"""Everything that ships runs on loopback: calls to a responder, services to servers that stand in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from click.testing import CliRunner

from callprobe.cli.main import main
from callprobe.scenario.catalogue import Catalogue
from callprobe.scenario.model import CallScenario, ServiceScenario, Target
from callprobe.wire import stun
from helpers.processes import Ended, callprobe, responder
from helpers.servers import Authority, answering, asynctest, refused_port, silent, tcp_server, udp_server

CATALOGUE = Catalogue()
SCENARIOS = [CATALOGUE.find(name) for name in CATALOGUE.ids()]
CALLS = [scenario for scenario in SCENARIOS if isinstance(scenario, CallScenario)]
SERVICES = [scenario for scenario in SCENARIOS if isinstance(scenario, ServiceScenario)]


def binding_answer(data: bytes, source: tuple[str, int]) -> bytes:
    return stun.binding_response(stun.parse(data).transaction_id, source)


async def stand_in(target: Target, authority: Authority, stack: contextlib.AsyncExitStack) -> str:
    """Serve what ``target`` promises and return its table of the endpoints file."""
    ca_file = ""
    if target.protocol == "stun":
        port = await stack.enter_async_context(udp_server(binding_answer))
    elif target.protocol == "tcp":
        port = await stack.enter_async_context(tcp_server(silent))
    else:
        status = target.expected_status[0] if target.expected_status else 200
        answer = f"HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n\r\nok".encode()
        context = authority.server_context("localhost")
        port = await stack.enter_async_context(tcp_server(answering(answer), context))
        ca_file = f'ca_file = "{authority.ca_file.name}"\n'
    return f'[targets."{target.id}"]\nhost = "localhost"\nport = {port}\n{ca_file}'


@contextlib.asynccontextmanager
async def all_services(folder: Path) -> AsyncIterator[Path]:
    """Serve every target of the catalogue; yields the endpoints file."""
    authority = Authority(folder)
    async with contextlib.AsyncExitStack() as stack:
        targets = [target for scenario in SERVICES for target in scenario.targets]
        tables = [await stand_in(target, authority, stack) for target in targets]
        endpoints = folder / "endpoints.toml"
        endpoints.write_text("\n".join(tables))
        yield endpoints


async def run_services(endpoints: Path, *names: str) -> Ended:
    return await asyncio.to_thread(callprobe, "run", *names, "--endpoints", str(endpoints), "--json")


@asynctest
async def test_every_service_answers_where_endpoints_replace_its_names(tmp_path: Path) -> None:
    """Neutral ones go first, each target has its record, and nothing public is contacted."""
    async with all_services(tmp_path) as endpoints:
        ended = await run_services(endpoints, *(scenario.id for scenario in SERVICES))
    measurements = ended.document["measurements"]
    targets = sorted(target.id for scenario in SERVICES for target in scenario.targets)
    stages = [stage for one in measurements for stage in one["test_keys"]["stages"]]

    assert (ended.code, ended.stderr) == (0, "")
    assert sorted(one["input"] for one in measurements) == targets
    assert measurements[0]["test_keys"]["arm"] == "neutral"
    assert {(stage["outcome"], stage["failure"]) for stage in stages} == {("ok", None)}
    assert {row["verdict"] for row in ended.document["verdicts"]} == {"ok"}
    assert all(one["annotations"]["emulated"] for one in measurements)


@asynctest
async def test_a_service_that_is_refused_beside_neutral_ones_that_answer_is_blocked(tmp_path: Path) -> None:
    """The verdict names the stage; the scope says that it is about an address."""
    async with all_services(tmp_path) as endpoints:
        text = endpoints.read_text()
        _, _, after = text.partition('[targets."telegram-dc2"]\nhost = "localhost"\nport = ')
        port = after.partition("\n")[0]
        endpoints.write_text(text.replace(f"port = {port}\n", f"port = {refused_port()}\n"))
        ended = await run_services(endpoints, "services/telegram", "services/neutral")
    hit = {row["target"]: row for row in ended.document["verdicts"] if row["verdict"] != "ok"}

    assert (ended.code, list(hit)) == (0, ["telegram-dc2"])
    assert hit["telegram-dc2"]["verdict"] == "blocked"
    assert hit["telegram-dc2"]["first_failing_stage"] == "tcp_connect"
    assert hit["telegram-dc2"]["scope"] == "address"


def test_every_call_gets_through_a_network_that_does_nothing(tmp_path: Path) -> None:
    """All calls at once towards one responder; each arm has a whole ladder."""

    def run(scenario: CallScenario) -> Ended:
        arguments = ("--responder", far_end.url, "--media-duration-s", "1", "--json")
        return callprobe(
            "run", scenario.id, *arguments, environ={"CALLPROBE_HOME": str(tmp_path / scenario.id)}
        )

    with responder() as far_end, ThreadPoolExecutor() as pool:
        runs = list(pool.map(run, CALLS))

    for scenario, ended in zip(CALLS, runs, strict=True):
        keys = [one["test_keys"] for one in ended.document["measurements"]]
        assert (ended.code, ended.stderr) == (0, "")
        assert [one["arm"] for one in keys] == list(scenario.arms)
        assert {stage["outcome"] for one in keys for stage in one["stages"]} == {"ok"}


def test_a_call_without_a_responder_says_what_is_missing() -> None:
    """One sentence, exit 2, for every call; a service without endpoints asks for consent."""
    for scenario in SCENARIOS:
        ended = CliRunner().invoke(main, ["run", scenario.id, "--json"])
        wanted = "give --responder URL" if isinstance(scenario, CallScenario) else "run callprobe onboard"
        assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        assert wanted in ended.stderr
