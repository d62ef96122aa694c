"""Square's stand-in server."""

from .server import SquareStandIn

__all__ = ["SquareStandIn"]
