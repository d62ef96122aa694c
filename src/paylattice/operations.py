"""The table of operations: what each one needs, answers and changes. Data only; :mod:`paylattice.guard` acts on it."""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from .events import WebhookEvent
from .models import (
    ChangePreview,
    CheckoutSession,
    Customer,
    Invoice,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    Subscription,
    SubscriptionChange,
)

__all__ = ["OPERATIONS", "Capability", "Operation", "UnsupportedReason"]


class Capability(StrEnum):
    """What a provider can do. ``create_customer`` and webhooks are always there."""

    CUSTOMERS = "customers"
    LIST_CUSTOMERS = "list_customers"
    CHECKOUT = "checkout"
    EXPIRE_CHECKOUT = "expire_checkout"
    PAYMENTS = "payments"
    DIRECT_PAYMENTS = "direct_payments"
    REFUNDS = "refunds"
    SUBSCRIPTIONS = "subscriptions"
    LIST_SUBSCRIPTIONS = "list_subscriptions"
    CREATE_SUBSCRIPTION = "create_subscription"
    CANCEL_NOW = "cancel_now"
    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    UNCANCEL = "uncancel"
    CHANGE_SUBSCRIPTION = "change_subscription"
    CHANGE_NOW = "change_now"
    CHANGE_AT_PERIOD_END = "change_at_period_end"
    CANCEL_SCHEDULED_CHANGE = "cancel_scheduled_change"
    PREVIEW_CHANGE = "preview_change"
    EXTEND_TRIAL = "extend_trial"
    PAUSE = "pause"
    BILL_OUTSTANDING = "bill_outstanding"
    METERED_USAGE = "metered_usage"
    INVOICES = "invoices"
    PAY_INVOICE = "pay_invoice"
    VOID_INVOICE = "void_invoice"
    PAYMENT_METHODS = "payment_methods"
    SETUP_SESSION = "setup_session"
    SAVE_PAYMENT_METHOD = "save_payment_method"
    SET_PAYMENT_METHOD = "set_payment_method"
    DEFAULT_PAYMENT_METHOD = "default_payment_method"
    PLANS = "plans"
    LIST_EVENTS = "list_events"
    NATIVE_REQUESTS = "native_requests"


@attrs.frozen
class UnsupportedReason:
    """Says why a provider does not offer something, and what to do instead.

    Args:
        reason: why it cannot.
        alternative: what to do instead.
    """

    reason: str
    alternative: str | None = None


@attrs.frozen
class Operation:
    """One row of the table.

    Args:
        name: the method of the protocol.
        capability: what must be declared; None: always there.
        returns: the class of the answer, or of its elements.
        writes: whether it changes something at the provider.
        many: whether the answer is a list.
        optional: whether None is an answer.
        echoes: argument -> attribute of the answer that must be equal to it.
        since: the version of the contract that added it.
        makes_keys: whether a write without an idempotency key gets one. Not every endpoint of every API takes one.
    """

    name: str
    capability: Capability | None
    returns: type
    writes: bool = False
    many: bool = False
    optional: bool = False
    echoes: Mapping[str, str] = attrs.field(factory=dict[str, str])
    since: int = 1
    makes_keys: bool = True

    def writes_with(self, arguments: Mapping[str, object]) -> bool:
        """Whether this call can change something: a native request says so by its method."""
        return self.writes and arguments.get("method") != "GET"

    def capability_for(self, arguments: Mapping[str, object]) -> Capability | None:
        """The capability that this call needs: each way to cancel, and each time of a change, is one of its own."""
        if self.name == "change_subscription":
            if arguments.get("when") == "now" or arguments.get("payment", "invoice") != "invoice":
                return Capability.CHANGE_NOW
            return Capability.CHANGE_AT_PERIOD_END if arguments.get("when") == "period_end" else self.capability
        if self.name == "cancel_subscription" and arguments.get("at_period_end"):
            return Capability.CANCEL_AT_PERIOD_END
        return self.capability


_C = Capability
_ROWS = (
    Operation("create_customer", None, Customer, writes=True),
    Operation("get_customer", _C.CUSTOMERS, Customer, optional=True, echoes={"customer_id": "id"}),
    Operation("list_customers", _C.LIST_CUSTOMERS, Customer, many=True, since=2),
    Operation("update_customer", _C.CUSTOMERS, Customer, writes=True, echoes={"customer_id": "id"}),
    Operation("delete_customer", _C.CUSTOMERS, type(None), writes=True),
    Operation(
        "create_checkout_session", _C.CHECKOUT, CheckoutSession, writes=True, echoes={"customer_id": "customer_id"}
    ),
    Operation(
        "create_payment_session", _C.PAYMENTS, CheckoutSession, writes=True, echoes={"customer_id": "customer_id"}
    ),
    Operation("get_checkout_session", _C.CHECKOUT, CheckoutSession, optional=True, echoes={"session_id": "id"}),
    Operation("expire_checkout_session", _C.EXPIRE_CHECKOUT, CheckoutSession, writes=True, echoes={"session_id": "id"}),
    Operation("get_subscription", _C.SUBSCRIPTIONS, Subscription, optional=True, echoes={"subscription_id": "id"}),
    Operation(
        "list_subscriptions", _C.LIST_SUBSCRIPTIONS, Subscription, many=True, echoes={"customer_id": "customer_id"}
    ),
    Operation(
        "create_subscription",
        _C.CREATE_SUBSCRIPTION,
        SubscriptionChange,
        writes=True,
        echoes={"customer_id": "subscription.customer_id"},
        since=2,
    ),
    Operation("cancel_subscription", _C.CANCEL_NOW, Subscription, writes=True, echoes={"subscription_id": "id"}),
    Operation(
        "uncancel_subscription", _C.UNCANCEL, Subscription, writes=True, echoes={"subscription_id": "id"}, since=2
    ),
    Operation(
        "change_subscription",
        _C.CHANGE_SUBSCRIPTION,
        SubscriptionChange,
        writes=True,
        echoes={"subscription_id": "subscription.id"},
    ),
    Operation(
        "cancel_scheduled_change",
        _C.CANCEL_SCHEDULED_CHANGE,
        Subscription,
        writes=True,
        echoes={"subscription_id": "id"},
        since=2,
    ),
    Operation(
        "preview_change",
        _C.PREVIEW_CHANGE,
        ChangePreview,
        echoes={"subscription_id": "subscription_id"},
        since=2,
    ),
    Operation("extend_trial", _C.EXTEND_TRIAL, Subscription, writes=True, echoes={"subscription_id": "id"}, since=2),
    Operation(
        "set_payment_method",
        _C.SET_PAYMENT_METHOD,
        Subscription,
        writes=True,
        echoes={"subscription_id": "id"},
        since=2,
    ),
    Operation("pause_subscription", _C.PAUSE, Subscription, writes=True, echoes={"subscription_id": "id"}),
    Operation("resume_subscription", _C.PAUSE, Subscription, writes=True, echoes={"subscription_id": "id"}),
    Operation(
        "bill_outstanding", _C.BILL_OUTSTANDING, Subscription, writes=True, echoes={"subscription_id": "id"}, since=2
    ),
    Operation("create_usage_record", _C.METERED_USAGE, bool, writes=True),
    Operation(
        "get_invoices",
        _C.INVOICES,
        Invoice,
        many=True,
        echoes={"customer_id": "customer_id", "subscription_id": "subscription_id"},
    ),
    Operation("get_invoice", _C.INVOICES, Invoice, optional=True, echoes={"invoice_id": "id"}, since=2),
    Operation("pay_invoice", _C.PAY_INVOICE, Invoice, writes=True, echoes={"invoice_id": "id"}, since=2),
    Operation("void_invoice", _C.VOID_INVOICE, Invoice, writes=True, echoes={"invoice_id": "id"}, since=2),
    Operation("get_payment", _C.PAYMENTS, Payment, optional=True, echoes={"payment_id": "id"}),
    Operation("capture_payment", _C.PAYMENTS, Payment, writes=True, echoes={"payment_id": "id"}),
    Operation("cancel_payment", _C.PAYMENTS, Payment, writes=True, echoes={"payment_id": "id"}),
    Operation(
        "create_payment",
        _C.DIRECT_PAYMENTS,
        Payment,
        writes=True,
        echoes={"amount": "amount", "customer_id": "customer_id"},
    ),
    Operation(
        "refund_payment", _C.REFUNDS, Refund, writes=True, echoes={"payment_id": "payment_id", "amount": "amount"}
    ),
    Operation(
        "get_payment_methods", _C.PAYMENT_METHODS, PaymentMethod, many=True, echoes={"customer_id": "customer_id"}
    ),
    Operation(
        "create_setup_session",
        _C.SETUP_SESSION,
        CheckoutSession,
        writes=True,
        echoes={"customer_id": "customer_id"},
        since=2,
    ),
    Operation(
        "save_payment_method",
        _C.SAVE_PAYMENT_METHOD,
        PaymentMethod,
        writes=True,
        echoes={"customer_id": "customer_id"},
        since=2,
    ),
    Operation(
        "set_default_payment_method",
        _C.DEFAULT_PAYMENT_METHOD,
        Customer,
        writes=True,
        echoes={"customer_id": "id"},
        since=2,
    ),
    Operation("remove_payment_method", _C.PAYMENT_METHODS, type(None), writes=True),
    Operation("get_plan", _C.PLANS, Plan, optional=True, echoes={"plan_id": "id"}),
    Operation("list_plans", _C.PLANS, Plan, many=True),
    Operation("list_events", _C.LIST_EVENTS, WebhookEvent, many=True),
    Operation("request", _C.NATIVE_REQUESTS, dict, writes=True, since=2, makes_keys=False),
)

OPERATIONS: Mapping[str, Operation] = {row.name: row for row in _ROWS}
"""Every operation that goes to the provider, in the order of the protocol."""
