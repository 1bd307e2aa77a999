"""One HTTP exchange with a far end that may be anybody's: bounded in time and size, its text made plain."""

import asyncio
from typing import Final, NamedTuple, TypeVar

import httpx
import msgspec

MOST_SAID_CHARS: Final = 200
"""Of what a far end says, so much is shown."""
T = TypeVar("T")


class ExchangeError(Exception):
    """There is no answer that can be used; the text is a few words that name no address."""

    def __init__(self, words: str, *, answered: bool) -> None:
        """``answered``: something came, but nothing to be read."""
        super().__init__(words)
        self.answered = answered


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    headers: httpx.Headers
    body: bytes


class _Said(msgspec.Struct):
    error: str


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    deadline_s: float,
    max_bytes: int,
    content: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """Send a request and return the whole answer, which must be there within ``deadline_s``.

    An answer in a content coding is refused: a few bytes of it may be gigabytes.

    Raises:
        ExchangeError: no answer, none in time, or none of at most ``max_bytes`` plain bytes.
        NetError: what the network beneath ``client`` raises.
    """
    asked = {**(headers or {}), "Accept-Encoding": "identity"}
    try:
        async with (
            asyncio.timeout(deadline_s),
            client.stream(method, url, content=content, headers=asked) as response,
        ):
            return Reply(response.status_code, response.headers, await _body(response, max_bytes))
    except TimeoutError:
        raise ExchangeError(f"no whole answer within {deadline_s:g} s", answered=False) from None
    except httpx.HTTPError as error:
        # The type, not the text: a text may hold an address.
        raise ExchangeError(type(error).__name__, answered=False) from error
    except httpx.InvalidURL:
        raise ExchangeError("not a URL", answered=True) from None


def decoded(body: bytes, kind: type[T]) -> T | None:
    """Return a far end's JSON as ``kind``, or None when it is no such thing, whatever the bytes."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def reason(reply: Reply) -> str | None:
    """Return the sentence of ``{"error": sentence}`` as ``one_line``, or None when there is none."""
    said = decoded(reply.body, _Said)
    return one_line(said.error) or None if said else None


def one_line(text: str) -> str:
    """Return at most ``MOST_SAID_CHARS`` of a far end's text without anything that steers a terminal."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= MOST_SAID_CHARS else plain[: MOST_SAID_CHARS - 1] + "…"


async def _body(response: httpx.Response, max_bytes: int) -> bytes:
    if response.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise ExchangeError("an encoded answer", answered=True)
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > max_bytes:
            raise ExchangeError(f"an answer of more than {max_bytes} bytes", answered=True)
    return bytes(body)
