"""The embedded provider: no keys, no network, signed webhooks, time travel."""

from typing import TYPE_CHECKING

from .config import MemoryConfig

if TYPE_CHECKING:
    from .provider import InMemoryProvider as InMemoryProvider
    from .webhooks import Delivery as Delivery

__all__ = ["Delivery", "InMemoryProvider", "MemoryConfig"]


def __getattr__(name: str) -> object:
    if name == "InMemoryProvider":
        from .provider import InMemoryProvider  # noqa: PLC0415 - settings are cheaper without it

        return InMemoryProvider
    if name == "Delivery":
        from .webhooks import Delivery  # noqa: PLC0415 - settings are cheaper without it

        return Delivery
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
