"""Stripe, through its official SDK: ``pip install "paylattice[stripe]"``.

Importing this package loads neither the SDK nor httpx; the first request does.
"""

from typing import TYPE_CHECKING

from ...lazy import attribute_of
from .config import API_VERSION, StripeConfig

if TYPE_CHECKING:
    from .provider import StripeProvider as StripeProvider

__all__ = ["API_VERSION", "StripeConfig", "StripeProvider"]


def __getattr__(name: str) -> object:
    if name == "StripeProvider":
        return attribute_of(f"{__name__}.provider", name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
