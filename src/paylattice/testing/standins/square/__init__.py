"""Square's stand-in server."""

from .server import SquareStandIn
from .world import Variants

__all__ = ["SquareStandIn", "Variants"]
