"""Stripe's stand-in server."""

from .server import StripeStandIn

__all__ = ["StripeStandIn"]
