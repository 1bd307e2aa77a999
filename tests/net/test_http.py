import random
import ssl

import httpx
import pytest

from callprobe.net.failures import failure_of_http
from callprobe.net.guard import Guard
from callprobe.net.http import CaFileError, trusting_context
from callprobe.net.sockets import SocketNet
from callresults.failure import Failure
from helpers.servers import Authority, answering, asynctest, refused_port, tcp_server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ONLY_LOCAL = Guard(only_local=True)


def client(**options) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=SocketNet(ONLY_LOCAL, random.Random(1), **options).http())


@asynctest
async def test_loopback_is_reached_by_address_and_by_its_name():
    async with tcp_server(answering(OK)) as port, client(interface="lo") as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).text == "hello"
        assert (await http.post(f"http://localhost:{port}/", json={"a": 1})).text == "hello"


@asynctest
async def test_tls_is_checked_for_the_name_although_the_address_is_dialled(tmp_path):
    authority = Authority(tmp_path)
    async with tcp_server(answering(OK), authority.server_context("localhost")) as port:
        async with client(ca_files=[authority.ca_file]) as http:
            assert (await http.get(f"https://localhost:{port}/")).status_code == 200
        async with client(ca_files=[authority.ca_file]) as http:
            with pytest.raises(httpx.ConnectError) as by_address:
                await http.get(f"https://127.0.0.1:{port}/")
        async with client() as http:
            with pytest.raises(httpx.ConnectError) as untrusted:
                await http.get(f"https://localhost:{port}/")

    assert failure_of_http(by_address.value) is Failure.SSL_INVALID_HOSTNAME
    assert failure_of_http(untrusted.value) is Failure.SSL_UNKNOWN_AUTHORITY


@asynctest
async def test_failures_of_the_network_have_names():
    async with tcp_server(answering(b"")) as port, client() as http:
        with pytest.raises(httpx.TransportError) as ended:
            await http.get(f"http://127.0.0.1:{port}/")
        with pytest.raises(httpx.TransportError) as refused:
            await http.get(f"http://127.0.0.1:{refused_port()}/")
        with pytest.raises(httpx.TransportError) as guarded:
            await http.get("http://203.0.113.9/")

    assert failure_of_http(ended.value) is Failure.EOF
    assert failure_of_http(refused.value) is Failure.CONNECTION_REFUSED
    assert failure_of_http(guarded.value) is Failure.NOT_ALLOWED_BY_LOCAL_GUARD


def test_the_machine_s_own_settings_do_not_widen_trust(monkeypatch, tmp_path):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))

    context = trusting_context()

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not any("loopback" in str(known["subject"]) for known in context.get_ca_certs())


def test_a_broken_file_of_authorities_is_one_sentence(tmp_path):
    (tmp_path / "junk.pem").write_text("junk")

    with pytest.raises(
        CaFileError, match=r"missing\.pem gives no certificates to trust \(PEM\): No such file"
    ):
        trusting_context([tmp_path / "missing.pem"])
    with pytest.raises(CaFileError, match=r"junk\.pem gives no certificates to trust"):
        trusting_context([tmp_path / "junk.pem"])
