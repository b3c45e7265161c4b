"""A dictionary that forgets."""

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(OrderedDict[Key, Value]):
    """Holds the last `most` values that were put or recalled."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._most:
            self.popitem(last=False)

    def recall(self, key: Key) -> Value | None:
        """A value, which is then among the last; None if there is none."""
        if key in self:
            self.move_to_end(key)
        return self.get(key)
