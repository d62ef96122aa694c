"""The values that every provider speaks: customers, plans, subscriptions, invoices, checkouts, payments, refunds.

All of them are frozen, and made for reading: times are aware datetimes in UTC, amounts are :class:`~paylattice.Money`,
collections are tuples and immutable mappings. A word of the provider that nobody here knows becomes ``UNKNOWN`` and stays
readable in ``raw_status``; it never raises. ``raw`` is the provider's own object, for what only this provider has.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from .frozen import FrozenMap
from .money import Money

__all__ = [
    "CheckoutSession",
    "CheckoutStatus",
    "Customer",
    "Invoice",
    "InvoiceStatus",
    "Model",
    "OpenCheckout",
    "Payment",
    "PaymentMethod",
    "PaymentStatus",
    "Plan",
    "Refund",
    "RefundStatus",
    "ScheduledChange",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionItem",
    "SubscriptionStatus",
]


class SubscriptionStatus(StrEnum):
    """Where a subscription is in its life."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def grants_access(self) -> bool:
        """Whether the status by itself entitles to the product, as active and trialing do.

        ``past_due`` does not by itself; how long it still does is policy: see :meth:`paylattice.BillingService.access`.
        """
        return self in {SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING}

    @property
    def is_current(self) -> bool:
        """Whether the subscription has begun and has not ended. An unpaid or paused one is current, too."""
        return self in _CURRENT

    @property
    def is_terminal(self) -> bool:
        """Whether a subscription with this status never comes back to life."""
        return self in {SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED}


_CURRENT = frozenset(
    {
        SubscriptionStatus.TRIALING,
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.PAST_DUE,
        SubscriptionStatus.UNPAID,
        SubscriptionStatus.PAUSED,
    }
)


class PaymentStatus(StrEnum):
    """Where a payment is."""

    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    UNKNOWN = "unknown"


class InvoiceStatus(StrEnum):
    """Where an invoice is."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    UNKNOWN = "unknown"

    @property
    def payment_status(self) -> PaymentStatus:
        """The same in the words of a payment."""
        return _INVOICE_AS_PAYMENT[self]


_INVOICE_AS_PAYMENT: Mapping[InvoiceStatus, PaymentStatus] = {
    InvoiceStatus.DRAFT: PaymentStatus.PENDING,
    InvoiceStatus.OPEN: PaymentStatus.PENDING,
    InvoiceStatus.PAID: PaymentStatus.SUCCEEDED,
    InvoiceStatus.VOID: PaymentStatus.CANCELED,
    InvoiceStatus.UNCOLLECTIBLE: PaymentStatus.FAILED,
    InvoiceStatus.UNKNOWN: PaymentStatus.UNKNOWN,
}


class CheckoutStatus(StrEnum):
    """Where a hosted checkout is. ``PENDING``: completed by the customer, the money is still under way."""

    OPEN = "open"
    PENDING = "pending"
    COMPLETE = "complete"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class RefundStatus(StrEnum):
    """Where a refund is."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


NOTHING: FrozenMap[str, str] = FrozenMap()
_NO_RAW: Mapping[str, object] = FrozenMap()


def _metadata(value: Mapping[str, str] | None) -> FrozenMap[str, str]:
    if isinstance(value, FrozenMap):
        return value
    return FrozenMap(value) if value else NOTHING


def _items(value: "Iterable[SubscriptionItem]") -> "tuple[SubscriptionItem, ...]":
    return tuple(value)


def _ids(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


def _changes(value: "Iterable[ScheduledChange]") -> "tuple[ScheduledChange, ...]":
    return tuple(value)


@attrs.frozen
class Model:
    """What all models have.

    Args:
        provider: the name of the provider that the object belongs to.
        replayed: whether the provider says that this is the stored answer to an earlier request with the same key.
        raw: the provider's own object, as it came; neither compared nor shown.
    """

    provider: str = attrs.field(default="", kw_only=True, repr=False)
    replayed: bool = attrs.field(default=False, kw_only=True, repr=False, eq=False)
    raw: Mapping[str, object] = attrs.field(default=_NO_RAW, kw_only=True, repr=False, eq=False)


@attrs.frozen
class Customer(Model):
    """Who pays. ``repr`` leaves out what is personal.

    Args:
        id: the provider's id.
        email: where the provider writes to.
        name: for people.
        metadata: the application's own words.
        created_at: UTC.
        merged_from: the id that was asked for, where the provider has merged that profile into this one since.
    """

    id: str
    email: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=_metadata, repr=False)
    created_at: datetime | None = None
    merged_from: str | None = None


@attrs.frozen
class PaymentMethod(Model):
    """A saved card, bank account or wallet. ``type`` is the provider's word, for example ``card``."""

    id: str
    type: str
    last4: str | None = None
    brand: str | None = None
    customer_id: str | None = None
    exp_month: int | None = None
    exp_year: int | None = None


@attrs.frozen
class Plan(Model):
    """What can be subscribed to.

    Args:
        id: what :meth:`PaymentProvider.create_checkout_session` takes as ``plan_id``.
        name: for people.
        amount: per interval and unit; None where there is no single amount (tiers, several currencies).
        interval: ``day``, ``week``, ``month`` or ``year``; None where the plan is not recurring.
        interval_count: how many intervals make one period.
        trial_days: the plan's own trial, if it has one.
        metered: whether usage is reported and billed afterwards.
        active: whether it can be subscribed to now.
        product_id: the product that the plan sells, where the provider knows products.
        metadata: the application's own words.
    """

    id: str
    name: str | None = None
    amount: Money | None = None
    interval: str | None = None
    interval_count: int = 1
    trial_days: int | None = None
    metered: bool = False
    active: bool = True
    product_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=_metadata, repr=False)


@attrs.frozen
class SubscriptionItem(Model):
    """One line of a subscription. ``quantity`` is None for a metered plan."""

    id: str
    plan_id: str | None = None
    quantity: int | None = None
    metered: bool = False
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None


@attrs.frozen
class ScheduledChange:
    """What the provider will do to a subscription later.

    Args:
        action: ``cancel``, ``pause``, ``resume`` or ``change_plan``; otherwise the provider's own word in lower case.
        effective_at: when; UTC; None where the provider does not say.
        plan_id: the plan that it changes to.
    """

    action: str
    effective_at: datetime | None = None
    plan_id: str | None = None


@attrs.frozen
class Subscription(Model):
    """A customer's subscription.

    What decides about access besides the status is told as facts. None means that the provider does not say, or that
    nothing of the kind has happened: each field says which.

    Args:
        id: the provider's id.
        customer_id: the provider's id of the customer, if it has one.
        status: see :class:`SubscriptionStatus`.
        current_period_start: UTC; None where the provider does not say.
        current_period_end: UTC; None where the provider does not say.
        plan_id: the main item's plan: of several, one with a quantity before a metered one, then the oldest.
        metadata: the application's own words.
        quantity: the main item's quantity.
        items: all lines.
        cancel_at: when it ends, or until when it is paid for if it is already canceled; UTC.
        canceled_at: when the cancellation was asked for; UTC.
        trial_end: when the trial ends, or ended if the subscription began with it and it was free; UTC; None: there was
            none, or the provider does not say.
        collection_paused: whether invoices are held back although the status says nothing of it.
        created_at: UTC.
        version: the provider's own version of the object, where it counts versions.
        raw_status: the provider's own word for the status.
        scheduled_changes: what the provider will do to it later, where it tells.
        payment_failed_at: when the payment that is owed failed first, as far as the provider tells; UTC; None: none is
            owed, or the provider does not say when.
        paid_through: until when it is covered by money that came, or by a free trial; UTC; None: the provider does not
            say, or nothing was covered yet. A setup fee covers nothing.
        ended_at: when it ended; UTC; None: it has not, or the provider does not say.
        plan_overridden: whether it has prices, cycles, fees or taxes of its own, in place of the plan's.
    """

    id: str
    customer_id: str | None = None
    status: SubscriptionStatus = SubscriptionStatus.UNKNOWN
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    plan_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=_metadata, repr=False)
    quantity: int | None = None
    items: tuple[SubscriptionItem, ...] = attrs.field(default=(), converter=_items)
    cancel_at: datetime | None = None
    canceled_at: datetime | None = None
    trial_end: datetime | None = None
    collection_paused: bool = False
    created_at: datetime | None = None
    version: int | None = None
    raw_status: str | None = None
    scheduled_changes: tuple[ScheduledChange, ...] = attrs.field(default=(), converter=_changes)
    payment_failed_at: datetime | None = None
    paid_through: datetime | None = None
    ended_at: datetime | None = None
    plan_overridden: bool = False

    @property
    def cancel_scheduled(self) -> bool:
        """Whether the subscription is alive and set to end."""
        return self.cancel_at is not None and not self.status.is_terminal


@attrs.frozen
class SubscriptionChange:
    """The answer to a change of plan or quantity.

    Args:
        subscription: the subscription after the change, or as it still is while consent is missing.
        approval_url: where the payer must consent; None if the change is done.
    """

    subscription: Subscription
    approval_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Invoice(Model):
    """A demand for money.

    Args:
        id: the provider's id.
        customer_id: the provider's id of the customer, if it has one.
        amount: the total.
        status: see :class:`InvoiceStatus`.
        due_date: UTC; None for invoices that are charged automatically.
        paid_at: UTC.
        amount_due: what was to be paid when the invoice was made final.
        amount_paid: what has been paid.
        subscription_id: the subscription that it bills, if any.
        number: the number printed on it.
        hosted_url: the page where the customer sees and pays it.
        pdf_url: the document.
        created_at: UTC.
        raw_status: the provider's own word for the status.
    """

    id: str
    customer_id: str | None
    amount: Money
    status: InvoiceStatus = InvoiceStatus.UNKNOWN
    due_date: datetime | None = None
    paid_at: datetime | None = None
    amount_due: Money | None = None
    amount_paid: Money | None = None
    subscription_id: str | None = None
    number: str | None = None
    hosted_url: str | None = attrs.field(default=None, repr=False)
    pdf_url: str | None = attrs.field(default=None, repr=False)
    created_at: datetime | None = None
    raw_status: str | None = None

    @property
    def amount_cents(self) -> int:
        """The total in the currency's smallest unit (yen for JPY, not cents)."""
        return self.amount.amount

    @property
    def currency(self) -> str:
        """The ISO 4217 code, upper case."""
        return self.amount.currency


@attrs.frozen
class CheckoutSession(Model):
    """A page of the provider where the customer pays or subscribes.

    Args:
        id: the provider's id.
        url: where to send the customer; None once it is no longer open.
        customer_id: the customer that it was made for.
        metadata: the application's own words.
        status: see :class:`CheckoutStatus`.
        subscription_id: the subscription that came of it.
        payment_id: the payment that came of it.
        expires_at: UTC; None where the provider does not say.
        raw_status: the provider's own word for the status.
        reference: what the provider's events call it by, where that is not its id.
    """

    id: str
    url: str | None = attrs.field(default=None, repr=False)
    customer_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=_metadata, repr=False)
    status: CheckoutStatus = CheckoutStatus.OPEN
    subscription_id: str | None = None
    payment_id: str | None = None
    expires_at: datetime | None = None
    raw_status: str | None = None
    reference: str | None = None


class OpenCheckout(CheckoutSession):
    """A checkout session whose page is open, so that a redirect to its ``url`` needs no check. Otherwise it is the session.

    :meth:`paylattice.BillingService.start_checkout` answers it.
    """

    __slots__ = ()
    url: str

    @classmethod
    def of(cls, session: CheckoutSession) -> "OpenCheckout | None":
        """The session, if its page is open."""
        if session.url is None:
            return None
        return cls(**{each.name: getattr(session, each.name) for each in attrs.fields(CheckoutSession)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CheckoutSession) and _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return super().__hash__()


def _compared(session: CheckoutSession) -> list[object]:
    return [getattr(session, each.name) for each in attrs.fields(CheckoutSession) if each.eq]


@attrs.frozen
class Payment(Model):
    """A one-off payment.

    Args:
        id: the provider's id.
        amount: what was asked for.
        status: see :class:`PaymentStatus`.
        customer_id: the provider's id of the customer, if any.
        amount_captured: what has been taken; of a payment in several parts, by those that came. With ``UNKNOWN`` it can be
            less than ``amount``: some parts came, and others never will.
        amount_refunded: what has been given back, or is on its way back; None: nothing, or the provider does not say how
            much.
        payment_method_id: what it was charged to.
        description: for people.
        metadata: the application's own words.
        created_at: UTC.
        raw_status: the provider's own word for the status.
    """

    id: str
    amount: Money
    status: PaymentStatus = PaymentStatus.UNKNOWN
    customer_id: str | None = None
    amount_captured: Money | None = None
    amount_refunded: Money | None = None
    payment_method_id: str | None = None
    description: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=_metadata, repr=False)
    created_at: datetime | None = None
    raw_status: str | None = None


@attrs.frozen
class Refund(Model):
    """Money given back. A refund can fail after it was accepted: watch ``refund.failed``.

    Args:
        id: the provider's id; of several refunds together, that of the first of them.
        amount: what is given back, by all of them together.
        status: see :class:`RefundStatus`; SUCCEEDED once none is pending, UNKNOWN if some of several failed.
        payment_id: the payment.
        reason: for people.
        created_at: UTC.
        raw_status: the provider's own word for the status.
        part_ids: the ids of all, where the provider needed several refunds for what was asked for: each has events of its
            own. Empty where one was enough.
    """

    id: str
    amount: Money
    status: RefundStatus = RefundStatus.UNKNOWN
    payment_id: str | None = None
    reason: str | None = None
    created_at: datetime | None = None
    raw_status: str | None = None
    part_ids: tuple[str, ...] = attrs.field(default=(), converter=_ids)
