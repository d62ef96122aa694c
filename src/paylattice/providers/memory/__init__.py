"""The embedded provider: no keys, no network, signed webhooks, time travel."""

from typing import TYPE_CHECKING

from ...lazy import attribute_of
from .config import MemoryConfig

if TYPE_CHECKING:
    from .provider import InMemoryProvider as InMemoryProvider
    from .webhooks import Delivery as Delivery

__all__ = ["Delivery", "InMemoryProvider", "MemoryConfig"]


def __getattr__(name: str) -> object:
    if name == "InMemoryProvider":
        return attribute_of(f"{__name__}.provider", name)
    if name == "Delivery":
        return attribute_of(f"{__name__}.webhooks", name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
