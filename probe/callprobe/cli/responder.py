"""``callprobe responder serve``: the far end."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import click
import msgspec

from callprobe.cli.errors import WrongInputError
from callprobe.media.session import Label, NetworkNumber
from callprobe.net import clock
from callprobe.net.guard import Guard, GuardConfigError
from callprobe.net.loop import StampedLoop
from callprobe.responder.app import build_app
from callprobe.responder.limits import Limits
from callprobe.responder.networks import NetworkPrefix, NetworkTable
from callprobe.responder.plane import Identity, ResponderPlane
from callprobe.responder.server import PortsError, UdpPorts, bind_ports
from callprobe.scenario.toml import TomlError, read_bytes, read_toml
from callresults.collector.serve import ListenError, Tls, parse_listen, server_for


class ResponderConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The config file of a responder (TOML)."""

    responder_id: Label = "responder"
    """Name in the measurements."""
    network: NetworkNumber = "AS0"
    """AS number of the responder's own network."""
    kind: Label = "unknown"
    """What kind of network: hosting, university, home …"""
    ports: Annotated[int, msgspec.Meta(ge=1, le=256)] = 4
    """Consecutive UDP ports, the first of them the number of the TCP port."""
    behind_proxy: bool = False
    """True when the URL's port is a proxy's, so that UDP ports are not relative to it."""
    limits: Limits = Limits()
    networks: tuple[NetworkPrefix, ...] = ()
    """Which network a prefix belongs to; what is not listed is AS0."""
    tls_cert: str | None = None
    tls_key: str | None = None


@click.group(name="responder")
def responder_command() -> None:
    """Serve as the far end that probes call."""


@responder_command.command(name="serve")
@click.option("--listen", required=True, metavar="HOST:PORT", help="Where to listen; port 0 = any free run.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file.")
def serve_command(listen: str, config: Path | None) -> None:
    """Serve until interrupted; print {"url": …} once ready.

    TCP on PORT, UDP on PORT and the ports after it. Plain HTTP is spoken on loopback only.
    """
    settings = _config(config)
    tls, table = _tls(settings), _table(settings)
    try:
        host, port = _address(listen, tls)
        _check_tls(tls)
        with contextlib.ExitStack() as sockets, asyncio.Runner(loop_factory=StampedLoop) as runner:
            listener, udp = bind_ports(host, port, settings.ports)
            for opened in (listener, *udp):
                sockets.enter_context(opened)
            runner.run(_serve(listener, udp, settings, table, tls))
    except (ListenError, PortsError) as error:
        raise WrongInputError(f"--listen: {error}") from error


def _address(listen: str, tls: Tls | None) -> tuple[str, int]:
    """Return where to listen; plain HTTP on loopback only."""
    host, port = parse_listen(listen)
    if tls is None and not Guard(only_local=True).allows(host):
        raise WrongInputError(
            f"--listen: {host} is not loopback: give tls_cert and tls_key in --config, or 127.0.0.1"
        )
    try:
        allowed = Guard.from_environ(os.environ).allows(host)
    except GuardConfigError as error:
        raise WrongInputError(str(error)) from error
    if not allowed:
        raise WrongInputError(f"--listen: {host} is refused while CALLPROBE_ONLY_LOCAL is set")
    return host, port


async def _serve(
    listener: socket.socket,
    udp: Sequence[socket.socket],
    settings: ResponderConfig,
    table: NetworkTable,
    tls: Tls | None,
) -> None:
    base = listener.getsockname()[1]
    now = clock.read_clocks()
    plane = ResponderPlane(
        Identity(settings.responder_id, settings.network, settings.kind),
        base_port=None if settings.behind_proxy else base,
        ports=tuple(base + index for index in range(settings.ports)),
        entropy=secrets.token_bytes,
        utc_offset_ns=now.offset_ns,
        limits=settings.limits,
        networks=table,
        kernel_timestamps=sys.platform == "linux",
    )
    ports = UdpPorts(plane, udp)
    app = build_app(plane, now_ns=clock.now_ns, draw_port=ports.draw_port, calls=ports.calls)
    server = server_for(app, listener, tls=tls, ready=lambda url: _announce(url, settings.ports))
    ports.start()
    try:
        await server.serve(sockets=[listener])
    finally:
        await ports.stop()


def _announce(url: str, ports: int) -> None:
    click.echo(json.dumps({"url": url, "ports": ports}))


def _tls(settings: ResponderConfig) -> Tls | None:
    if settings.tls_cert is None and settings.tls_key is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        missing = "tls_key" if settings.tls_key is None else "tls_cert"
        raise WrongInputError(f"--config: {missing} is missing: a certificate and its key go together")
    return Tls(Path(settings.tls_cert), Path(settings.tls_key))


def _check_tls(tls: Tls | None) -> None:
    """Refuse files that cannot be used, by the key that names them."""
    if tls is None:
        return
    for key, file in (("tls_cert", tls.certificate), ("tls_key", tls.key)):
        try:
            read_bytes(file)
        except TomlError as error:
            raise WrongInputError(f"--config: {key}: {error}") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as error:
        raise WrongInputError(
            f"--config: tls_cert, tls_key: {tls.certificate} and {tls.key} are no certificate (PEM) with its "
            f"unencrypted key: {error.reason or error}"
        ) from error


def _table(settings: ResponderConfig) -> NetworkTable:
    try:
        return NetworkTable(settings.networks)
    except ValueError as error:
        raise WrongInputError(f"--config: networks.prefix: {error}") from error


def _config(path: Path | None) -> ResponderConfig:
    if path is None:
        return ResponderConfig()
    try:
        return msgspec.convert(read_toml(path), ResponderConfig)
    except TomlError as error:
        raise WrongInputError(str(error)) from error
    except msgspec.ValidationError as error:
        raise WrongInputError(f"{path}: {error}") from error
