"""Tools for the tests of applications and of providers.

Names are imported when they are first used: importing this package loads neither pytest nor httpx.
"""

from typing import TYPE_CHECKING

from ..lazy import attribute_of

if TYPE_CHECKING:
    from .cassettes import Leak as Leak
    from .cassettes import leaks_in as leaks_in
    from .cassettes import vcr_config as vcr_config
    from .conformance.provider import ProviderConformance as ProviderConformance
    from .conformance.repository import BlockingRepositoryConformance as BlockingRepositoryConformance
    from .conformance.repository import RepositoryConformance as RepositoryConformance
    from .simulator import Delivered as Delivered
    from .simulator import Simulator as Simulator
    from .simulator import Webhook as Webhook
    from .simulator import deliver as deliver
    from .standins import Amount as Amount
    from .standins import Delivery as Delivery
    from .standins import Faults as Faults
    from .standins import PayPalStandIn as PayPalStandIn
    from .standins import SeenRequest as SeenRequest
    from .standins import SquareStandIn as SquareStandIn
    from .standins import StandIn as StandIn
    from .standins import StripeStandIn as StripeStandIn

__all__ = [
    "Amount",
    "BlockingRepositoryConformance",
    "Delivered",
    "Delivery",
    "Faults",
    "Leak",
    "PayPalStandIn",
    "ProviderConformance",
    "RepositoryConformance",
    "SeenRequest",
    "Simulator",
    "SquareStandIn",
    "StandIn",
    "StripeStandIn",
    "Webhook",
    "deliver",
    "leaks_in",
    "vcr_config",
]

_HOMES = {
    "cassettes": "Leak leaks_in vcr_config",
    "conformance.provider": "ProviderConformance",
    "conformance.repository": "BlockingRepositoryConformance RepositoryConformance",
    "simulator": "Delivered Simulator Webhook deliver",
    "standins": "Amount Delivery Faults PayPalStandIn SeenRequest SquareStandIn StandIn StripeStandIn",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = attribute_of(f"{__name__}.{home}", name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
