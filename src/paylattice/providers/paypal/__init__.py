"""PayPal, over its HTTP API: no SDK is needed. Webhooks need ``pip install "paylattice[paypal]"``.

Importing this package loads neither httpx nor cryptography; the first request and the first webhook do.
"""

from typing import TYPE_CHECKING

from .config import PayPalConfig

if TYPE_CHECKING:
    from .access import TokenCache as TokenCache
    from .provider import PayPalProvider as PayPalProvider

__all__ = ["PayPalConfig", "PayPalProvider", "TokenCache"]


def __getattr__(name: str) -> object:
    if name == "PayPalProvider":
        from .provider import PayPalProvider  # noqa: PLC0415 - settings are cheaper without it

        return PayPalProvider
    if name == "TokenCache":
        from .access import TokenCache  # noqa: PLC0415 - settings are cheaper without it

        return TokenCache
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
