import errno
import os
import socket
import ssl

import httpx
import pytest

from callprobe.net.contract import NetError
from callprobe.net.failures import failure_of, failure_of_http
from callresults.failure import Failure


def verification_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), Failure.CONNECTION_REFUSED),
        (ConnectionResetError(errno.ECONNRESET, ""), Failure.CONNECTION_RESET),
        (BrokenPipeError(errno.EPIPE, ""), Failure.CONNECTION_RESET),
        (OSError(errno.EHOSTUNREACH, ""), Failure.HOST_UNREACHABLE),
        (OSError(errno.ENETUNREACH, ""), Failure.NETWORK_UNREACHABLE),
        (TimeoutError(), Failure.GENERIC_TIMEOUT),
        (OSError(errno.ETIMEDOUT, ""), Failure.GENERIC_TIMEOUT),
        (PermissionError(errno.EPERM, ""), Failure.LOCAL_SEND_ERROR),
        (OSError(errno.ENODEV, ""), Failure.LOCAL_SEND_ERROR),
        (OSError(errno.ENOTTY, ""), Failure.UNKNOWN),
        (OSError(), Failure.UNKNOWN),
        (socket.gaierror(socket.EAI_NONAME, ""), Failure.DNS_NXDOMAIN),
        (socket.gaierror(socket.EAI_NODATA, ""), Failure.DNS_NO_ANSWER),
        (socket.gaierror(socket.EAI_AGAIN, ""), Failure.DNS_TEMPORARY),
        (socket.gaierror(socket.EAI_MEMORY, ""), Failure.UNKNOWN),
        (verification_error(62), Failure.SSL_INVALID_HOSTNAME),
        (verification_error(64), Failure.SSL_INVALID_HOSTNAME),
        (verification_error(18), Failure.SSL_UNKNOWN_AUTHORITY),
        (verification_error(20), Failure.SSL_UNKNOWN_AUTHORITY),
        (verification_error(10), Failure.SSL_INVALID_CERTIFICATE),
        (ssl.SSLEOFError(), Failure.EOF),
        (ssl.SSLError(1, "handshake failure"), Failure.SSL_FAILED_HANDSHAKE),
        (NetError(Failure.STUN_TIMEOUT), Failure.STUN_TIMEOUT),
        (ValueError(), Failure.UNKNOWN),
    ],
)
def test_each_error_has_its_name_in_the_closed_list(error, failure):
    assert failure_of(error) is failure


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_errno_is_called_something(number):
    assert failure_of(OSError(number, os.strerror(number))) in Failure


def test_the_first_named_cause_names_an_http_failure():
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("no number")
    error.__cause__.__context__ = ConnectionRefusedError(errno.ECONNREFUSED, "")

    assert failure_of_http(error) is Failure.CONNECTION_REFUSED


def test_http_timeouts_and_silent_ends_have_names():
    assert failure_of_http(httpx.ConnectTimeout("")) is Failure.GENERIC_TIMEOUT
    assert failure_of_http(httpx.ReadTimeout("")) is Failure.GENERIC_TIMEOUT
    assert failure_of_http(httpx.RemoteProtocolError("")) is Failure.EOF
    assert failure_of_http(httpx.ConnectError("")) is Failure.UNKNOWN
