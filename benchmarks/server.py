"""A loopback server that answers every GET with one Stripe subscription. It runs in a process of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["running", "subscription"]


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


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = json.dumps(subscription(1), indent=2).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = head.encode() + body
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
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
