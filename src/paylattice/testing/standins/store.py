"""What a stand-in keeps: objects by kind and id, and the events that wait to be delivered."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs

__all__ = ["JSON", "Store"]

JSON: TypeAlias = dict[str, Any]
"""An object as the provider has it. Keys that begin with an underscore are the stand-in's own, and are never sent."""

_DELETED = "_deleted"


@attrs.define
class Store:
    """Objects by kind and id. What is deleted is not found any more, and still counted."""

    outbox: list[JSON] = attrs.field(factory=list[JSON], init=False)
    _objects: dict[str, dict[str, JSON]] = attrs.field(factory=dict[str, dict[str, JSON]], init=False)
    _made: Counter[str] = attrs.field(factory=Counter[str], init=False)

    def next_number(self, series: str) -> int:
        """Count up: ids are the same in every run."""
        self._made[series] += 1
        return self._made[series]

    def put(self, kind: str, identifier: str, data: JSON) -> JSON:
        """Keep an object."""
        self._objects.setdefault(kind, {})[identifier] = data
        return data

    def get(self, kind: str, identifier: object) -> JSON | None:
        """Return the object; None if there is none, also if it was deleted."""
        found = self._objects.get(kind, {}).get(str(identifier))
        return None if found is None or found.get(_DELETED) else found

    def existed(self, kind: str, identifier: object) -> bool:
        """Tell whether there is or was such an object."""
        return str(identifier) in self._objects.get(kind, {})

    def rows(self, kind: str) -> list[JSON]:
        """Return the objects of a kind, oldest first."""
        return [found for found in self._objects.get(kind, {}).values() if not found.get(_DELETED)]

    def delete(self, data: JSON) -> None:
        """Let the object be found no more."""
        data[_DELETED] = True

    def count(self, kind: str) -> int:
        """Return how many objects of a kind were ever made."""
        return len(self._objects.get(kind, {}))

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of objects that there are."""
        return sorted(self._objects)
