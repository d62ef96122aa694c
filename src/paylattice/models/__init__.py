"""The values that every provider speaks: customers, plans, subscriptions, invoices, checkouts, payments, disputes.

All of them are frozen, and made for reading: times are aware datetimes in UTC, amounts are :class:`~paylattice.Money`,
collections are tuples and immutable mappings. A word of the provider that nobody here knows becomes ``UNKNOWN`` and stays
readable in ``raw_status``; it never raises. ``raw`` is the provider's own object, for what only this provider has.
"""

from .base import NOTHING, Model
from .checkouts import CheckoutSession, CheckoutStatus, OpenCheckout
from .customers import Customer, PaymentMethod
from .disputes import Dispute, DisputeStatus
from .invoices import Invoice, InvoiceLine, InvoiceReason, InvoiceStatus
from .payments import Payment, PaymentStatus, Refund, RefundStatus
from .plans import Plan
from .subscriptions import ScheduledChange, Subscription, SubscriptionChange, SubscriptionItem, SubscriptionStatus

__all__ = [
    "NOTHING",
    "CheckoutSession",
    "CheckoutStatus",
    "Customer",
    "Dispute",
    "DisputeStatus",
    "Invoice",
    "InvoiceLine",
    "InvoiceReason",
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
