"""The shared events that the embedded provider sends. Its own words are the shared ones, so no table translates them."""

from ...events import EventType

__all__ = ["SENT"]

_E = EventType
SENT: frozenset[EventType] = frozenset(
    {
        *(_E.CUSTOMER_CREATED, _E.CUSTOMER_UPDATED, _E.CUSTOMER_DELETED),
        *(_E.CHECKOUT_COMPLETED, _E.CHECKOUT_PENDING, _E.CHECKOUT_FAILED, _E.CHECKOUT_EXPIRED),
        *(_E.SUBSCRIPTION_CREATED, _E.SUBSCRIPTION_UPDATED, _E.SUBSCRIPTION_TRIAL_ENDING),
        *(
            _E.INVOICE_CREATED,
            _E.INVOICE_PAID,
            _E.INVOICE_PAYMENT_FAILED,
            _E.INVOICE_ACTION_REQUIRED,
            _E.INVOICE_VOIDED,
        ),
        *(_E.PAYMENT_SUCCEEDED, _E.PAYMENT_AUTHORIZED, _E.PAYMENT_FAILED, _E.PAYMENT_CANCELED, _E.PAYMENT_PROCESSING),
        _E.PAYMENT_ACTION_REQUIRED,
        *(_E.REFUND_CREATED, _E.REFUND_SUCCEEDED, _E.REFUND_FAILED),
        *(_E.DISPUTE_OPENED, _E.DISPUTE_NEEDS_RESPONSE, _E.DISPUTE_WON, _E.DISPUTE_LOST),
        *(_E.PAYMENT_METHOD_ATTACHED, _E.PAYMENT_METHOD_DETACHED, _E.PAYMENT_METHOD_SETUP_FAILED),
    }
)
"""The shared events that the embedded provider sends."""
