"""Square, over its HTTP API: no SDK is needed.

Importing this package does not load httpx; the first request does.
"""

from typing import TYPE_CHECKING

from ...lazy import attribute_of
from .config import API_VERSION, SquareConfig

if TYPE_CHECKING:
    from .provider import SquareProvider as SquareProvider

__all__ = ["API_VERSION", "SquareConfig", "SquareProvider"]


def __getattr__(name: str) -> object:
    if name == "SquareProvider":
        return attribute_of(f"{__name__}.provider", name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
