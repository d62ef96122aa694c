"""One protocol for payments, subscriptions, usage, invoices and webhooks, in front of any payment provider.

Names are imported when they are first used: ``import paylattice`` itself costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import errors as errors
    from . import sync as sync
    from . import testing as testing
    from ._version import __version__ as __version__
    from .billing.access import Access as Access
    from .billing.access import AccessPolicy as AccessPolicy
    from .billing.access import AccessReason as AccessReason
    from .billing.records import BillingCustomer as BillingCustomer
    from .billing.records import BillingEvent as BillingEvent
    from .billing.records import BillingSubscription as BillingSubscription
    from .billing.records import ParkedEvent as ParkedEvent
    from .billing.repository import BillingRepository as BillingRepository
    from .billing.memory import InMemoryRepository as InMemoryRepository
    from .billing.service import BillingService as BillingService
    from .billing.webhooks import EventContext as EventContext
    from .billing.webhooks import WebhookOutcome as WebhookOutcome
    from .events import EventType as EventType
    from .events import WebhookEvent as WebhookEvent
    from .idempotency import operation_key as operation_key
    from .models import CheckoutSession as CheckoutSession
    from .models import CheckoutStatus as CheckoutStatus
    from .models import Customer as Customer
    from .models import Invoice as Invoice
    from .models import InvoiceStatus as InvoiceStatus
    from .models import Payment as Payment
    from .models import PaymentMethod as PaymentMethod
    from .models import PaymentStatus as PaymentStatus
    from .models import Plan as Plan
    from .models import Refund as Refund
    from .models import RefundStatus as RefundStatus
    from .models import Subscription as Subscription
    from .models import SubscriptionChange as SubscriptionChange
    from .models import SubscriptionItem as SubscriptionItem
    from .models import SubscriptionStatus as SubscriptionStatus
    from .money import Money as Money
    from .provider import BaseProvider as BaseProvider
    from .provider import Capability as Capability
    from .provider import Limit as Limit
    from .provider import PaymentProvider as PaymentProvider
    from .registry import PaymentProviderFactory as PaymentProviderFactory
    from .registry import create_provider as create_provider
    from .serialization import converter as converter
    from .transport import RetryPolicy as RetryPolicy
    from .transport import Timeouts as Timeouts

_SUBMODULES = frozenset({"errors", "sync", "testing"})
_HOMES = {
    "_version": "__version__",
    "billing.access": "Access AccessPolicy AccessReason",
    "billing.memory": "InMemoryRepository",
    "billing.records": "BillingCustomer BillingEvent BillingSubscription ParkedEvent",
    "billing.repository": "BillingRepository",
    "billing.service": "BillingService",
    "billing.webhooks": "EventContext WebhookOutcome",
    "events": "EventType WebhookEvent",
    "idempotency": "operation_key",
    "models": (
        "CheckoutSession CheckoutStatus Customer Invoice InvoiceStatus Payment PaymentMethod PaymentStatus Plan Refund "
        "RefundStatus Subscription SubscriptionChange SubscriptionItem SubscriptionStatus"
    ),
    "money": "Money",
    "provider": "BaseProvider Capability Limit PaymentProvider",
    "registry": "PaymentProviderFactory create_provider",
    "serialization": "converter",
    "transport": "RetryPolicy Timeouts",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [  # noqa: PLE0604 - the names are those of the table above
    *sorted(_HOME_OF),
    *sorted(_SUBMODULES),
]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
