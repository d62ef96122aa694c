"""What the operations send: pure functions from arguments to the parameters of Stripe's API reference."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

import attrs

from ...errors import InvalidRequest
from ...idempotency import sub_key
from ...money import Money
from .amounts import wire_amount, wire_currency
from .wire import KEY_WORD

__all__ = [
    "Params",
    "PriceFacts",
    "cancellation",
    "change_request",
    "checkout_request",
    "created_since",
    "customer_request",
    "payment_request",
    "payment_session_request",
    "refund_request",
    "tagged",
    "usage_request",
]

Params = dict[str, object]

_MOST_KEYS = 50
_LONGEST_KEY = 40
_LONGEST_VALUE = 500
_LONGEST_IDENTIFIER = 100
_CLOCKS_DIFFER_BY = 600
"""Seconds, at the most: Stripe's clock and that of whoever asked."""
PAYMENTS: Mapping[str, Params] = {
    "invoice": {},
    "now": {"proration_behavior": "always_invoice"},
    "first": {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"},
}
"""When a change is paid, in Stripe's parameters: with the next invoice; at once; at once, and changed only if it is paid."""
_REFUND_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})


@attrs.frozen
class PriceFacts:
    """What never changes about a price.

    Args:
        metered: whether usage is reported and billed afterwards.
        trial_days: the price's own trial.
        interval: how long a period is: day, week, month or year.
        interval_count: how many of them.
    """

    metered: bool = False
    trial_days: int | None = None
    interval: str | None = None
    interval_count: int = 1


def metadata_of(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata, if Stripe can keep it: https://docs.stripe.com/metadata#data.

    Raises:
        InvalidRequest: there are too many keys, or a key or a value is too long, or a key holds square brackets.
    """
    found = dict(metadata or {})
    broken = None
    if len(found) > _MOST_KEYS:
        broken = f"at most {_MOST_KEYS} keys"
    elif any(len(key) > _LONGEST_KEY for key in found):
        broken = f"keys of at most {_LONGEST_KEY} characters"
    elif any(len(value) > _LONGEST_VALUE for value in found.values()):
        broken = f"values of at most {_LONGEST_VALUE} characters"
    elif any("[" in key or "]" in key for key in found):
        broken = "keys without square brackets"
    if broken:
        message = f"Stripe keeps metadata with {broken}"
        raise InvalidRequest(message, param="metadata")
    return found


def customer_request(
    email: str | None, name: str | None, phone: str | None, metadata: Mapping[str, str] | None
) -> Params:
    """What creates or changes a customer."""
    return _given({"email": email, "name": name, "phone": phone, "metadata": metadata_of(metadata)})


def checkout_request(
    customer_id: str,
    plan_id: str,
    price: PriceFacts,
    success_url: str,
    cancel_url: str,
    *,
    metadata: Mapping[str, str] | None,
    quantity: int,
    trial_days: int | None,
    start_at: datetime | None,
) -> Params:
    """What creates a page for a subscription. Metadata goes to the subscription, too: Stripe does not copy it.

    Raises:
        InvalidRequest: it has a trial and a later start.
    """
    kept = metadata_of(metadata)
    trial: Params = {"trial_period_days": (price.trial_days if trial_days is None else trial_days) or None}
    if start_at is not None:
        if trial_days is not None:
            message = "trial_days and start_at both say when the first payment is due: give one of them"
            raise InvalidRequest(message, param="start_at")
        trial = {"trial_end": int(start_at.timestamp())}
    return _given(
        {
            "mode": "subscription",
            "customer": customer_id,
            "line_items": [_given({"price": plan_id, "quantity": None if price.metered else quantity})],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": kept,
            "subscription_data": _given({"metadata": kept, **trial}),
        }
    )


def payment_session_request(
    amount: Money,
    success_url: str,
    cancel_url: str,
    *,
    customer_id: str | None,
    description: str | None,
    metadata: Mapping[str, str] | None,
    capture: bool,
) -> Params:
    """What creates a page for a one-off payment."""
    kept = metadata_of(metadata)
    price = {
        "currency": wire_currency(amount),
        "unit_amount": wire_amount(amount),
        "product_data": {"name": description or "Payment"},
    }
    return _given(
        {
            "mode": "payment",
            "customer": customer_id,
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": kept,
            "payment_intent_data": _given(
                {"metadata": kept, "description": description, "capture_method": None if capture else "manual"}
            ),
        }
    )


def payment_request(
    amount: Money,
    *,
    customer_id: str | None,
    payment_method_id: str | None,
    token: str | None,
    capture: bool,
    description: str | None,
    metadata: Mapping[str, str] | None,
) -> Params:
    """What charges a saved payment method while the payer is away, or a token while the payer is there."""
    return _given(
        {
            "amount": wire_amount(amount),
            "currency": wire_currency(amount),
            "customer": customer_id,
            **(_saved(payment_method_id) if token is None else _presented(token)),
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "capture_method": None if capture else "manual",
            "description": description,
            "metadata": metadata_of(metadata),
        }
    )


def _saved(payment_method_id: str | None) -> Params:
    return {"payment_method": payment_method_id, "off_session": True}


def _presented(token: str) -> Params:
    """What Stripe.js made: https://docs.stripe.com/payments/finalize-payments-on-the-server."""
    if token.startswith("ctoken_"):
        return {"confirmation_token": token}
    return {"payment_method": token, "use_stripe_sdk": True}


def refund_request(payment_id: str, amount: Money | None, reason: str | None) -> Params:
    """What refunds a payment. A reason that is none of Stripe's words is kept in the metadata."""
    known = reason in _REFUND_REASONS
    return _given(
        {
            "payment_intent": payment_id,
            "amount": None if amount is None else wire_amount(amount),
            "reason": reason if known else None,
            "metadata": metadata_of({} if reason is None or known else {"reason": reason[:_LONGEST_VALUE]}),
        }
    )


def cancellation(reason: str | None, *, final_invoice: bool = False) -> Params:
    """Why a subscription is canceled, and whether what is not billed yet is billed. Never prorated: that would be a refund."""
    why: Params = {"cancellation_details": {"comment": reason}} if reason else {}
    return {**why, "invoice_now": True, "prorate": False} if final_invoice else why


def change_request(
    item_id: str, *, plan_id: str | None, quantity: int | None, metered: bool, prorate: bool, payment: str = "invoice"
) -> Params:
    """What changes a subscription's item.

    The item's id keeps Stripe from adding a second one; a new price without a quantity would reset it to 1.

    Raises:
        InvalidRequest: ``payment`` is none of Stripe's ways, or wants to charge what is not prorated.
    """
    paid = PAYMENTS.get(payment)
    if paid is None or (paid and not prorate):
        ways = ", ".join(PAYMENTS)
        message = (
            f"payment must be one of {ways}"
            if paid is None
            else f"payment={payment!r} charges the proration at once: leave prorate as it is, or payment"
        )
        raise InvalidRequest(message, param="payment")
    return {
        "items": [_given({"id": item_id, "price": plan_id, "quantity": None if metered else quantity})],
        "proration_behavior": "create_prorations" if prorate else "none",
        **paid,
    }


def usage_request(event_name: str, payload: Mapping[str, str], timestamp: datetime | None, key: str) -> Params:
    """What reports usage. The identifier comes from the key, so that Stripe counts a repetition once."""
    return _given(
        {
            "event_name": event_name,
            "payload": dict(payload),
            "timestamp": None if timestamp is None else int(timestamp.timestamp()),
            "identifier": key if len(key) <= _LONGEST_IDENTIFIER else sub_key(key, "identifier"),
        }
    )


def _given(params: Params) -> Params:
    """What has a value. The SDK would leave the rest out, too; here it is seen."""
    return {name: value for name, value in params.items() if value is not None and value != {}}


def tagged(params: Params, key: str | None) -> Params:
    """The parameters with the key in the metadata: Stripe forgets the key itself after a day, or after thirty.

    Metadata that is full stays as it is: its caller has the provider's own time only.
    """
    metadata = cast("Mapping[str, str]", params.get("metadata") or {})
    if key is None or len(metadata) >= _MOST_KEYS:
        return params
    return {**params, "metadata": {**metadata, KEY_WORD: key}}


def created_since(since: datetime) -> Params:
    """The condition that something was made since a time of this machine's clock, or of another one's here."""
    return {"gte": int(since.timestamp()) - _CLOCKS_DIFFER_BY}
