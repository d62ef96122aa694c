"""A loopback server with one Stripe subscription, one of PayPal, and a Square customer. It runs in a process of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["paypal_subscription", "running", "square_customer", "subscription"]


def subscription(items: int) -> dict[str, object]:
    """A subscription, as large and as deep as Stripe's: one item makes about 4 KB, three items 7 KB."""
    return {
        "id": "sub_1",
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "disabled_reason": None, "liability": {"type": "self"}},
        "billing_cycle_anchor": 1_790_000_000,
        "billing_cycle_anchor_config": {"day_of_month": 1, "hour": None, "minute": None, "month": None, "second": None},
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}, "updated_at": None},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": 1_790_000_000,
        "currency": "usd",
        "customer": "cus_1",
        "days_until_due": None,
        "default_payment_method": "pm_1",
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": [_item(number) for number in range(items)],
            "has_more": False,
            "url": "/v1/subscription_items?subscription=sub_1",
        },
        "latest_invoice": "in_1",
        "livemode": False,
        "metadata": {"org_id": "org_1", "plan": "pro"},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": {
                "card": {"network": None, "request_three_d_secure": "automatic"},
                "us_bank_account": {"financial_connections": {"permissions": []}, "verification_method": "automatic"},
            },
            "payment_method_types": None,
            "save_default_payment_method": "on_subscription",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": 1_790_000_000,
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }


def _item(number: int) -> dict[str, object]:
    price: dict[str, object] = {
        "active": True,
        "billing_scheme": "per_unit",
        "created": 1_790_000_000,
        "currency": "usd",
        "livemode": False,
        "metadata": {},
        "nickname": None,
        "product": "prod_1",
        "tiers_mode": None,
    }
    return {
        "id": f"si_{number}",
        "object": "subscription_item",
        "billing_thresholds": {"usage_gte": None},
        "created": 1_790_000_000,
        "current_period_end": 1_792_592_000,
        "current_period_start": 1_790_000_000,
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": f"price_{number}",
            "object": "plan",
            **price,
            "amount": 1900,
            "amount_decimal": "1900",
            "interval": "month",
            "interval_count": 1,
            "meter": None,
            "transform_usage": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "price": {
            "id": f"price_{number}",
            "object": "price",
            **price,
            "custom_unit_amount": None,
            "lookup_key": None,
            "recurring": {
                "interval": "month",
                "interval_count": 1,
                "meter": None,
                "trial_period_days": None,
                "usage_type": "licensed",
            },
            "tax_behavior": "unspecified",
            "transform_quantity": {"divide_by": 1, "round": "down"},
            "type": "recurring",
            "unit_amount": 1900,
            "unit_amount_decimal": "1900",
        },
        "quantity": 1,
        "subscription": "sub_1",
        "tax_rates": [],
    }


def paypal_subscription() -> dict[str, object]:
    """A subscription as PayPal answers it, with its plan, in about 2 KB."""
    base = "https://api-m.paypal.com/v1/billing/subscriptions/I-BENCH0000001"
    return {
        "id": "I-BENCH0000001",
        "plan_id": "P-BENCH00000000000000001",
        "plan_overridden": False,
        "start_time": "2026-09-01T00:00:00Z",
        "quantity": "1",
        "custom_id": "cus_1",
        "shipping_amount": {"currency_code": "USD", "value": "0.0"},
        "subscriber": {
            "email_address": "ada@example.com",
            "payer_id": "2J6QB8YJQSJRJ",
            "name": {"given_name": "Ada", "surname": "Lovelace"},
            "tenant": "PAYPAL",
        },
        "billing_info": {
            "outstanding_balance": {"currency_code": "USD", "value": "0.0"},
            "cycle_executions": [
                {
                    "tenure_type": "REGULAR",
                    "sequence": 1,
                    "cycles_completed": 3,
                    "cycles_remaining": 0,
                    "current_pricing_scheme_version": 1,
                    "total_cycles": 0,
                }
            ],
            "last_payment": {"amount": {"currency_code": "USD", "value": "19.0"}, "time": "2026-11-01T10:00:00Z"},
            "next_billing_time": "2026-12-01T10:00:00Z",
            "failed_payments_count": 0,
        },
        "plan": {
            "product_id": "PROD-1",
            "name": "Pro",
            "billing_cycles": [
                {
                    "pricing_scheme": {"version": 1, "fixed_price": {"currency_code": "USD", "value": "19.0"}},
                    "frequency": {"interval_unit": "MONTH", "interval_count": 1},
                    "tenure_type": "REGULAR",
                    "sequence": 1,
                    "total_cycles": 0,
                }
            ],
            "payment_preferences": {"auto_bill_outstanding": True, "payment_failure_threshold": 3},
        },
        "create_time": "2026-09-01T09:59:00Z",
        "update_time": "2026-11-01T10:00:10Z",
        "status": "ACTIVE",
        "status_update_time": "2026-09-01T10:00:00Z",
        "links": [
            {"href": base + path, "rel": rel, "method": method}
            for rel, path, method in (
                ("cancel", "/cancel", "POST"),
                ("edit", "", "PATCH"),
                ("self", "", "GET"),
                ("suspend", "/suspend", "POST"),
                ("capture", "/capture", "POST"),
            )
        ],
    }


def square_customer() -> dict[str, object]:
    """A customer as Square answers it."""
    return {
        "id": "JDKYHBWT1D4F8MFH63DBMEN8Y4",
        "created_at": "2026-09-01T10:00:00.123Z",
        "updated_at": "2026-11-01T10:00:00Z",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "email_address": "ada@example.com",
        "address": {
            "address_line_1": "500 Electric Ave",
            "locality": "New York",
            "administrative_district_level_1": "NY",
            "postal_code": "10003",
            "country": "US",
        },
        "phone_number": "+1-212-555-4240",
        "reference_id": "org_1",
        "preferences": {"email_unsubscribed": False},
        "creation_source": "THIRD_PARTY",
        "segment_ids": ["ML8Y4D1XYZ0001"],
        "version": 3,
    }


def _answered(body: str) -> bytes:
    content = body.encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    answers = {
        b"GET /v1/subscriptions/": _answered(json.dumps(subscription(1), indent=2)),
        b"POST /v1/oauth2/token": _answered(json.dumps({"access_token": "token", "expires_in": 30_000})),
        b"GET /v1/billing/": _answered(json.dumps(paypal_subscription(), separators=(",", ":"))),
        b"GET /v2/customers/": _answered(json.dumps({"customer": square_customer()}, separators=(",", ":"))),
    }
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST "):
                _, _, rest = head.lower().partition(b"content-length:")
                await reader.readexactly(int(rest.split(b"\r\n")[0]))
            writer.write(next(answer for start, answer in answers.items() if head.startswith(start)))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextmanager
def running() -> Iterator[str]:
    """The server's base URL, until the end of the block."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve())
