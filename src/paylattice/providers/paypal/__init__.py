"""PayPal, over its HTTP API: no SDK is needed. Webhooks need ``pip install "paylattice[paypal]"``.

Importing this package loads neither httpx nor cryptography; the first request and the first webhook do.
"""

from typing import TYPE_CHECKING

from ...lazy import attribute_of
from .config import PayPalConfig

if TYPE_CHECKING:
    from .access import TokenCache as TokenCache
    from .provider import PayPalProvider as PayPalProvider

__all__ = ["PayPalConfig", "PayPalProvider", "TokenCache"]


def __getattr__(name: str) -> object:
    if name == "PayPalProvider":
        return attribute_of(f"{__name__}.provider", name)
    if name == "TokenCache":
        return attribute_of(f"{__name__}.access", name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
