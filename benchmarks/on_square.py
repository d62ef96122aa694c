"""Square: a delivery, and one GET against httpx and Square's own package."""

import base64
import hashlib
import hmac
import json

import httpx
from measure import Row, alternate, alternate_async
from server import square_customer
from square import AsyncSquare, Square

from paylattice import create_provider, sync
from paylattice.providers.square import SquareConfig, SquareProvider

__all__ = ["async_calls", "calls", "webhooks"]

KEY, URL = "bench-signature-key", "https://app.test/webhooks/square"
CUSTOMER = "JDKYHBWT1D4F8MFH63DBMEN8Y4"
PATH = f"/v2/customers/{CUSTOMER}"


def config(base: str | None = None) -> SquareConfig:
    return SquareConfig(
        access_token="bench", location_id="LOC1", webhook_signature_key=KEY, webhook_url=URL, base_url=base
    )


def webhooks() -> list[Row]:
    event = {
        "merchant_id": "M1",
        "type": "customer.updated",
        "event_id": "13b867cf-db3d-4b1c-90b6-2f32a9d78124",
        "created_at": "2026-11-01T10:00:00.5Z",
        "data": {"type": "customer", "id": CUSTOMER, "object": {"customer": square_customer()}},
    }
    body = json.dumps(event, separators=(",", ":")).encode()
    signature = base64.b64encode(hmac.new(KEY.encode(), URL.encode() + body, hashlib.sha256).digest()).decode()
    headers = {
        "content-type": "application/json",
        "square-environment": "Sandbox",
        "x-square-hmacsha256-signature": signature,
    }
    provider = SquareProvider(config())

    def bare() -> object:
        hmac.new(KEY.encode(), URL.encode() + body, hashlib.sha256).digest()
        return json.loads(body)

    spent = alternate(
        {"bare": bare, "paylattice": lambda: sync.run(provider.parse_webhook(body, headers))}, rounds=15, repeat=500
    )
    what = f"Square webhook of {len(body) / 1000:.1f} KB: CPU against HMAC + json.loads"
    return [Row(what, spent["paylattice"] / spent["bare"], 2.5, False)]


def calls(base: str) -> list[Row]:
    client = httpx.Client(headers={"Authorization": "Bearer bench"})
    sdk = Square(token="bench", base_url=base)
    with sync.create_provider("square", config=config(base)) as ours:
        spent = alternate(
            {
                "bare": lambda: json.loads(client.get(base + PATH).content),
                "paylattice": lambda: ours.get_customer(CUSTOMER),
                "sdk": lambda: sdk.customers.get(CUSTOMER),
            },
            rounds=9,
            repeat=100,
        )
    client.close()
    return [
        Row("Square, one GET, sync: CPU against httpx + json.loads", spent["paylattice"] / spent["bare"], 1.4, False),
        Row("Square, one GET, sync: CPU against its package", spent["paylattice"] / spent["sdk"], 0.6, False),
    ]


async def async_calls(base: str) -> list[Row]:
    sdk = AsyncSquare(token="bench", base_url=base)
    async with (
        httpx.AsyncClient(headers={"Authorization": "Bearer bench"}) as client,
        create_provider("square", config=config(base)) as ours,
    ):

        async def bare(times: int) -> None:
            for _ in range(times):
                json.loads((await client.get(base + PATH)).content)

        async def here(times: int) -> None:
            for _ in range(times):
                await ours.get_customer(CUSTOMER)

        async def there(times: int) -> None:
            for _ in range(times):
                await sdk.customers.get(CUSTOMER)

        spent = await alternate_async({"bare": bare, "paylattice": here, "sdk": there}, rounds=9, calls=100)
    return [
        Row("Square, one GET, async: CPU against httpx + json.loads", spent["paylattice"] / spent["bare"], 1.3, False),
        Row("Square, one GET, async: CPU against its package", spent["paylattice"] / spent["sdk"], 0.9, False),
    ]
