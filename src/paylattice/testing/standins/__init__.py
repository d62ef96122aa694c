"""Stand-in servers: stateful simulations of the providers' HTTP APIs, for tests and for recording cassettes."""

from .amounts import Amount
from .faults import Faults
from .messages import Delivery, SeenRequest
from .paypal import PayPalStandIn
from .server import StandIn
from .square import SquareStandIn
from .stripe import StripeStandIn

__all__ = [
    "Amount",
    "Delivery",
    "Faults",
    "PayPalStandIn",
    "SeenRequest",
    "SquareStandIn",
    "StandIn",
    "StripeStandIn",
]
