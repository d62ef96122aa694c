"""The arq worker applies what the web process has verified."""

import asyncio
import importlib.util
import pickle
import sys
from types import ModuleType
from typing import Any

import pytest

from paylattice import Money

from .test_shops import SHOPS


class Retry(RuntimeError):
    """What arq calls so, as its documentation has it: of all exceptions, the one after which it tries again."""

    def __init__(self, defer: float | None = None) -> None:
        super().__init__(defer)
        self.defer = defer


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("PAYMENT_PROVIDER", "memory")
    arq = ModuleType("arq")
    arq.Retry = Retry  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "arq", arq)
    spec = importlib.util.spec_from_file_location("arq_worker", SHOPS / "arq_worker.py")
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "arq_worker", worker)
    spec.loader.exec_module(worker)
    return worker


def test_an_event_that_cannot_be_applied_now_is_tried_again(worker: ModuleType) -> None:
    async def main() -> None:
        ctx: dict[str, Any] = {"job_try": 3}
        await worker.WorkerSettings.on_startup(ctx)
        billing = ctx["billing"]

        @billing.on("customer.created")
        async def fails(event: object, context: object) -> None:
            message = "the application's own"
            raise RuntimeError(message)

        await billing.ensure_customer("org", email="ada@example.com")
        [hook] = billing.provider("memory").deliveries()
        event = await billing.parse_webhook("memory", hook.payload, hook.headers)
        with pytest.raises(Retry) as again:
            await worker.apply(ctx, event)
        assert again.value.defer == 8
        await worker.WorkerSettings.on_shutdown(ctx)

    asyncio.run(main())


def test_an_event_travels_as_arq_sends_it_and_counts_once(worker: ModuleType) -> None:
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
