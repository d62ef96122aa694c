"""A loopback server that answers every GET with one Stripe subscription. It runs in a process of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["SUBSCRIPTION", "running"]

SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "customer": "cus_1",
    "status": "active",
    "created": 1_790_000_000,
    "cancel_at_period_end": False,
    "metadata": {f"key_{number}": f"value {number}" for number in range(10)},
    "items": {
        "object": "list",
        "has_more": False,
        "data": [
            {
                "id": f"si_{number}",
                "object": "subscription_item",
                "quantity": 1,
                "price": {
                    "id": f"price_{number}",
                    "object": "price",
                    "currency": "usd",
                    "unit_amount": 1900,
                    "metadata": {},
                    "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed", "meter": None},
                    **{f"field_{extra}": None for extra in range(15)},
                },
                "current_period_start": 1_790_000_000,
                "current_period_end": 1_792_592_000,
                **{f"field_{extra}": None for extra in range(8)},
            }
            for number in range(3)
        ],
    },
    **{f"field_{extra}": None for extra in range(60)},
}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = json.dumps(SUBSCRIPTION, indent=2).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\nContent-Length: {len(body)}\r\n\r\n"
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
