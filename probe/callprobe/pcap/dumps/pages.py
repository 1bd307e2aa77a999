"""Page and browser of a dump, reduced to what may be published: a service's name, a family, a version."""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from callprobe.pcap.dumps.model import Browser
from callresults.nettests.browser import BrowserName

UNNAMED: Final = "webrtc"
"""A page that is no known service's."""
SERVICES: Final = {
    "web.whatsapp.com": "whatsapp",
    "web.telegram.org": "telegram",
    "meet.google.com": "meet",
    "teams.microsoft.com": "teams",
    "teams.live.com": "teams",
    "teams.cloud.microsoft": "teams",
    "discord.com": "discord",
    "messenger.com": "messenger",
    "facebook.com": "messenger",
    "zoom.us": "zoom",
    "meet.jit.si": "jitsi",
    "telemost.yandex.ru": "telemost",
    "web.max.ru": "max",
    "vk.com": "vk",
    "calls.vk.com": "vk",
    "salutejazz.ru": "sberjazz",
}
"""Hosts of web clients that make calls; hosts below them count too."""
_LOOPBACK: Final = re.compile(r"localhost|.*\.localhost|127\.\d+\.\d+\.\d+|::1")
_VERSION: Final = re.compile(r"\d{1,4}")
_MARKS: Final[tuple[tuple[str, BrowserName], ...]] = (
    ("Edg", "edge"),
    ("OPR", "opera"),
    ("Firefox", "firefox"),
    ("Chrome", "chrome"),
    ("Chromium", "chrome"),
    ("Version", "safari"),
)
"""Products in a User-Agent header, the more telling ones first: most claim to be Chrome or Safari too."""
_BRANDS: Final[dict[str, BrowserName]] = {
    "Microsoft Edge": "edge",
    "Opera": "opera",
    "Google Chrome": "chrome",
    "Chromium": "chrome",
}
"""Brands of User-Agent Client Hints, the more telling ones first."""
_LONGEST: Final = 2000


def host_of_url(url: object) -> str:
    """Return the host of a URL in small letters; empty where there is none."""
    try:
        return (urlsplit(url[:_LONGEST]).hostname or "") if isinstance(url, str) else ""
    except ValueError:
        return ""


def service_of(urls: Iterable[object]) -> str:
    """Return the stable name of the service whose web client one of the URLs is, else ``webrtc``."""
    for host in map(host_of_url, urls):
        labels = host.split(".")
        for start in range(len(labels)):
            if name := SERVICES.get(".".join(labels[start:])):
                return name
    return UNNAMED


def is_loopback(urls: Iterable[object]) -> bool:
    """Tell whether any of the URLs leads to the machine itself."""
    return any(_LOOPBACK.fullmatch(host_of_url(url)) for url in urls)


def browser_of(user_agent: object, brands: object = None) -> Browser:
    """Return family and major version by the client hints, where there are any, or the User-Agent header."""
    if isinstance(brands, dict):
        brands = brands.get("brands")
    by_brand = _by_brand(brands) if isinstance(brands, list) else None
    return by_brand or _by_header(user_agent if isinstance(user_agent, str) else "")


def _by_brand(brands: list[Any]) -> Browser | None:
    versions = {
        item["brand"]: item.get("version")
        for item in brands
        if isinstance(item, dict) and isinstance(item.get("brand"), str)
    }
    for brand, name in _BRANDS.items():
        if brand in versions:
            return Browser(name=name, version=_major(versions[brand]))
    return None


def _by_header(header: str) -> Browser:
    for mark, name in _MARKS:
        found = re.search(rf"\b{mark}[A-Za-z]*/(\d+)", header[:_LONGEST])
        if found:
            return Browser(name=name, version=_major(found[1]))
    return Browser()


def _major(version: object) -> int | None:
    found = _VERSION.match(version) if isinstance(version, str) else None
    return int(found[0]) if found else None
