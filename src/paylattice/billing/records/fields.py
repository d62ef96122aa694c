"""What the fields of several records share."""

from collections.abc import Mapping

from ...frozen import FrozenMap
from ...models import NOTHING

__all__ = ["personal", "string_map"]


def string_map(value: Mapping[str, str] | None) -> FrozenMap[str, str]:
    """Make an immutable map of metadata."""
    return value if isinstance(value, FrozenMap) else FrozenMap(value) if value else NOTHING


def personal(what: str) -> dict[str, str]:
    """Metadata of a field that holds personal data: whose, and which. The documentation lists these fields."""
    return {"personal": what}
