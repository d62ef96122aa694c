"""Webhook events, with names that all providers share."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from .models import (
    CheckoutSession,
    Customer,
    Dispute,
    DisputeStatus,
    Invoice,
    Model,
    Payment,
    PaymentMethod,
    Refund,
    Subscription,
    SubscriptionStatus,
)

__all__ = ["EventType", "WebhookEvent"]


class EventType(StrEnum):
    """The names of events that all providers share. Other events are called ``<provider>:<its own name>``."""

    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_UPDATED = "customer.updated"
    CUSTOMER_DELETED = "customer.deleted"
    CUSTOMER_MERGED = "customer.merged"

    CHECKOUT_COMPLETED = "checkout.completed"
    CHECKOUT_PENDING = "checkout.pending"
    CHECKOUT_FAILED = "checkout.failed"
    CHECKOUT_EXPIRED = "checkout.expired"

    SUBSCRIPTION_CREATED = "subscription.created"
    SUBSCRIPTION_UPDATED = "subscription.updated"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_STARTED = "subscription.started"
    SUBSCRIPTION_RENEWED = "subscription.renewed"
    SUBSCRIPTION_PLAN_CHANGED = "subscription.plan_changed"
    SUBSCRIPTION_QUANTITY_CHANGED = "subscription.quantity_changed"
    SUBSCRIPTION_CANCELLATION_SCHEDULED = "subscription.cancellation_scheduled"
    SUBSCRIPTION_CANCELLATION_WITHDRAWN = "subscription.cancellation_withdrawn"
    SUBSCRIPTION_ENDED = "subscription.ended"
    SUBSCRIPTION_SECOND = "subscription.second"
    SUBSCRIPTION_TRIAL_ENDING = "subscription.trial_ending"
    SUBSCRIPTION_UPDATE_EXPIRED = "subscription.update_expired"
    SUBSCRIPTION_INCOMPLETE = "subscription.incomplete"
    SUBSCRIPTION_TRIALING = "subscription.trialing"
    SUBSCRIPTION_ACTIVE = "subscription.active"
    SUBSCRIPTION_PAST_DUE = "subscription.past_due"
    SUBSCRIPTION_UNPAID = "subscription.unpaid"
    SUBSCRIPTION_PAUSED = "subscription.paused"
    SUBSCRIPTION_CANCELED = "subscription.canceled"
    SUBSCRIPTION_EXPIRED = "subscription.expired"

    INVOICE_CREATED = "invoice.created"
    INVOICE_FINALIZED = "invoice.finalized"
    INVOICE_UPDATED = "invoice.updated"
    INVOICE_SENT = "invoice.sent"
    INVOICE_PAID = "invoice.paid"
    INVOICE_PAYMENT_FAILED = "invoice.payment_failed"
    INVOICE_PAYMENT_RECORDED = "invoice.payment_recorded"
    INVOICE_ACTION_REQUIRED = "invoice.action_required"
    INVOICE_ATTEMPT_REQUIRED = "invoice.attempt_required"
    INVOICE_FINALIZATION_FAILED = "invoice.finalization_failed"
    INVOICE_VOIDED = "invoice.voided"
    INVOICE_UNCOLLECTIBLE = "invoice.uncollectible"
    INVOICE_OVERDUE = "invoice.overdue"
    INVOICE_DUE_SOON = "invoice.due_soon"
    INVOICE_UPCOMING = "invoice.upcoming"
    INVOICE_OVERPAID = "invoice.overpaid"
    INVOICE_DELETED = "invoice.deleted"

    PAYMENT_SUCCEEDED = "payment.succeeded"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CANCELED = "payment.canceled"
    PAYMENT_PROCESSING = "payment.processing"
    PAYMENT_ACTION_REQUIRED = "payment.action_required"
    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_PARTIALLY_FUNDED = "payment.partially_funded"

    REFUND_CREATED = "refund.created"
    REFUND_UPDATED = "refund.updated"
    REFUND_SUCCEEDED = "refund.succeeded"
    REFUND_FAILED = "refund.failed"

    DISPUTE_OPENED = "dispute.opened"
    DISPUTE_NEEDS_RESPONSE = "dispute.needs_response"
    DISPUTE_UPDATED = "dispute.updated"
    DISPUTE_WON = "dispute.won"
    DISPUTE_LOST = "dispute.lost"
    DISPUTE_CLOSED = "dispute.closed"
    DISPUTE_FUNDS_WITHDRAWN = "dispute.funds_withdrawn"
    DISPUTE_FUNDS_REINSTATED = "dispute.funds_reinstated"

    PAYMENT_METHOD_ATTACHED = "payment_method.attached"
    PAYMENT_METHOD_DETACHED = "payment_method.detached"
    PAYMENT_METHOD_UPDATED = "payment_method.updated"
    PAYMENT_METHOD_EXPIRING = "payment_method.expiring"
    PAYMENT_METHOD_SETUP_SUCCEEDED = "payment_method.setup_succeeded"
    PAYMENT_METHOD_SETUP_FAILED = "payment_method.setup_failed"

    FRAUD_WARNING = "fraud.warning"

    @classmethod
    def of_status(cls, status: SubscriptionStatus) -> "EventType | None":
        """Return the event of a subscription that has reached this status; None for ``UNKNOWN``."""
        return _OF_STATUS.get(status)

    @property
    def names_a_status(self) -> bool:
        """Whether the name is ``subscription.<status>``; its handlers run once for each change of status."""
        return self in _NAMES_A_STATUS

    @property
    def is_derived(self) -> bool:
        """Whether billing derives the event from a change of the stored subscription, at every provider."""
        return self in _DERIVED

    @classmethod
    def of_dispute(cls, status: DisputeStatus) -> "EventType":
        """Return the event of a dispute that has reached this status."""
        return _OF_DISPUTE.get(status, cls.DISPUTE_UPDATED)


_OF_STATUS: Mapping[SubscriptionStatus, EventType] = {
    status: EventType(f"subscription.{status}")
    for status in SubscriptionStatus
    if status is not SubscriptionStatus.UNKNOWN
}
_NAMES_A_STATUS = frozenset(_OF_STATUS.values())
_DERIVED = _NAMES_A_STATUS | {
    EventType.SUBSCRIPTION_STARTED,
    EventType.SUBSCRIPTION_RENEWED,
    EventType.SUBSCRIPTION_PLAN_CHANGED,
    EventType.SUBSCRIPTION_QUANTITY_CHANGED,
    EventType.SUBSCRIPTION_CANCELLATION_SCHEDULED,
    EventType.SUBSCRIPTION_CANCELLATION_WITHDRAWN,
    EventType.SUBSCRIPTION_RESUMED,
    EventType.SUBSCRIPTION_ENDED,
    EventType.SUBSCRIPTION_SECOND,
}
_OF_DISPUTE: Mapping[DisputeStatus, EventType] = {
    DisputeStatus.NEEDS_RESPONSE: EventType.DISPUTE_NEEDS_RESPONSE,
    DisputeStatus.WON: EventType.DISPUTE_WON,
    DisputeStatus.LOST: EventType.DISPUTE_LOST,
    DisputeStatus.CLOSED: EventType.DISPUTE_CLOSED,
}


def _named(value: str | None) -> str | None:
    """The id; None for an empty one, which PayPal sometimes sends."""
    return None if value == "" else value


@attrs.frozen
class WebhookEvent(Model):
    """An event of a verified delivery.

    Args:
        id: the provider's id of the event.
        type: the name that all providers share, or ``<provider>:<its own name>``.
        provider: the provider's name.
        created_at: when it happened; UTC.
        customer_id: the provider's id of the customer, if the event names one.
        subscription_id: the provider's id of the subscription, if the event names one.
        checkout_reference: the ``reference`` of the checkout session, if the event names one.
        customer: the customer in the delivery, if it holds one. Payloads can be old: prefer a fresh read.
        subscription: the subscription in the delivery.
        invoice: the invoice in the delivery.
        payment: the payment in the delivery.
        refund: the refund in the delivery.
        dispute: the dispute in the delivery.
        payment_method: the payment method in the delivery.
        checkout_session: the checkout session in the delivery.
        dedupe_key: the same for every delivery of the same event.
        delivery_id: the signed id of this delivery, if the provider signs one: each delivery counts once.
        known_as: other keys under which the event may have been applied.
        also: keys of further words that the event tells: the word, a colon, and of what. Each is told once, whichever event
            brings it.
        account_id: the account at the provider in which it happened, if that is not the credentials' own (Stripe Connect; at
            Square, another seller of the application).
        livemode: False for test events. None: the provider does not say.
        provider_type: the provider's own name of the event.
        raw: the whole delivery, unchanged.
    """

    id: str
    type: EventType | str
    created_at: datetime
    dedupe_key: str
    customer_id: str | None = attrs.field(default=None, converter=_named)
    subscription_id: str | None = attrs.field(default=None, converter=_named)
    customer: Customer | None = attrs.field(default=None, kw_only=True)
    subscription: Subscription | None = attrs.field(default=None, kw_only=True)
    invoice: Invoice | None = attrs.field(default=None, kw_only=True)
    payment: Payment | None = attrs.field(default=None, kw_only=True)
    refund: Refund | None = attrs.field(default=None, kw_only=True)
    dispute: Dispute | None = attrs.field(default=None, kw_only=True)
    payment_method: PaymentMethod | None = attrs.field(default=None, kw_only=True)
    checkout_session: CheckoutSession | None = attrs.field(default=None, kw_only=True)
    checkout_reference: str | None = attrs.field(default=None, kw_only=True)
    delivery_id: str | None = attrs.field(default=None, kw_only=True)
    known_as: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=tuple[str, ...])
    also: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=tuple[str, ...])
    account_id: str | None = attrs.field(default=None, kw_only=True)
    livemode: bool | None = attrs.field(default=None, kw_only=True)
    provider_type: str | None = attrs.field(default=None, kw_only=True)
