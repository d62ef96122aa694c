"""Objects as Stripe sends them, cut down to what matters. Written by hand after the API reference."""

from typing import Any

START, END = 1_789_000_000, 1_791_592_000


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cus_1",
        "object": "customer",
        "email": "ada@example.com",
        "name": "Ada",
        "created": START,
        "metadata": {"org": "1"},
        **changes,
    }


def price(**changes: Any) -> dict[str, Any]:
    return {
        "id": "price_pro",
        "object": "price",
        "active": True,
        "currency": "usd",
        "unit_amount": 1900,
        "nickname": None,
        "type": "recurring",
        "recurring": {
            "interval": "month",
            "interval_count": 1,
            "usage_type": "licensed",
            "meter": None,
            "trial_period_days": None,
        },
        "product": "prod_1",
        "metadata": {"tier": "pro"},
        **changes,
    }


def metered_price(**changes: Any) -> dict[str, Any]:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "metered", "meter": "mtr_1"}
    return price(**{"id": "price_calls", "recurring": recurring, **changes})


def item(**changes: Any) -> dict[str, Any]:
    return {
        "id": "si_1",
        "object": "subscription_item",
        "price": price(),
        "quantity": 3,
        "subscription": "sub_1",
        "current_period_start": START,
        "current_period_end": END,
        **changes,
    }


def metered_item(**changes: Any) -> dict[str, Any]:
    found = item(**{"id": "si_calls", "price": metered_price(), **changes})
    del found["quantity"]
    return found


def subscription(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "billing_mode": {"type": "classic"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "created": START,
        "trial_end": None,
        "pause_collection": None,
        "metadata": {"org": "1"},
        "items": {"object": "list", "data": list(items or (item(),)), "has_more": False},
        **changes,
    }


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "currency": "usd",
        "total": 1900,
        "amount_due": 1900,
        "amount_paid": 1900,
        "status": "paid",
        "due_date": None,
        "created": START,
        "number": "A-1",
        "hosted_invoice_url": "https://invoice.stripe.com/i/1",
        "invoice_pdf": "https://pay.stripe.com/invoice/1/pdf",
        "status_transitions": {"paid_at": START + 5},
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
        **changes,
    }


def session(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "url": "https://checkout.stripe.com/c/pay/cs_test_1",
        "customer": "cus_1",
        "status": "open",
        "payment_status": "unpaid",
        "subscription": None,
        "payment_intent": None,
        "expires_at": END,
        "metadata": {"org": "1"},
        **changes,
    }


def charge(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 1000,
        "amount_captured": 1000,
        "amount_refunded": 0,
        "refunded": False,
        **changes,
    }


def intent(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1000,
        "amount_capturable": 0,
        "amount_received": 1000,
        "currency": "usd",
        "customer": "cus_1",
        "status": "succeeded",
        "client_secret": "pi_1_secret_verysecret",
        "last_payment_error": None,
        "latest_charge": charge(),
        "payment_method": "pm_1",
        "description": None,
        "created": START,
        "metadata": {},
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 400,
        "currency": "usd",
        "status": "succeeded",
        "payment_intent": "pi_1",
        "reason": None,
        "created": START,
        "metadata": {},
        **changes,
    }


def payment_method(**changes: Any) -> dict[str, Any]:
    return {
        "id": "pm_1",
        "object": "payment_method",
        "type": "card",
        "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2030},
        "customer": "cus_1",
        **changes,
    }


def meter(**changes: Any) -> dict[str, Any]:
    return {
        "id": "mtr_1",
        "object": "billing.meter",
        "event_name": "api_calls",
        "status": "active",
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": "value"},
        **changes,
    }


def event(kind: str = "customer.updated", subject: object = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "api_version": "2026-10-28.endive",
        "created": START,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "data": {"object": customer() if subject is None else subject},
        **changes,
    }


def thin_event(kind: str = "v1.customer.subscription.updated", **changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_thin_1",
        "object": "v2.core.event",
        "type": kind,
        "created": "2026-09-20T10:00:00.123Z",
        "livemode": False,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
        **changes,
    }
