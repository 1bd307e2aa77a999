"""HTML that hostile text cannot break out of."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from callprobe.pcap.tell.markup import element, join, tame


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(), st.text())
def test_text_stays_text(inner: str, attribute: str) -> None:
    """Whatever the text, a browser sees one element with one attribute."""
    reader = _Reader()
    reader.feed(element("p", inner, title=attribute))
    reader.close()

    assert (reader.tags, list(reader.attributes)) == (["p"], ["title"])


@given(st.text())
def test_what_is_tamed_can_be_printed(text: str) -> None:
    """No control character, surrogate or reversal of text reaches a terminal, and no flood."""
    shown = tame(text, longest=20)

    assert shown.isprintable()
    assert len(shown) <= 20


def test_markup_inside_markup_is_kept() -> None:
    """Only strangers are escaped; nothing is nothing; names are written as Python can."""
    row = element("tr", element("td", "a<b"), None, 3, class_="n", data_x=1)

    assert row == '<tr class="n" data-x="1"><td>a&lt;b</td>3</tr>'
    assert join((row, "&")) == row + "&amp;"
    assert (
        tame("\x1b[31mred\N{RIGHT-TO-LEFT OVERRIDE}")
        == "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"
    )
