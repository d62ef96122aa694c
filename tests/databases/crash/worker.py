"""Processes that are made to be killed: each takes jobs, one line of JSON each, does several at a time, and answers each.

``python -m tests.databases.crash.worker SETTINGS SOCKET`` starts one for each connection to the socket; the settings are JSON:
see :class:`Settings`.
"""

import asyncio
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import attrs
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from paylattice import BaseProvider, BillingService, EventContext, EventType, Money, WebhookEvent, errors
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository

from .stream import CLOCK, PAGES, SECRET

Context = EventContext[AsyncConnection]

TABLES = (
    "create table ledger (event_id varchar(100) not null, org_id varchar(100) not null, cents bigint not null)",
    "create table balances (org_id varchar(100) primary key, cents bigint not null)",
    "create table takings (event_id varchar(100) not null, org_id varchar(100) not null, payment_id text, cents bigint)",
    "create table handled (event_id varchar(100) not null, word varchar(100) not null)",
)
"""The application's own. No key of the ledger keeps a second entry out: only that no handler's work is committed twice."""


@attrs.frozen
class Settings:
    """What a worker has to know.

    Args:
        database: the URL.
        stripe: the base URL of a stand-in for Stripe, whose state is read again before it is stored; None: the embedded
            provider, whose payloads are believed.
        repository: ``module:class``, made with an engine.
    """

    database: str
    stripe: str | None = None
    repository: str = "paylattice.repositories.sqlalchemy:SQLAlchemyRepository"

    def provider(self) -> BaseProvider:
        if self.stripe is None:
            return InMemoryProvider(MemoryConfig(webhook_secret=SECRET), clock=lambda: CLOCK)
        from paylattice.providers.stripe import (  # a third of a second, for those who need it
            StripeConfig,
            StripeProvider,
        )

        keys = {"secret_key": "sk_test_standin", "webhook_secret": "whsec_standin"}
        return StripeProvider(StripeConfig(base_url=self.stripe, **keys))


class Clock:
    """The time that the last job says it is: the provider's, which a run may move."""

    said: datetime | None = None

    def now(self) -> datetime:
        return self.said or datetime.now(UTC)


def service(settings: Settings, clock: Clock) -> BillingService[AsyncConnection]:
    module, _, kind = settings.repository.partition(":")
    engine = create_async_engine(settings.database, pool_size=8, pool_pre_ping=True)
    repository: SQLAlchemyRepository[AsyncConnection] = getattr(importlib.import_module(module), kind)(engine)
    billing = BillingService(settings.provider(), repository, refetch=settings.stripe is not None, clock=clock.now)

    async def note(event: WebhookEvent, context: Context, word: str) -> None:
        row = {"event_id": event.dedupe_key, "word": word}
        await context.transaction.execute(text("insert into handled values (:event_id, :word)"), row)

    for word in EventType:
        if not word.names_a_status:  # those run for changes of a status, not for events
            billing.on(word)(partial(note, word=str(word)))

    @billing.on(EventType.INVOICE_PAID)
    async def book(event: WebhookEvent, context: Context) -> None:
        assert event.invoice is not None
        assert context.customer is not None
        row = {
            "event_id": event.dedupe_key,
            "org_id": context.customer.org_id,
            "cents": event.invoice.amount_paid.amount,
        }
        await context.transaction.execute(text("insert into ledger values (:event_id, :org_id, :cents)"), row)
        balance = {"org_id": row["org_id"], "cents": row["cents"]}
        add = text("update balances set cents = cents + :cents where org_id = :org_id")
        if (await context.transaction.execute(add, balance)).rowcount == 0:
            await context.transaction.execute(text("insert into balances values (:org_id, :cents)"), balance)

    @billing.on(EventType.PAYMENT_SUCCEEDED)
    @billing.on(EventType.REFUND_SUCCEEDED)
    async def take(event: WebhookEvent, context: Context) -> None:
        assert context.customer is not None
        assert event.payment is not None or event.refund is not None
        row: dict[str, object] = {"event_id": event.dedupe_key, "org_id": context.customer.org_id}
        if event.refund is not None:
            row |= {"payment_id": event.refund.payment_id, "cents": -event.refund.amount.amount}
        elif event.payment is not None:
            row |= {"payment_id": event.payment.id, "cents": event.payment.amount.amount}
        insert = "insert into takings values (:event_id, :org_id, :payment_id, :cents)"
        await context.transaction.execute(text(insert), row)

    return billing


NOT_SENT = "never sent"
"""The answer of a command that was certainly not done, and whose key is of no use any more."""


async def ask(billing: BillingService[AsyncConnection], job: Mapping[str, str]) -> str:
    """Do what moves money, or changes a subscription."""
    org, key = job["org"], {"idempotency_key": job["key"]}
    cents = Money(int(job["cents"]), "USD") if "cents" in job else None
    match job["do"]:
        case "charge" | "authorize" as how if cents is not None:
            call = billing.charge if how == "charge" else billing.authorize
            return (await call(org, cents, description="of the run", **key)).id
        case "capture":
            return (await billing.capture(org, job["payment"], **key)).id
        case "void":
            return (await billing.void(org, job["payment"], **key)).id
        case "refund":
            return (await billing.refund(org, payment_id=job["payment"], amount=cents, **key)).id
        case "change plan":
            return str((await billing.change_plan(org, "team", **key)).subscription.plan_id)
        case "pause":
            return str((await billing.pause(org, **key)).status)
        case "resume":
            return str((await billing.resume(org, **key)).status)
        case "cancel all":
            return f"{len((await billing.cancel_all(org, at_period_end=False, **key)).ended)} ended"
        case _:
            raise AssertionError(job["do"])


async def do(billing: BillingService[AsyncConnection], provider: str, job: Mapping[str, str]) -> str:
    match job["do"]:
        case "deliver":
            headers: Mapping[str, str] = json.loads(job["headers"])
            return str(await billing.handle_webhook(provider, job["payload"].encode(), headers))
        case "apply unmatched":
            return f"{await billing.apply_unmatched(provider)} applied"
        case "check out":
            session = await billing.start_checkout(
                job["org"], "pro", email=f"{job['org']}@example.com", idempotency_key=job["key"], **PAGES
            )
            return session.id
        case "recover":
            recovered = await billing.recover_open(older_than=timedelta())
            return f"{len(recovered.open)} open, {len(recovered.done)} finished"
        case "maintain":
            report = await billing.maintain(older_than=timedelta(), budget=timedelta(minutes=30))
            facts = {
                "recovered": len(report.recovered.done),
                "applied": report.applied,
                "caught_up": sum(each.applied for each in report.caught_up.values()),
                "compared": sum(each.customers for each in report.reconciled.values()),
                "needs_a_person": report.needs_a_person,
                "failed_parts": [str(each) for each in report.failed_parts],
                "unfinished": report.unfinished,
            }
            return json.dumps(facts)
        case _:
            try:
                return await ask(billing, job)
            except errors.IdempotencyMismatch:
                return NOT_SENT


async def main(settings: Settings, connection: socket.socket) -> None:
    clock = Clock()
    billing = service(settings, clock)
    provider = "stripe" if settings.stripe else "memory"
    jobs, answers = await asyncio.open_unix_connection(sock=connection, limit=2**22)
    answers.write(f"{os.getpid()}\n".encode())
    at_work: set[asyncio.Task[None]] = set()

    async def one(job: Mapping[str, str]) -> None:
        clock.said = datetime.fromisoformat(job["now"]) if "now" in job else None
        try:
            answer = {"id": job["id"], "done": await do(billing, provider, job)}
        except Exception as error:  # noqa: BLE001 - as a web server: 500, and it is delivered again
            cause = getattr(error, "orig", None) or error
            answer = {"id": job["id"], "failed": type(cause).__name__, "why": str(cause)}
        answers.write(f"{json.dumps(answer)}\n".encode())

    while line := await jobs.readline():  # the end of the input: whoever gave the jobs is gone
        task = asyncio.create_task(one(json.loads(line)))
        at_work.add(task)
        task.add_done_callback(at_work.discard)


def fork_for_each_connection(settings: Settings, meeting_place: str) -> None:
    """Be the parent: it imports once what each worker needs, and opens nothing."""
    settings.provider()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries them
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(meeting_place)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                asyncio.run(main(settings, connection))
                os._exit(0)
            connection.close()


if __name__ == "__main__":
    fork_for_each_connection(Settings(**json.loads(sys.argv[1])), sys.argv[2])
