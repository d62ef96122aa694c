"""arq (async worker): the web process only verifies and queues, the worker applies. ``arq arq_worker.WorkerSettings``.

The web process: ``await pool.enqueue_job("apply", await billing.parse_webhook(name, body, headers))``. Events are frozen
values, which pickle (arq's own way) as they are. Give both processes the same database: see ``paylattice.repositories``.
"""

import os
from typing import Any

from arq import Retry  # type: ignore[import-not-found,unused-ignore]  # yours to install

from paylattice import BillingService, InMemoryRepository, WebhookEvent, create_provider
from paylattice.errors import MalformedPayload


async def startup(ctx: dict[str, Any]) -> None:
    provider = create_provider(os.environ.get("PAYMENT_PROVIDER", "memory"))
    ctx["billing"] = await BillingService(provider, InMemoryRepository()).__aenter__()


async def shutdown(ctx: dict[str, Any]) -> None:
    await ctx["billing"].__aexit__(None, None, None)


async def apply(ctx: dict[str, Any], event: WebhookEvent) -> str:
    billing: BillingService = ctx["billing"]
    try:
        return await billing.apply_event(event)
    except MalformedPayload:  # no event, and never will be: let it fail, and look at it
        raise
    except Exception as exc:  # of all exceptions, only Retry makes arq try again; the event counts once
        raise Retry(defer=min(2 ** ctx["job_try"], 600)) from exc


class WorkerSettings:
    functions = [apply]  # noqa: RUF012 - arq's way
    on_startup, on_shutdown = startup, shutdown
    max_tries = 20
