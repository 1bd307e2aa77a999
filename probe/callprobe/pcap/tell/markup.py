"""HTML and SVG into which nothing can be injected: whatever this module did not make is escaped."""

import html
from collections.abc import Iterable
from typing import Final

LONGEST_TEXT: Final = 400
"""Characters that a text from a capture may have on a page or in a story."""
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_ELLIPSIS: Final = "…"


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | int | float | None
"""What an element may hold; ``None`` is nothing."""


def element(name: str, *children: Child, **attributes: Child) -> Markup:
    """Return an element; ``class_`` stands for ``class`` and ``_`` in other names for ``-``."""
    given = "".join(
        f' {_attribute_name(key)}="{html.escape(visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Return the children one after another, escaped if they are no markup."""
    return Markup("".join(map(_escaped, children)))


def visible(text: str) -> str:
    """Return text without what a terminal or browser would obey: controls, surrogates, reversals of text."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _REPLACEMENT for character in text)


def tame(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text from a capture as it may be shown: visible, and no longer than ``longest``."""
    shown = visible(text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 1] + _ELLIPSIS


def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _escaped(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else html.escape(visible(str(child)))
