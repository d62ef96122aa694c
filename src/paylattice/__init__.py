"""One protocol for payments, subscriptions, usage, invoices and webhooks, in front of any payment provider.

Names are imported when they are first used: ``import paylattice`` itself costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import errors, sync, testing
    from ._version import __version__
    from .billing.access import Access, AccessPolicy, AccessReason
    from .billing.closing import EndedSubscriptions, NotEnded
    from .billing.handlers import EventContext
    from .billing.maintenance.catch_up import CaughtUp, Gap
    from .billing.maintenance.purge import FailedEvent, PurgedEvents
    from .billing.maintenance.reconcile import Difference, Reconciled
    from .billing.maintenance.recover import Recovered
    from .billing.maintenance.report import FailedPart, MaintenanceReport
    from .billing.memory import InMemoryRepository
    from .billing.outcomes import WebhookOutcome
    from .billing.owners import RefusalReason, RefusedSubscription
    from .billing.records import (
        BillingBookmark,
        BillingCheckout,
        BillingCustomer,
        BillingEvent,
        BillingMigration,
        BillingOperation,
        BillingSubscription,
        CheckoutState,
        MigrationStep,
        OperationState,
        UnmatchedEvent,
    )
    from .billing.replaced_customers import ReplacedCustomer
    from .billing.replies import WebhookReply
    from .billing.repository import BillingRepository
    from .billing.service import BillingService
    from .events import EventType, WebhookEvent
    from .idempotency import operation_key
    from .models import (
        BrowserSettings,
        ChangePreview,
        CheckoutSession,
        CheckoutStatus,
        Customer,
        Dispute,
        DisputeCategory,
        DisputeStatus,
        Invoice,
        InvoiceLine,
        InvoiceReason,
        InvoiceStatus,
        OpenCheckout,
        Payment,
        PaymentMethod,
        PaymentStatus,
        Plan,
        Refund,
        RefundStatus,
        ScheduledChange,
        Subscription,
        SubscriptionChange,
        SubscriptionItem,
        SubscriptionStatus,
    )
    from .money import Money
    from .provider import BaseProvider, Capability, PaymentProvider, UnsupportedReason
    from .registry import PaymentProviderFactory, create_provider
    from .serialization import converter, event_from_json, event_to_json
    from .transport import RetryPolicy, Timeouts

__all__ = [
    "Access",
    "AccessPolicy",
    "AccessReason",
    "BaseProvider",
    "BillingBookmark",
    "BillingCheckout",
    "BillingCustomer",
    "BillingEvent",
    "BillingMigration",
    "BillingOperation",
    "BillingRepository",
    "BillingService",
    "BillingSubscription",
    "BrowserSettings",
    "Capability",
    "CaughtUp",
    "ChangePreview",
    "CheckoutSession",
    "CheckoutState",
    "CheckoutStatus",
    "Customer",
    "Difference",
    "Dispute",
    "DisputeCategory",
    "DisputeStatus",
    "EndedSubscriptions",
    "EventContext",
    "EventType",
    "FailedEvent",
    "FailedPart",
    "Gap",
    "InMemoryRepository",
    "Invoice",
    "InvoiceLine",
    "InvoiceReason",
    "InvoiceStatus",
    "MaintenanceReport",
    "MigrationStep",
    "Money",
    "NotEnded",
    "OpenCheckout",
    "OperationState",
    "Payment",
    "PaymentMethod",
    "PaymentProvider",
    "PaymentProviderFactory",
    "PaymentStatus",
    "Plan",
    "PurgedEvents",
    "Reconciled",
    "Recovered",
    "Refund",
    "RefundStatus",
    "RefusalReason",
    "RefusedSubscription",
    "ReplacedCustomer",
    "RetryPolicy",
    "ScheduledChange",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionItem",
    "SubscriptionStatus",
    "Timeouts",
    "UnmatchedEvent",
    "UnsupportedReason",
    "WebhookEvent",
    "WebhookOutcome",
    "WebhookReply",
    "__version__",
    "converter",
    "create_provider",
    "errors",
    "event_from_json",
    "event_to_json",
    "operation_key",
    "sync",
    "testing",
]

_SUBMODULES = frozenset({"errors", "sync", "testing"})
_HOMES = {
    "_version": "__version__",
    "billing.access": "Access AccessPolicy AccessReason",
    "billing.closing": "EndedSubscriptions NotEnded",
    "billing.handlers": "EventContext",
    "billing.memory": "InMemoryRepository",
    "billing.maintenance.catch_up": "CaughtUp Gap",
    "billing.maintenance.purge": "PurgedEvents FailedEvent",
    "billing.maintenance.reconcile": "Difference Reconciled",
    "billing.maintenance.recover": "Recovered",
    "billing.maintenance.report": "FailedPart MaintenanceReport",
    "billing.owners": "RefusalReason RefusedSubscription",
    "billing.replaced_customers": "ReplacedCustomer",
    "billing.records": (
        "BillingBookmark BillingCheckout BillingCustomer BillingEvent BillingMigration BillingOperation BillingSubscription "
        "CheckoutState MigrationStep OperationState UnmatchedEvent"
    ),
    "billing.replies": "WebhookReply",
    "billing.repository": "BillingRepository",
    "billing.service": "BillingService",
    "billing.outcomes": "WebhookOutcome",
    "events": "EventType WebhookEvent",
    "idempotency": "operation_key",
    "models": (
        "BrowserSettings ChangePreview CheckoutSession CheckoutStatus Customer Dispute DisputeCategory DisputeStatus Invoice "
        "InvoiceLine InvoiceReason InvoiceStatus OpenCheckout Payment PaymentMethod PaymentStatus Plan Refund RefundStatus "
        "ScheduledChange Subscription SubscriptionChange SubscriptionItem SubscriptionStatus"
    ),
    "money": "Money",
    "provider": "BaseProvider Capability UnsupportedReason PaymentProvider",
    "registry": "PaymentProviderFactory create_provider",
    "serialization": "converter event_from_json event_to_json",
    "transport": "RetryPolicy Timeouts",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    from .lazy import attribute_of, submodule  # noqa: PLC0415 - importing the package alone loads no module of it

    if name in _SUBMODULES:
        return submodule(f"{__name__}.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = attribute_of(f"{__name__}.{home}", name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
