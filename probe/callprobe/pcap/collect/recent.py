"""A table that forgets the oldest of its entries, so that no file fills the memory."""

from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The last entries, at least ``limit // 2`` and at most ``limit`` of them.

    Two generations take turns: deleting single entries from the front of a dict would get slow.
    """

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """Return the entry of ``key``, or None."""
        value = self._young.get(key)
        return self._old.get(key) if value is None else value

    def put(self, key: Key, value: Value) -> None:
        """Enter ``value`` as the youngest entry."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value
