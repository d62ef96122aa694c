"""The arq worker applies what the web process has verified."""

import asyncio
import importlib.util
import pickle
import sys
from typing import Any

import pytest

from paylattice import Money

from .test_shops import SHOPS


def test_an_event_travels_as_arq_sends_it_and_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", "memory")
    spec = importlib.util.spec_from_file_location("arq_worker", SHOPS / "arq_worker.py")
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "arq_worker", worker)
    spec.loader.exec_module(worker)

    async def main() -> None:
        ctx: dict[str, Any] = {}
        await worker.WorkerSettings.on_startup(ctx)
        billing = ctx["billing"]
        provider = billing.provider("memory")
        provider.add_plan("pro", Money(1900, "USD"))
        session = await billing.start_checkout(
            "org", "pro", email="ada@example.com", success_url="https://app.test/ok", cancel_url="https://app.test/no"
        )
        provider.complete_checkout(session.id)
        [apply] = worker.WorkerSettings.functions
        for hook in provider.deliveries():
            event = await billing.parse_webhook("memory", hook.payload, hook.headers)
            sent = pickle.dumps({"function": "apply", "args": (event,)})
            for outcome in ("processed", "duplicate"):
                assert await apply(ctx, *pickle.loads(sent)["args"]) == outcome
        assert (await billing.subscription("org")).status == "active"
        await worker.WorkerSettings.on_shutdown(ctx)

    asyncio.run(main())
