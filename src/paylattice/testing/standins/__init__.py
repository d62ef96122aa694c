"""Stand-in servers: stateful simulations of the providers' HTTP APIs, for tests and for recording cassettes."""

from .faults import Faults
from .messages import Delivery, SeenRequest
from .paypal import PayPalStandIn
from .server import StandIn
from .simulator import Amount, Delivered, Simulator, Webhook, deliver
from .square import SquareStandIn
from .stripe import StripeStandIn

__all__ = [
    "Amount",
    "Delivered",
    "Delivery",
    "Faults",
    "PayPalStandIn",
    "SeenRequest",
    "Simulator",
    "SquareStandIn",
    "StandIn",
    "StripeStandIn",
    "Webhook",
    "deliver",
]
