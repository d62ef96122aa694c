"""``nox -s bench``: what the library costs, as ratios against the alternatives in one run, with the goals beside them.

A contestant is one function more in the dictionary of its figure.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs
import database
import httpx
import on_paypal
import on_square
import stripe
from forgeries import forgeries
from measure import Figure, Row, alternate, alternate_async, process_seconds, resident_mebibytes
from server import running, subscription
from tenants import tenants

from paylattice import BillingCustomer, BillingService, InMemoryRepository, create_provider, sync
from paylattice.billing.store import Store
from paylattice.providers.stripe import StripeConfig, StripeProvider

stripe.enable_telemetry = False  # it would write into the home directory, and not change the figures
SECRET = "whsec_bench"
PATH = "/v1/subscriptions/sub_1"


def config(base_url: str | None = None) -> StripeConfig:
    return StripeConfig(secret_key="sk_test_bench", webhook_secret=SECRET, base_url=base_url)


def imports() -> list[Row]:
    spent = process_seconds({"attrs": "import attrs", "paylattice": "import paylattice"}, rounds=21)
    return [
        Row("import paylattice, whole process, against import attrs", spent["paylattice"] / spent["attrs"], 1.5, False)
    ]


def delivery(number: int = 0) -> tuple[bytes, dict[str, str]]:
    event = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "livemode": False,
        "type": "customer.subscription.updated",
        "data": {"object": subscription(2)},
        "request": {"id": None, "idempotency_key": None},
    }
    body = json.dumps(event, indent=2).encode()
    stamp = int(time.time())
    mac = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"content-type": "application/json", "stripe-signature": f"t={stamp},v1={mac}"}


def webhooks() -> list[Row]:
    body, headers = delivery()
    signature = headers["stripe-signature"]
    signed = signature[2 : signature.index(",")].encode() + b"." + body
    provider = StripeProvider(config())

    def bare() -> object:
        hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return json.loads(body)

    spent = alternate(
        {
            "bare": bare,
            "paylattice": lambda: sync.run(provider.parse_webhook(body, headers)),
            "sdk": lambda: stripe.Webhook.construct_event(body, signature, SECRET),
        },
        rounds=9,
        repeat=100,
    )
    kilobytes = f"{len(body) / 1000:.0f} KB"
    return [
        Row(
            f"webhook of {kilobytes}: events per second against construct_event",
            spent["sdk"] / spent["paylattice"],
            12,
            True,
        ),
        Row(f"webhook of {kilobytes}: CPU against HMAC + json.loads", spent["paylattice"] / spent["bare"], 2.5, False),
    ]


def sync_calls(base: str) -> list[Row]:
    client = httpx.Client()
    ours = sync.create_provider("stripe", config=config(base))
    sdk = stripe.StripeClient(
        "sk_test_bench",
        base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
        http_client=stripe.HTTPXClient(allow_sync_methods=True),
    )
    spent = alternate(
        {
            "bare": lambda: json.loads(client.get(base + PATH).content),
            "paylattice": lambda: ours.get_subscription("sub_1"),
            "sdk": lambda: sdk.v1.subscriptions.retrieve("sub_1"),
        },
        rounds=9,
        repeat=60,
    )
    client.close()
    ours.close()
    return [
        Row("one GET, sync: CPU against httpx + json.loads", spent["paylattice"] / spent["bare"], 1.5, False),
        Row("one GET, sync: CPU against the SDK's typed call", spent["paylattice"] / spent["sdk"], 0.4, False),
    ]


def in_flight(call: Callable[[], Awaitable[object]], at_once: int) -> Callable[[int], Awaitable[object]]:
    """A run of so many calls, so many at a time."""

    async def run(calls: int) -> None:
        left = iter(range(calls))

        async def worker() -> None:
            for _ in left:
                await call()

        await asyncio.gather(*(worker() for _ in range(at_once)))

    return run


async def async_calls(base: str) -> tuple[list[Row], dict[str, Figure]]:
    figures: dict[str, Figure] = {}
    rows: list[Row] = []
    async with httpx.AsyncClient() as client, create_provider("stripe", config=config(base)) as ours:
        sdk_http = stripe.HTTPXClient()
        sdk = stripe.StripeClient(
            "sk_test_bench",
            base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
            http_client=sdk_http,
        )

        async def bare() -> object:
            return json.loads((await client.get(base + PATH)).content)

        contestants: dict[str, Callable[[], Awaitable[object]]] = {
            "bare": bare,
            "paylattice": lambda: ours.get_subscription("sub_1"),
            "sdk": lambda: sdk.v1.subscriptions.retrieve_async("sub_1"),
        }
        for at_once in (1, 10, 100):
            runs = {name: in_flight(call, at_once) for name, call in contestants.items()}
            clock = time.process_time if at_once == 1 else time.perf_counter
            figures[f"{at_once} in flight"] = await alternate_async(runs, rounds=7, calls=300, clock=clock)
        one, hundred = figures["1 in flight"], figures["100 in flight"]
        rows = [
            Row("one GET, async: CPU against httpx + json.loads", one["paylattice"] / one["bare"], 1.4, False),
            Row("one GET, async: CPU against the SDK's typed call", one["paylattice"] / one["sdk"], 0.55, False),
            Row("100 in flight: calls per second against httpx", hundred["bare"] / hundred["paylattice"], 0.8, True),
            await memory(in_flight(contestants["paylattice"], 100)),
        ]
        await sdk_http.close_async()
    return rows, figures


async def memory(run: Callable[[int], Awaitable[object]]) -> Row:
    await run(1_000)
    before = resident_mebibytes()
    await run(19_000)
    return Row(
        "20,000 calls: resident memory after the first 1,000", resident_mebibytes() - before, 5, False, " MiB more"
    )


def billing() -> list[Row]:
    deliveries = [delivery(number) for number in range(2_000)]
    provider = StripeProvider(config())
    repository = InMemoryRepository(max_events=500)
    service = BillingService(provider, repository, refetch=False)
    now = datetime.now(UTC)
    known = BillingCustomer(
        id="1", org_id="org", provider="stripe", external_customer_id="cus_1", created_at=now, updated_at=now
    )

    async def both() -> Figure:
        await Store(repository).insert_customer(known)
        left = iter(deliveries * 2)

        async def parse(calls: int) -> None:
            for body, headers in deliveries[:calls]:
                await provider.parse_webhook(body, headers)

        async def handle(calls: int) -> None:
            for _ in range(calls):
                body, headers = next(left)
                await service.handle_webhook("stripe", body, headers)

        return await alternate_async({"parse": parse, "handle": handle}, rounds=7, calls=250)

    spent = asyncio.run(both())
    ratio = spent["handle"] / spent["parse"]
    return [Row("handle_webhook, in memory, refetch off: CPU against parse_webhook", ratio, 2, False)]


def on_postgresql() -> list[Row]:
    try:
        found = database.ratios(database.measured())
    except database.NoServerError as error:
        print(f"without PostgreSQL: {error}\n")
        return []
    return [Row(what, ratio, 0.7, True) for what, ratio in found.items()]


def main() -> int:
    rows = [*imports(), *webhooks(), *on_paypal.webhooks(), *on_square.webhooks(), *forgeries(), *billing()]
    with running() as base:
        rows += sync_calls(base)
        more, figures = asyncio.run(async_calls(base))
        rows += more
        rows += [
            *on_paypal.calls(base),
            *on_square.calls(base),
            *asyncio.run(on_square.async_calls(base)),
            *asyncio.run(tenants(base)),
        ]
    rows += on_postgresql()
    width = max(len(row.what) for row in rows)
    print(f"{'what':<{width}}  {'goal':>12}  {'measured':>14}")
    for row in rows:
        goal = f"{'>=' if row.at_least else '<='} {row.goal:g}{row.unit if row.unit == 'x' else ''}"
        print(f"{row.what:<{width}}  {goal:>12}  {row.ratio:>8.2f}{row.unit:<6}  {'met' if row.met else 'NOT MET'}")
    for name, figure in figures.items():
        print(f"{name}: " + ", ".join(f"{who} {seconds * 1e6:.0f} us" for who, seconds in figure.items()) + " per call")
    if len(sys.argv) > 1:
        result: Mapping[str, object] = {"rows": [attrs.asdict(row) for row in rows], "seconds_per_call": figures}
        Path(sys.argv[1]).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
