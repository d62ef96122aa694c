"""The models that every provider returns: customers, plans, subscriptions, invoices, checkouts, payments, disputes.

All of them are frozen. Times are aware datetimes in UTC, amounts are :class:`~paylattice.Money`,
collections are tuples and immutable mappings. A status that the library does not know becomes ``UNKNOWN`` and stays
readable in ``raw_status``; it never raises. ``raw`` is the provider's own object, with everything that only this provider has.
"""

from .base import NOTHING, Model
from .browser import BrowserSettings
from .checkouts import CheckoutSession, CheckoutStatus, OpenCheckout
from .customers import Customer, PaymentMethod
from .disputes import Dispute, DisputeCategory, DisputeStatus
from .invoices import Invoice, InvoiceLine, InvoiceReason, InvoiceStatus
from .payments import Payment, PaymentStatus, Refund, RefundStatus
from .plans import Plan
from .previews import ChangePreview
from .subscriptions import (
    ChangePayment,
    ChangeTime,
    ScheduledChange,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    SubscriptionStatus,
)

__all__ = [
    "NOTHING",
    "BrowserSettings",
    "ChangePayment",
    "ChangePreview",
    "ChangeTime",
    "CheckoutSession",
    "CheckoutStatus",
    "Customer",
    "Dispute",
    "DisputeCategory",
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
