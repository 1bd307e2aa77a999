"""Page and browser: what may be said of them is a name on a list and a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.dumps.pages import SERVICES, UNNAMED, browser_of, host_of_url, is_loopback, service_of

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://web.telegram.org/k/#777", "telegram"),
        ("https://web.whatsapp.com/", "whatsapp"),
        ("https://www.messenger.com/groupcall/x", "messenger"),
        ("https://us05web.zoom.us/wc/1?pwd=x", "zoom"),
        ("https://meet.google.com:443/abc", "meet"),
        ("https://evil-zoom.us/", UNNAMED),
        ("https://zoom.us.example.org/", UNNAMED),
        ("http://[::1", UNNAMED),
        ("/room/token", UNNAMED),
        (None, UNNAMED),
        (7, UNNAMED),
    ],
)
def test_a_service_is_told_by_its_host(url: object, service: str) -> None:
    assert service_of([None, url]) == service


@pytest.mark.parametrize(
    "url", ["http://localhost:3001/", "http://127.0.0.1/", "http://[::1]:80/", "http://a.localhost"]
)
def test_a_page_of_this_machine_is_told(url: str) -> None:
    assert is_loopback([url])
    assert not is_loopback(["https://localhost.example.org", None])


@pytest.mark.parametrize(
    ("header", "name", "version"),
    [
        (CHROME, "chrome", 149),
        (f"{CHROME} Edg/149.0.0.0", "edge", 149),
        (f"{CHROME} OPR/120.0.0.0", "opera", 120),
        ("Mozilla/5.0 (Android 14; Mobile; rv:141.0) Gecko/141.0 Firefox/141.0", "firefox", 141),
        (
            "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
            "safari",
            18,
        ),
        ("Ada's own browser at 192.0.2.77", "other", None),
        ("", "other", None),
        (None, "other", None),
    ],
)
def test_a_browser_is_told_by_its_header(header: object, name: str, version: int | None) -> None:
    found = browser_of(header)

    assert (found.name, found.version) == (name, version)


@pytest.mark.parametrize(
    "brands",
    [
        [{"brand": "Not A;Brand", "version": "99"}, {"brand": "Chromium", "version": "144.0.1.2"}],
        {"brands": [{"brand": "Google Chrome", "version": "144"}], "mobile": True},
    ],
)
def test_hints_go_before_the_header(brands: object) -> None:
    found = browser_of("Mozilla/5.0 Firefox/1.0", brands)

    assert (found.name, found.version) == ("chrome", 144)


@pytest.mark.parametrize("brands", [None, {}, [], [7], [{"brand": 5}], [{"brand": "Ada"}], "Chromium"])
def test_hints_that_say_nothing_are_no_hints(brands: object) -> None:
    assert browser_of(CHROME, brands).version == 149


def test_services_are_named_in_small_letters() -> None:
    assert all(name == name.lower() and name.isascii() for name in SERVICES.values())


@given(st.text() | st.none())
def test_no_text_of_a_page_comes_through(url: str | None) -> None:
    assert service_of([url]) in {UNNAMED, *SERVICES.values()}
    assert "/" not in host_of_url(url)
    assert browser_of(url).name in {"chrome", "edge", "opera", "firefox", "safari", "other"}
