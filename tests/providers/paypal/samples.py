"""PayPal's objects as it writes them, in both kinds of money; written by hand."""

from typing import Any

SITE = "https://www.sandbox.paypal.com"
API = "https://api.sandbox.paypal.com"
PAGE = f"{SITE}/checkoutnow?token=5O190127TN364715T"


def usd(value: str = "19.00") -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


def v1(total: str = "19.00", currency: str = "USD") -> dict[str, Any]:
    return {"total": total, "currency": currency, "details": {"subtotal": total}}


def link(rel: str, href: str, method: str = "GET") -> dict[str, str]:
    return {"href": href, "rel": rel, "method": method}


def plan(*cycles: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "P-5ML4271244454362WXNWU5NQ",
        "product_id": "PROD-XXCD1234QWER65782",
        "name": "Pro",
        "status": "ACTIVE",
        "usage_type": "LICENSED",
        "billing_cycles": list(cycles) or [cycle()],
        "quantity_supported": True,
        "create_time": "2026-01-01T10:00:00Z",
        **changes,
    }


def cycle(
    value: str | None = "19.00",
    unit: str = "MONTH",
    every: int = 1,
    *,
    kind: str = "REGULAR",
    total: int = 0,
    sequence: int = 1,
) -> dict[str, Any]:
    priced = {"pricing_scheme": {"version": 1, "fixed_price": usd(value)}} if value is not None else {}
    return {
        **priced,
        "frequency": {"interval_unit": unit, "interval_count": every},
        "tenure_type": kind,
        "sequence": sequence,
        "total_cycles": total,
    }


def execution(kind: str = "REGULAR", completed: int = 1, remaining: int = 0, total: int = 0) -> dict[str, Any]:
    return {
        "tenure_type": kind,
        "sequence": 1 if kind == "TRIAL" else 2,
        "cycles_completed": completed,
        "cycles_remaining": remaining,
        "current_pricing_scheme_version": 1,
        "total_cycles": total,
    }


def billing(**changes: Any) -> dict[str, Any]:
    return {
        "outstanding_balance": usd("0.0"),
        "cycle_executions": [execution(completed=2)],
        "last_payment": {"amount": usd("19.0"), "time": "2026-09-12T10:23:11Z"},
        "next_billing_time": "2026-10-12T10:00:00Z",
        "failed_payments_count": 0,
        **changes,
    }


def subscription(**changes: Any) -> dict[str, Any]:
    return {
        "id": "I-BW452GLLEP1G",
        "plan_id": "P-5ML4271244454362WXNWU5NQ",
        "start_time": "2026-08-12T08:00:00Z",
        "quantity": "1",
        "shipping_amount": usd("0.0"),
        "subscriber": {"email_address": "ada@example.com", "payer_id": "2J6QB8YJQSJRJ"},
        "billing_info": billing(),
        "plan": plan(),
        "custom_id": "cus_1",
        "create_time": "2026-08-12T08:01:00Z",
        "update_time": "2026-09-12T10:23:12Z",
        "status": "ACTIVE",
        "status_update_time": "2026-08-12T08:02:00Z",
        "links": [link("self", f"{API}/v1/billing/subscriptions/I-BW452GLLEP1G")],
        **changes,
    }


def pending_subscription(**changes: Any) -> dict[str, Any]:
    approve = link("approve", f"{SITE}/webapps/billing/subscriptions?ba_token=BA-2M539689T3856352J")
    edit = link("edit", f"{API}/v1/billing/subscriptions/I-BW452GLLEP1G", "PATCH")
    data = subscription(status="APPROVAL_PENDING", links=[edit, approve], **changes)
    del data["billing_info"], data["plan"]
    return data


def transaction(identifier: str = "8MC585209K746392H", **changes: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "status": "COMPLETED",
        "payer_email": "ada@example.com",
        "payer_name": {"given_name": "Ada", "surname": "King"},
        "amount_with_breakdown": {"gross_amount": usd(), "fee_amount": usd("0.90"), "net_amount": usd("18.10")},
        "time": "2026-09-12T10:23:11Z",
        **changes,
    }


def capture(**changes: Any) -> dict[str, Any]:
    return {
        "id": "3C679366HH908993F",
        "status": "COMPLETED",
        "amount": usd(),
        "final_capture": True,
        "seller_protection": {"status": "ELIGIBLE"},
        "custom_id": "cus_1",
        "create_time": "2026-09-21T14:01:00Z",
        "update_time": "2026-09-21T14:01:00Z",
        "supplementary_data": {"related_ids": {"order_id": "5O190127TN364715T"}},
        "links": [link("refund", f"{API}/v2/payments/captures/3C679366HH908993F/refund", "POST")],
        **changes,
    }


def authorization(**changes: Any) -> dict[str, Any]:
    return {
        "id": "0AW2184448108334S",
        "status": "CREATED",
        "amount": usd(),
        "custom_id": "cus_1",
        "expiration_time": "2026-10-20T14:01:00Z",
        "create_time": "2026-09-21T14:01:00Z",
        "supplementary_data": {"related_ids": {"order_id": "5O190127TN364715T"}},
        "links": [link("capture", f"{API}/v2/payments/authorizations/0AW2184448108334S/capture", "POST")],
        **changes,
    }


def order(
    status: str = "COMPLETED",
    *,
    captures: list[dict[str, Any]] | None = None,
    authorizations: list[dict[str, Any]] | None = None,
    refunds: list[dict[str, Any]] | None = None,
    unit: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    found = {"captures": captures, "authorizations": authorizations, "refunds": refunds}
    payments = {name: objects for name, objects in found.items() if objects}
    made: dict[str, Any] = {"reference_id": "default", "amount": usd(), "custom_id": "cus_1", **(unit or {})}
    if payments:
        made["payments"] = payments
    return {
        "id": "5O190127TN364715T",
        "intent": "AUTHORIZE" if authorizations else "CAPTURE",
        "status": status,
        "purchase_units": [made],
        "create_time": "2026-09-21T14:00:00Z",
        "links": [link("self", f"{API}/v2/checkout/orders/5O190127TN364715T")],
        **changes,
    }


def waiting_order(**changes: Any) -> dict[str, Any]:
    links = [link("self", f"{API}/v2/checkout/orders/5O190127TN364715T"), link("payer-action", PAGE)]
    return order(**{"status": "PAYER_ACTION_REQUIRED", "links": links, **changes})


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "58K15806CS993444T",
        "amount": usd(),
        "status": "COMPLETED",
        "note_to_payer": "Sorry",
        "create_time": "2026-09-21T15:00:00Z",
        "links": [
            link("self", f"{API}/v2/payments/refunds/58K15806CS993444T"),
            link("up", f"{API}/v2/payments/captures/3C679366HH908993F"),
        ],
        **changes,
    }


def sale(**changes: Any) -> dict[str, Any]:
    return {
        "id": "80021663DE681814L",
        "state": "completed",
        "amount": v1(),
        "billing_agreement_id": "I-BW452GLLEP1G",
        "custom": "cus_1",
        "payment_mode": "INSTANT_TRANSFER",
        "create_time": "2026-09-12T10:23:11Z",
        "update_time": "2026-09-12T10:23:11Z",
        "links": [link("refund", f"{API}/v1/payments/sale/80021663DE681814L/refund", "POST")],
        **changes,
    }


def sale_refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "6GT49317R31573457",
        "state": "completed",
        "amount": v1("-19.00"),
        "sale_id": "80021663DE681814L",
        "parent_payment": "PAY-1",
        "reason": "Sorry",
        "create_time": "2026-09-21T15:00:00Z",
        **changes,
    }


def v1_capture(**changes: Any) -> dict[str, Any]:
    return {
        "id": "8F148933LY9388354",
        "state": "completed",
        "amount": v1(),
        "is_final_capture": True,
        "reason_code": "NONE",
        "parent_payment": "PAY-3KA96482AM105222NKRLNJVY",
        "invoice_number": "",
        "custom": "",
        "transaction_fee": {"value": "0.85", "currency": "USD"},
        "create_time": "2026-09-21T14:01:00Z",
        "update_time": "2026-09-21T14:01:00Z",
        "links": [
            link("self", f"{API}/v1/payments/capture/8F148933LY9388354"),
            link("authorization", f"{API}/v1/payments/authorization/3WG12057BW522780J"),
            link("parent_payment", f"{API}/v1/payments/payment/PAY-3KA96482AM105222NKRLNJVY"),
        ],
        **changes,
    }


def v1_authorization(**changes: Any) -> dict[str, Any]:
    return {
        "id": "3WG12057BW522780J",
        "state": "authorized",
        "amount": v1(),
        "payment_mode": "INSTANT_TRANSFER",
        "parent_payment": "PAY-3KA96482AM105222NKRLNJVY",
        "valid_until": "2026-10-20T14:01:00Z",
        "create_time": "2026-09-21T14:01:00Z",
        "links": [link("capture", f"{API}/v1/payments/authorization/3WG12057BW522780J/capture", "POST")],
        **changes,
    }


def v1_invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "INV2-9BTP-HZQP-2P35-KZ92",
        "number": "0042",
        "status": "PAID",
        "invoice_date": "2026-09-07 PDT",
        "payment_term": {"term_type": "NET_10", "due_date": "2026-09-17 PDT"},
        "total_amount": {"currency": "USD", "value": "19.00"},
        "paid_amount": {"paypal": {"currency": "USD", "value": "12.00"}, "other": {"currency": "USD", "value": "7.00"}},
        "payments": [{"type": "PAYPAL", "transaction_id": "8F148933LY9388354", "date": "2026-09-08 10:05:49 PDT"}],
        "metadata": {
            "created_date": "2026-09-07 10:05:49 PDT",
            "payer_view_url": f"{SITE}/invoice/payerView/details/INV2-9BTP-HZQP-2P35-KZ92",
        },
        **changes,
    }


def payment_token(**changes: Any) -> dict[str, Any]:
    return {
        "id": "8kk8451t",
        "customer": {"id": "customer_4029352050", "merchant_customer_id": "cus_1"},
        "payment_source": {"card": {"brand": "VISA", "last_digits": "1111", "expiry": "2027-02", "name": "Ada"}},
        "links": [link("self", f"{API}/v3/vault/payment-tokens/8kk8451t")],
        **changes,
    }


def setup_token(**changes: Any) -> dict[str, Any]:
    return {
        "id": "5C991763VB2781612",
        "customer": {"id": "customer_4029352050", "merchant_customer_id": "cus_1"},
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": {}},
        "links": [link("approve", "https://www.paypal.com/agreements/approve?approval_session_id=5C991763VB2781612")],
        **changes,
    }


def invoice(**changes: Any) -> dict[str, Any]:
    return {
        "id": "INV2-Z56S-5LLA-Q52L-CPZ5",
        "status": "PAID",
        "detail": {
            "invoice_number": "0001",
            "invoice_date": "2026-09-01",
            "currency_code": "USD",
            "payment_term": {"term_type": "NET_10", "due_date": "2026-09-11"},
            "metadata": {
                "create_time": "2026-09-01T08:00:00Z",
                "recipient_view_url": f"{SITE}/invoice/p/#Z56S5LLAQ52LCPZ5",
            },
        },
        "amount": usd("74.21"),
        "due_amount": usd("0.00"),
        "payments": {"paid_amount": usd("74.21"), "transactions": [{"payment_id": "1", "payment_date": "2026-09-05"}]},
        **changes,
    }


def event(kind: str = "PAYMENT.SALE.COMPLETED", resource: object = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "WH-2WR32451HC0233532-67976317FL4543714",
        "event_version": "1.0",
        "create_time": "2026-09-21T14:13:00.000Z",
        "resource_type": "sale",
        "event_type": kind,
        "summary": "A payment completed for $ 19.0 USD",
        "resource": sale() if resource is None else resource,
        "links": [link("self", f"{API}/v1/notifications/webhooks-events/WH-2WR32451HC0233532-67976317FL4543714")],
        **changes,
    }
