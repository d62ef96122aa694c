"""Objects as Square sends them, cut down to what matters. Written by hand after the API reference."""

from typing import Any

from .support import LOCATION


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


def customer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "CUST1",
        "created_at": "2026-08-01T10:00:00.123Z",
        "updated_at": "2026-08-01T10:00:00Z",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "email_address": "ada@example.com",
        "phone_number": "+12125550100",
        "reference_id": "org-1",
        "creation_source": "THIRD_PARTY",
        "version": 3,
        **changes,
    }


def card(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ccof:CARD1",
        "card_brand": "VISA",
        "last_4": "1111",
        "exp_month": 11,
        "exp_year": 2030,
        "customer_id": "CUST1",
        "enabled": True,
        "version": 1,
        **changes,
    }


def phase(amount: int | None = 1900, cadence: str = "MONTHLY", **changes: Any) -> dict[str, Any]:
    pricing: dict[str, Any] = {"type": "STATIC"}
    if amount is not None:
        pricing["price_money"] = usd(amount)
    return {"uid": "PHASE1", "cadence": cadence, "ordinal": 0, "pricing": pricing, **changes}


def variation(*phases: dict[str, Any], **changes: Any) -> dict[str, Any]:
    data = {
        "name": "Monthly",
        "subscription_plan_id": "PLAN1",
        "phases": list(phases or (phase(),)),
        **changes.pop("data", {}),
    }
    return {
        "type": "SUBSCRIPTION_PLAN_VARIATION",
        "id": "VAR1",
        "version": 1,
        "is_deleted": False,
        "present_at_all_locations": True,
        "subscription_plan_variation_data": data,
        **changes,
    }


def plan(*variations: dict[str, Any], sells: str | None = None, **changes: Any) -> dict[str, Any]:
    what: dict[str, Any] = {"all_items": True} if sells is None else {"eligible_item_ids": [sells]}
    return {
        "type": "SUBSCRIPTION_PLAN",
        "id": "PLAN1",
        "is_deleted": False,
        "present_at_all_locations": True,
        "subscription_plan_data": {"name": "Pro", "subscription_plan_variations": list(variations), **what},
        **changes,
    }


def item(**changes: Any) -> dict[str, Any]:
    about = {"item_id": "ITEM1", "name": "Regular", "pricing_type": "FIXED_PRICING", "price_money": usd(1900)}
    only = {"type": "ITEM_VARIATION", "id": "ITEMVAR1", "item_variation_data": about}
    return {
        "type": "ITEM",
        "id": "ITEM1",
        "is_deleted": False,
        "present_at_all_locations": True,
        "item_data": {"name": "Coffee", "variations": [only]},
        **changes,
    }


def subscription(**changes: Any) -> dict[str, Any]:
    return {
        "id": "SUB1",
        "location_id": LOCATION,
        "customer_id": "CUST1",
        "plan_variation_id": "VAR1",
        "start_date": "2026-09-05",
        "charged_through_date": "2026-10-04",
        "status": "ACTIVE",
        "invoice_ids": ["inv:0-1"],
        "card_id": "ccof:CARD1",
        "timezone": "America/Los_Angeles",
        "created_at": "2026-09-05T10:00:00Z",
        "version": 1,
        **changes,
    }


def action(kind: str, **changes: Any) -> dict[str, Any]:
    return {"id": f"ACT-{kind}", "type": kind, "effective_date": "2026-10-05", **changes}


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "inv:0-1",
        "version": 2,
        "location_id": LOCATION,
        "order_id": "ORDER-INV",
        "primary_recipient": {"customer_id": "CUST1", "email_address": "ada@example.com"},
        "payment_requests": [payment_request()],
        "invoice_number": "0001",
        "public_url": "https://squareup.com/pay-invoice/inv:0-1",
        "status": "PAID",
        "timezone": "America/Los_Angeles",
        "created_at": "2026-09-05T10:00:01Z",
        "updated_at": "2026-09-05T10:00:05Z",
        "subscription_id": "SUB1",
        **changes,
    }


def payment_request(**changes: Any) -> dict[str, Any]:
    return {
        "uid": "REQ1",
        "request_type": "BALANCE",
        "due_date": "2026-09-05",
        "automatic_payment_source": "CARD_ON_FILE",
        "computed_amount_money": usd(1900),
        "total_completed_amount_money": usd(1900),
        **changes,
    }


def unpaid(*, due: str = "2026-09-05", source: str = "NONE", **changes: Any) -> dict[str, Any]:
    request = payment_request(due_date=due, automatic_payment_source=source, total_completed_amount_money=usd(0))
    return invoice(**{"status": "UNPAID", "payment_requests": [request], **changes})


def link(**changes: Any) -> dict[str, Any]:
    return {
        "id": "LINK1",
        "version": 1,
        "order_id": "ORDER1",
        "description": '{"customer_id":"CUST1","plan_id":"VAR1","metadata":{"org_id":"org-1"}}',
        "url": "https://square.link/u/abc",
        "long_url": "https://checkout.square.site/merchant/1/checkout/ORDER1",
        "created_at": "2026-09-21T10:00:00Z",
        "checkout_options": {"subscription_plan_id": "VAR1", "redirect_url": "https://shop.example/thanks"},
        **changes,
    }


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ORDER1",
        "location_id": LOCATION,
        "state": "DRAFT",
        "version": 1,
        "created_at": "2026-09-21T10:00:00Z",
        "total_money": usd(1900),
        **changes,
    }


def paid_order(**changes: Any) -> dict[str, Any]:
    tender = {"id": "PAY1", "payment_id": "PAY1", "type": "CARD", "amount_money": usd(1900)}
    return order(**{"state": "OPEN", "tenders": [tender], **changes})


def payment(**changes: Any) -> dict[str, Any]:
    return {
        "id": "PAY1",
        "created_at": "2026-09-21T10:05:00.000Z",
        "updated_at": "2026-09-21T10:05:01.000Z",
        "amount_money": usd(1900),
        "total_money": usd(1900),
        "approved_money": usd(1900),
        "status": "COMPLETED",
        "source_type": "CARD",
        "card_details": {"status": "CAPTURED", "card": {"id": "ccof:CARD1", "card_brand": "VISA", "last_4": "1111"}},
        "location_id": LOCATION,
        "order_id": "ORDER1",
        "customer_id": "CUST1",
        "note": "Brief",
        "reference_id": "org-1",
        "version_token": "TOKEN1",
        **changes,
    }


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "PAY1_REF1",
        "status": "PENDING",
        "amount_money": usd(1900),
        "payment_id": "PAY1",
        "order_id": "ORDER1",
        "reason": "Because",
        "created_at": "2026-09-21T11:00:00Z",
        **changes,
    }


def event(
    kind: str = "customer.updated", name: str = "customer", subject: object = None, **changes: Any
) -> dict[str, Any]:
    inner = customer() if subject is None else subject
    data: dict[str, Any] = {
        "type": name,
        "id": inner.get("id") if isinstance(inner, dict) else None,
        "object": {name: inner},
    }
    return {
        "merchant_id": "MERCHANT1",
        "type": kind,
        "event_id": "evt-1",
        "created_at": "2026-09-21T10:05:02.123456789Z",
        "data": {**data, **changes.pop("data", {})},
        **changes,
    }
