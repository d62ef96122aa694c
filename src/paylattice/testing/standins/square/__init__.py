"""Square's stand-in server."""

from .server import SquareStandIn
from .world import Manners

__all__ = ["Manners", "SquareStandIn"]
