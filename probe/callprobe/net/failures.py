"""What the operating system, the resolver and OpenSSL say, in the closed list of failures."""

import errno
import socket
import ssl
from typing import Final

import httpx

from callprobe.net.contract import NetError
from callresults.failure import Failure

_BY_ERRNO: Final = {
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.ECONNABORTED: Failure.CONNECTION_RESET,
    errno.EPIPE: Failure.CONNECTION_RESET,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_UNREACHABLE,
    errno.ETIMEDOUT: Failure.GENERIC_TIMEOUT,
    errno.EPERM: Failure.LOCAL_SEND_ERROR,
    errno.EACCES: Failure.LOCAL_SEND_ERROR,
    errno.EADDRNOTAVAIL: Failure.LOCAL_SEND_ERROR,
    errno.ENODEV: Failure.LOCAL_SEND_ERROR,
    errno.EMFILE: Failure.LOCAL_SEND_ERROR,
    errno.ENFILE: Failure.LOCAL_SEND_ERROR,
    errno.ENOBUFS: Failure.LOCAL_SEND_ERROR,
    errno.ENOMEM: Failure.LOCAL_SEND_ERROR,
}

_BY_RESOLVER_CODE: Final = {
    socket.EAI_NONAME: Failure.DNS_NXDOMAIN,
    socket.EAI_NODATA: Failure.DNS_NO_ANSWER,
    socket.EAI_ADDRFAMILY: Failure.DNS_NO_ANSWER,
    socket.EAI_AGAIN: Failure.DNS_TEMPORARY,
    socket.EAI_FAIL: Failure.DNS_TEMPORARY,
}

# OpenSSL, include/openssl/x509_vfy.h.in: X509_V_ERR_*
_BY_VERIFY_CODE: Final = {
    2: Failure.SSL_UNKNOWN_AUTHORITY,  # UNABLE_TO_GET_ISSUER_CERT
    18: Failure.SSL_UNKNOWN_AUTHORITY,  # DEPTH_ZERO_SELF_SIGNED_CERT
    19: Failure.SSL_UNKNOWN_AUTHORITY,  # SELF_SIGNED_CERT_IN_CHAIN
    20: Failure.SSL_UNKNOWN_AUTHORITY,  # UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: Failure.SSL_UNKNOWN_AUTHORITY,  # UNABLE_TO_VERIFY_LEAF_SIGNATURE
    27: Failure.SSL_UNKNOWN_AUTHORITY,  # CERT_UNTRUSTED
    62: Failure.SSL_INVALID_HOSTNAME,  # HOSTNAME_MISMATCH
    64: Failure.SSL_INVALID_HOSTNAME,  # IP_ADDRESS_MISMATCH
}


def failure_of(error: BaseException) -> Failure:
    """Return what a failed network operation is called; ``UNKNOWN`` for what the list does not name."""
    if isinstance(error, NetError):
        return error.failure
    if isinstance(error, ssl.SSLError):
        return _failure_of_ssl(error)
    if isinstance(error, socket.gaierror):
        return _BY_RESOLVER_CODE.get(error.errno or 0, Failure.UNKNOWN)
    if isinstance(error, TimeoutError):
        return Failure.GENERIC_TIMEOUT
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, Failure.UNKNOWN)
    return Failure.UNKNOWN


def failure_of_http(error: httpx.TransportError) -> Failure:
    """Return what a failed HTTP exchange is called: its timeout, or the first cause that has a name."""
    if isinstance(error, httpx.TimeoutException):
        return Failure.GENERIC_TIMEOUT
    cause: BaseException | None = error
    while cause is not None:
        failure = failure_of(cause)
        if failure is not Failure.UNKNOWN:
            return failure
        cause = cause.__cause__ or cause.__context__
    # httpcore says so of a peer that closed without a word; nothing below it raises
    return Failure.EOF if isinstance(error, httpx.RemoteProtocolError) else Failure.UNKNOWN


def _failure_of_ssl(error: ssl.SSLError) -> Failure:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, Failure.SSL_INVALID_CERTIFICATE)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Failure.EOF
    return Failure.SSL_FAILED_HANDSHAKE
