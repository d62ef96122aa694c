"""PayPal's stand-in server."""

from .server import PayPalStandIn

__all__ = ["PayPalStandIn"]
