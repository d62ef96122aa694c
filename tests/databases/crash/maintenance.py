"""``maintain()`` in two processes at the same moment, over organisations with operations whose answers were lost, events that
wait for their customer, and events that never came: everything is done once, and each process gets its report.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import create_async_engine

from paylattice import BillingCustomer, BillingService, Money, RetryPolicy, WebhookOutcome, errors
from paylattice.billing.store import Store
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository
from paylattice.testing.standins import StripeStandIn
from paylattice.transport import AsyncTransport

from ..sqlalchemy_support import database
from .crew import Crew, at_work
from .report import Report
from .rows import Rows, Server, engine_url, reading
from .stream import PAGES
from .worker import TABLES, Settings

__all__ = ["run_maintenance"]


def run_maintenance(server: Server, *, orgs: int, workers: int = 2) -> Report:
    """Leave work behind, and let several processes do it at the same time.

    Args:
        server: the database server.
        orgs: how many organisations. Of each four, one has a customer and one a page whose answer was lost, one has paid and
            nothing came of it, and the event of one waits for its customer.
        workers: how many processes.
    """
    stand_in = StripeStandIn()
    stand_in.add_plan("pro", Money(1999, "USD"), trial_days=None)
    begin = time.monotonic()
    with database(server, *TABLES) as name, stand_in.serve() as base:
        url = engine_url(server, name)
        asyncio.run(_leave_behind(url, stand_in, orgs))
        with reading(server, name) as rows:
            left = {kind: len(rows(sql)) for kind, sql in _LEFT.items()}
        crew = Crew(Settings(url, base), workers, each=1, dice=random.Random(1))
        asyncio.run(_maintain(crew))
        reports = [json.loads(answer) for answer in crew.answers["maintain"]]
        with reading(server, name) as rows:
            problems = [*_problems(rows, stand_in, orgs, reports, workers)]
    return Report(
        f"{workers} processes that maintain at the same time",
        {
            "organisations": orgs,
            **left,
            "payments that nobody told of": orgs // 4,
            "reports": len(reports),
            "operations finished, by report": [each["recovered"] for each in reports],
            "waiting events applied, by report": [each["applied"] for each in reports],
            "missed events applied, by report": [each["caught_up"] for each in reports],
            "customers compared, by report": [each["compared"] for each in reports],
            "jobs refused with an error": dict(crew.failures),
            "seconds": round(time.monotonic() - begin, 1),
        },
        problems,
    )


_LEFT = {
    "operations left open": "select * from billing_operations where state = 'open'",
    "events left waiting": "select * from billing_unmatched_events",
}


async def _leave_behind(url: str, stand_in: StripeStandIn, orgs: int) -> None:
    engine = create_async_engine(url)
    transport = AsyncTransport(transport=stand_in.transport(), retry=RetryPolicy(attempts=1))
    config = StripeConfig(secret_key=stand_in.secret_key, webhook_secret=stand_in.webhook_secret)
    provider, repository = StripeProvider(config, transport=transport), SQLAlchemyRepository(engine)
    billing = BillingService(provider, repository)
    for number in range(orgs):
        org = f"org-{number}"
        match number % 4:
            case 0 | 1 as lost:
                stand_in.faults.lose_next_answer(path=("/v1/customers", "/v1/checkout/sessions")[lost])
                try:
                    await billing.start_checkout(org, "pro", email=f"{org}@example.com", **PAGES)
                except errors.OutcomeUnknown:
                    stand_in.deliveries()  # lost, too
            case 2:
                session = await billing.start_checkout(org, "pro", email=f"{org}@example.com", **PAGES)
                stand_in.complete_checkout(session.id)
                stand_in.deliveries()
            case _:
                made = await provider.create_customer(f"{org}@example.com", metadata={"org_id": org})
                for each in stand_in.deliveries():
                    came = await billing.handle_webhook("stripe", each.payload, each.headers)
                    assert came is WebhookOutcome.UNMATCHED
                now = datetime.now(UTC)
                await Store(repository).insert_customer(
                    BillingCustomer(
                        id=org,
                        org_id=org,
                        provider="stripe",
                        external_customer_id=made.id,
                        created_at=now,
                        updated_at=now,
                    )
                )
    await billing.aclose()
    await transport.aclose()
    await engine.dispose()


async def _maintain(crew: Crew) -> None:
    async with at_work(crew):
        await crew.ready()
        crew.give([{"do": "maintain", "about": "maintain"}] * crew.size)
        await crew.finish()


def _problems(
    rows: Rows, stand_in: StripeStandIn, orgs: int, reports: list[dict[str, object]], workers: int
) -> Iterable[str]:
    """What is not as it must be."""
    if len(reports) != workers:
        yield f"{workers} processes made {len(reports)} reports"
    for report in reports:
        for name in ("needs_a_person", "failed_parts", "unfinished"):
            if report[name]:
                yield f"a report has {name}: {report[name]}"
    yield from _wrong_operations(rows, stand_in, orgs)
    yield from _wrong_events(rows, stand_in, orgs)


def _wrong_operations(rows: Rows, stand_in: StripeStandIn, orgs: int) -> Iterable[str]:
    made = Counter(str(each["metadata"]["org_id"]) for each in stand_in.objects("customer"))  # type: ignore[index]
    if made != Counter(f"org-{number}" for number in range(orgs)):
        yield f"the provider made {sum(made.values())} customers for {orgs} organisations"
    records = [str(row["external_customer_id"]) for row in rows("select * from billing_customers")]
    if sorted(records) != sorted(str(each["id"]) for each in stand_in.objects("customer")):
        yield "the customers here are not those at the provider"
    pages = sum(number % 4 in {1, 2} for number in range(orgs))
    if stand_in.count("checkout.session") != pages:
        yield f"the provider made {stand_in.count('checkout.session')} pages for {pages} clicks"
    if rows("select * from billing_operations where state <> 'done'"):
        yield "an operation is not done"


def _wrong_events(rows: Rows, stand_in: StripeStandIn, orgs: int) -> Iterable[str]:
    if rows("select external_event_id from billing_unmatched_events"):
        yield "an event still waits"
    for table, once in (("ledger", "event_id"), ("handled", "event_id, word")):
        if rows(f"select {once} from {table} group by {once} having count(*) > 1"):
            yield f"an event is in the table {table} more than once"
    [created] = rows("select count(*) as number from handled where word = 'customer.created'")
    if created["number"] != orgs:
        yield f"{created['number']} of the {orgs} events of new customers were handled"
    [total] = rows("select coalesce(sum(cents), 0) as cents from ledger")
    if total["cents"] != stand_in.money_taken() or not total["cents"]:
        yield f"the ledger holds {total['cents']} cents, and the provider took {stand_in.money_taken()}"
    stored = rows("select * from billing_subscriptions")
    if {str(row["external_subscription_id"]): row["status"] for row in stored} != {
        str(each["id"]): each["status"] for each in stand_in.objects("subscription")
    }:
        yield "the subscriptions here are not those at the provider"
