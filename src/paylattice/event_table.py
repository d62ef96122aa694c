"""The table of shared events: what each means, which objects it has, and what to use where a provider does not send it.

Each provider lists the events that it sends (``sends``, made from its own tables). Billing derives the events of a changed
subscription from the stored state: see :attr:`~paylattice.EventType.is_derived`. A provider lists those that no subscription of
it leads to (``never_leads_to``).
"""

from collections.abc import Collection, Mapping
from typing import Protocol

import attrs

from .events import EventType

__all__ = ["EVENTS", "Sender", "SharedEvent", "senders", "told_at"]

_E = EventType


@attrs.frozen
class SharedEvent:
    """One row.

    Args:
        when: what happened.
        carries: the fields of :class:`~paylattice.WebhookEvent` that hold an object, at every provider that sends it. An event
            about a subscription has that, too, as it is now.
        sometimes: the fields that hold one at some of the providers.
        instead: what to do where a provider does not send it.
    """

    when: str
    carries: tuple[str, ...] = ()
    instead: str = ""
    sometimes: tuple[str, ...] = ()


class Sender(Protocol):
    """What a provider says of its events."""

    @property
    def sends(self) -> frozenset[EventType] | None:
        """The events that it sends; None: it does not say."""
        ...

    @property
    def never_leads_to(self) -> frozenset[EventType]:
        """The derived events to which none of its subscriptions leads."""
        ...


def _row(when: str, carries: str = "", instead: str = "", sometimes: str = "") -> SharedEvent:
    return SharedEvent(when, tuple(carries.split()), instead, tuple(sometimes.split()))


_OPEN = "ask get_invoices() when you need it"
_DASHBOARD = "look for disputes in the provider's dashboard"
_STATE = "listen to 'subscription.past_due' and 'subscription.active', which every provider leads to"

EVENTS: Mapping[EventType, SharedEvent] = {
    _E.CUSTOMER_CREATED: _row("a customer was created", "customer", "your own call created it: store it there"),
    _E.CUSTOMER_UPDATED: _row(
        "a customer was changed", "customer", "billing.ensure_customer() returns the stored record"
    ),
    _E.CUSTOMER_DELETED: _row(
        "a customer was deleted", "customer", "the next start_checkout() replaces a missing customer"
    ),
    _E.CUSTOMER_MERGED: _row("a profile was merged into another one", "customer", "only Square merges profiles"),
    _E.CHECKOUT_COMPLETED: _row(
        "the customer has finished the page, and paid", "checkout_session", "listen to 'subscription.started'"
    ),
    _E.CHECKOUT_PENDING: _row(
        "the customer has finished, the money has not arrived",
        "checkout_session",
        "listen to 'subscription.incomplete'",
    ),
    _E.CHECKOUT_FAILED: _row("the payment of a page failed", "checkout_session", "listen to 'subscription.expired'"),
    _E.CHECKOUT_EXPIRED: _row(
        "a page was closed without a payment", "checkout_session", "get_checkout_session() says whether it is open"
    ),
    _E.SUBSCRIPTION_CREATED: _row(
        "a subscription was created, perhaps not paid yet", "subscription", "listen to 'subscription.started'"
    ),
    _E.SUBSCRIPTION_UPDATED: _row(
        "a subscription was changed",
        "subscription",
        "listen to the event of the change, such as 'subscription.plan_changed'",
    ),
    _E.SUBSCRIPTION_STARTED: _row("a subscription began: its trial, or its first paid period", "subscription"),
    _E.SUBSCRIPTION_RESUMED: _row("a pause ended", "subscription"),
    _E.SUBSCRIPTION_RENEWED: _row(
        "another period began, paid or not; also the first one after a trial", "subscription"
    ),
    _E.SUBSCRIPTION_PLAN_CHANGED: _row("the plan has changed", "subscription"),
    _E.SUBSCRIPTION_QUANTITY_CHANGED: _row(
        "the quantity has changed", "subscription", "a provider without quantities has a plan for each size"
    ),
    _E.SUBSCRIPTION_CANCELLATION_SCHEDULED: _row("it was set to end", "subscription", "listen to 'subscription.ended'"),
    _E.SUBSCRIPTION_CANCELLATION_WITHDRAWN: _row(
        "it is not set to end any more", "subscription", "a cancellation is final: subscribe again"
    ),
    _E.SUBSCRIPTION_SECOND: _row(
        "the organisation has a second current subscription, at any provider: one of a replaced page, or the later one",
        "subscription",
    ),
    _E.SUBSCRIPTION_ENDED: _row("it had begun, and has ended", "subscription"),
    _E.SUBSCRIPTION_TRIAL_ENDING: _row(
        "a trial ends in some days", "subscription", "schedule it yourself, by trial_end of the stored subscription"
    ),
    _E.SUBSCRIPTION_UPDATE_EXPIRED: _row(
        "a change that waited for a payment was dropped",
        "subscription",
        "'subscription.plan_changed' comes only if it succeeds",
    ),
    _E.SUBSCRIPTION_INCOMPLETE: _row("it waits for its first payment", "subscription"),
    _E.SUBSCRIPTION_TRIALING: _row("its status is trialing", "subscription"),
    _E.SUBSCRIPTION_ACTIVE: _row("its status is active", "subscription"),
    _E.SUBSCRIPTION_PAST_DUE: _row("a payment is overdue", "subscription"),
    _E.SUBSCRIPTION_UNPAID: _row(
        "a payment is overdue, and the provider has stopped retrying",
        "subscription",
        "listen to 'subscription.past_due'",
    ),
    _E.SUBSCRIPTION_PAUSED: _row("it is paused, or its collection is", "subscription"),
    _E.SUBSCRIPTION_CANCELED: _row("it was canceled for good", "subscription"),
    _E.SUBSCRIPTION_EXPIRED: _row("it expired, or was never paid", "subscription"),
    _E.INVOICE_CREATED: _row("an invoice was created", "invoice", _OPEN),
    _E.INVOICE_FINALIZED: _row("an invoice can be paid now", "invoice", _OPEN),
    _E.INVOICE_UPDATED: _row("an invoice was changed", "invoice", _OPEN),
    _E.INVOICE_SENT: _row("an invoice was sent to the customer", "invoice", _OPEN),
    _E.INVOICE_PAID: _row(
        "a period, or another invoice, was paid: see its reason, period, amount (which can be nothing) and payment_ids",
        "invoice",
        sometimes="payment",
    ),
    _E.INVOICE_PAYMENT_FAILED: _row("the payment of an invoice failed", "subscription", sometimes="invoice"),
    _E.INVOICE_PAYMENT_RECORDED: _row(
        "a part of an invoice was paid", "invoice", "'invoice.paid' comes when all of it is paid"
    ),
    _E.INVOICE_ACTION_REQUIRED: _row("the customer must authenticate the payment of an invoice", "invoice", _STATE),
    _E.INVOICE_ATTEMPT_REQUIRED: _row("an invoice waits for a payment of your own", "invoice", _STATE),
    _E.INVOICE_FINALIZATION_FAILED: _row("an invoice could not be finalized", "invoice", _OPEN),
    _E.INVOICE_VOIDED: _row("an invoice was voided", "invoice", _OPEN),
    _E.INVOICE_UNCOLLECTIBLE: _row("an invoice was marked uncollectible", "invoice", _STATE),
    _E.INVOICE_OVERDUE: _row("an invoice was not paid in time", "invoice", _STATE),
    _E.INVOICE_DUE_SOON: _row("an invoice is due in some days", "invoice", _OPEN),
    _E.INVOICE_UPCOMING: _row(
        "a renewal is billed in some days", "", "schedule it yourself, by current_period_end of the stored subscription"
    ),
    _E.INVOICE_OVERPAID: _row("an invoice was overpaid", "invoice", _OPEN),
    _E.INVOICE_DELETED: _row("a draft was deleted", "invoice", _OPEN),
    _E.PAYMENT_SUCCEEDED: _row("a payment succeeded, of an invoice or not", "payment"),
    _E.PAYMENT_FAILED: _row("a payment failed", "payment"),
    _E.PAYMENT_CANCELED: _row("a payment was canceled, or its authorization released", "payment"),
    _E.PAYMENT_PROCESSING: _row("the money has not arrived yet, or is held", "payment"),
    _E.PAYMENT_ACTION_REQUIRED: _row(
        "the payer must authenticate", "payment", "create_payment() raises ActionRequired"
    ),
    _E.PAYMENT_AUTHORIZED: _row("money is reserved", "payment"),
    _E.PAYMENT_PARTIALLY_FUNDED: _row(
        "a part of a bank transfer arrived", "payment", "get_payment() says how much arrived"
    ),
    _E.REFUND_CREATED: _row("a refund was created", "refund payment"),
    _E.REFUND_UPDATED: _row(
        "a refund was changed", "refund payment", "listen to 'refund.succeeded' and 'refund.failed'"
    ),
    _E.REFUND_SUCCEEDED: _row("a refund succeeded; once for each refund", "refund payment"),
    _E.REFUND_FAILED: _row("a refund failed, or was canceled: the money stayed", "refund payment"),
    _E.DISPUTE_OPENED: _row("the payer disputes a payment, or asks about it", "dispute payment", _DASHBOARD),
    _E.DISPUTE_NEEDS_RESPONSE: _row("a dispute waits for your evidence", "dispute payment", _DASHBOARD),
    _E.DISPUTE_UPDATED: _row("a dispute was changed", "dispute payment", "listen to 'dispute.won' and 'dispute.lost'"),
    _E.DISPUTE_WON: _row("a dispute was decided for you", "dispute payment", _DASHBOARD),
    _E.DISPUTE_LOST: _row("a dispute was decided against you, or accepted", "dispute payment", _DASHBOARD),
    _E.DISPUTE_CLOSED: _row(
        "a dispute ended without a decision", "dispute payment", "listen to 'dispute.won' and 'dispute.lost'"
    ),
    _E.DISPUTE_FUNDS_WITHDRAWN: _row(
        "the disputed money was taken from you", "payment", "listen to 'dispute.lost'", sometimes="dispute"
    ),
    _E.DISPUTE_FUNDS_REINSTATED: _row(
        "the disputed money came back to you", "dispute payment", "listen to 'dispute.won'"
    ),
    _E.PAYMENT_METHOD_ATTACHED: _row("a payment method was saved", "payment_method"),
    _E.PAYMENT_METHOD_DETACHED: _row("a payment method was removed", "payment_method"),
    _E.PAYMENT_METHOD_UPDATED: _row(
        "a payment method was changed", "payment_method", "get_payment_methods() says what is saved"
    ),
    _E.PAYMENT_METHOD_EXPIRING: _row(
        "a saved card expires this month", "", "exp_month and exp_year of get_payment_methods() say when"
    ),
    _E.PAYMENT_METHOD_SETUP_SUCCEEDED: _row(
        "a payment method can be charged later", "", "listen to 'payment_method.attached'"
    ),
    _E.PAYMENT_METHOD_SETUP_FAILED: _row(
        "a payment method could not be saved", "", "get_payment_methods() says what is saved"
    ),
    _E.FRAUD_WARNING: _row("the card's bank suspects fraud", "payment", "listen to 'dispute.opened'"),
}
"""Every word."""


def told_at(word: str, sends: Collection[EventType] | None, never_leads_to: Collection[EventType] = ()) -> str:
    """How you get an event at a provider: "native", "derived", "never", or "unknown" if the provider does not say."""
    if word in _DERIVED:
        return "never" if word in never_leads_to else "derived"
    if sends is None:
        return "unknown"
    return "native" if word in sends else "never"


def senders(word: str, providers: Mapping[str, Sender]) -> tuple[list[str], list[str]]:
    """Return the providers at which you get the event, and those at which you never do."""
    lacking = [name for name, each in providers.items() if told_at(word, each.sends, each.never_leads_to) == "never"]
    return [name for name in providers if name not in lacking], lacking


_DERIVED = frozenset(word for word in EventType if word.is_derived)
