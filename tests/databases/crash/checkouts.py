"""Checkouts, and then the lives of the subscriptions, at a stand-in for Stripe that counts what it made, with workers that
are killed: one customer for each organisation, one page for each click, and the provider's own state in the end.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterable

from paylattice import Money
from paylattice.testing.standins import StripeStandIn

from ..sqlalchemy_support import database
from .crew import Crew, Job, at_work
from .report import Report
from .rows import Rows, Server, engine_url, reading
from .worker import TABLES, Settings

__all__ = ["run_checkouts", "send"]

COPIES = 3
"""How often each delivery is sent."""


def run_checkouts(
    server: Server, *, orgs: int, clicks: int, workers: int, kills: int, seed: int | None = None
) -> Report:
    """Let organisations subscribe, and kill on the way.

    Args:
        server: the database server.
        orgs: how many organisations.
        clicks: how often each second one begins, at several workers at once, with one idempotency key: a double click. The
            others click once, and give up when nothing comes back.
        workers: how many processes.
        kills: how many of them are killed on the way: half of that while customers and pages are made.
        seed: of what is chosen at random but the moments; None: another one each time.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    stand_in = StripeStandIn()
    stand_in.add_plan("pro", Money(1999, "USD"), trial_days=None)
    begin = time.monotonic()
    with database(server, *TABLES) as name, stand_in.serve() as base:
        crew = Crew(Settings(engine_url(server, name), base), workers, each=4, dice=random.Random(seed))
        sent = asyncio.run(_live(crew, stand_in, orgs, clicks, kills))
        with reading(server, name) as rows:
            problems = [*_wrong_checkouts(rows, stand_in, crew, orgs)]
            problems += _wrong_lives(rows, stand_in, crew, sent)
    outcomes = Counter(answer for about in sent for answer in crew.answers[about])
    return Report(
        f"checkouts and subscriptions at a stand-in, read again before they are stored, seed {seed}",
        {
            "organisations": orgs,
            "checkouts begun": (orgs + 1) // 2 * clicks + orgs // 2,
            "customers made by the provider": stand_in.count("customer"),
            "pages made by the provider": stand_in.count("checkout.session"),
            "deliveries answered": sum(outcomes.values()),
            "workers": workers,
            "workers killed": crew.kills,
            "jobs in hand when killed": crew.interrupted,
            "operations left open, and finished from the operation log": sum(
                int(answer.split()[2]) for answer in crew.answers["recover"]
            ),
            "jobs refused with an error": dict(crew.failures),
            "outcomes": dict(outcomes),
            "money taken by the provider, cents": stand_in.money_taken(),
            "seconds": round(time.monotonic() - begin, 1),
        },
        problems,
    )


async def _live(crew: Crew, stand_in: StripeStandIn, orgs: int, clicks: int, kills: int) -> list[str]:
    every: list[Job] = [
        {"do": "check out", "about": f"org-{number}", "org": f"org-{number}", "key": f"click-{number}"}
        for number in range(orgs)
    ]
    # Every other organisation clicks once, and gives up when nothing comes back: what was begun is left to the operation log.
    jobs = [*every[::2] * clicks, *({**job, "once": "yes"} for job in every[1::2])]
    crew.dice.shuffle(jobs)
    sent: list[str] = []
    async with at_work(crew):
        killer = asyncio.create_task(crew.killing(kills // 2, len(jobs)))
        crew.give(jobs)
        await asyncio.gather(crew.finish(), killer)
        await crew.finish()
        crew.give([{"do": "recover", "about": "recover"}])
        await crew.finish()
        crew.give(every)  # and later everybody comes back
        await crew.finish()
        pages = [str(each["id"]) for each in stand_in.objects("checkout.session")]
        rounds = 3
        killer = asyncio.create_task(crew.killing(kills - kills // 2, orgs * COPIES * 15))
        for page in pages:
            stand_in.complete_checkout(page)
        for _ in range(rounds):
            sent += send(crew, stand_in)
            for subscription in stand_in.objects("subscription"):
                if crew.dice.random() < 0.3 and subscription["status"] == "active":
                    stand_in.decline_next_payment(customer_id=str(subscription["customer"]))
            await asyncio.sleep(0.2)  # deliveries of what was are read against what is
            stand_in.advance(days=crew.dice.choice([16, 31]))
        sent += send(crew, stand_in)
        await crew.finish()
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)
        await crew.finish()
        crew.give([{"do": "apply unmatched", "about": "apply unmatched"}, {"do": "recover", "about": "recover"}])
        await crew.finish()
    return sent


def send(crew: Crew, stand_in: StripeStandIn, **more: str) -> list[str]:
    """Give out what waits to be delivered, several times each. Returns the ids of the events."""
    waiting = stand_in.deliveries()
    jobs: list[Job] = [
        {
            "do": "deliver",
            "about": str(json.loads(each.payload)["id"]),
            "payload": each.payload.decode(),
            "headers": json.dumps(dict(each.headers)),
            **more,
        }
        for each in waiting
        for _ in range(COPIES)
    ]
    crew.dice.shuffle(jobs)
    crew.give(jobs)
    return [str(json.loads(each.payload)["id"]) for each in waiting]


def _wrong_checkouts(rows: Rows, stand_in: StripeStandIn, crew: Crew, orgs: int) -> Iterable[str]:
    """What is not as it must be of customers and pages."""
    made = Counter(str(each["metadata"]["org_id"]) for each in stand_in.objects("customer"))  # type: ignore[index]
    if made != Counter(f"org-{number}" for number in range(orgs)):
        yield f"the provider made {sum(made.values())} customers for {orgs} organisations"
    records = [row["external_customer_id"] for row in rows("select * from billing_customers")]
    if sorted(map(str, records)) != sorted(str(each["id"]) for each in stand_in.objects("customer")):
        yield "the customers here are not those at the provider"
    for number in range(orgs):
        pages = set(crew.answers[f"org-{number}"])
        if len(pages) != 1:
            yield f"one click of org-{number} opened {len(pages)} pages"
    if stand_in.count("checkout.session") != orgs:
        yield f"the provider made {stand_in.count('checkout.session')} pages for {orgs} clicks"
    left = rows("select operation from billing_operations where state <> 'done'")
    if left or not all(answer.startswith("0 open") for answer in crew.answers["recover"]):
        yield "an operation of the operation log is still open"


def _wrong_lives(rows: Rows, stand_in: StripeStandIn, crew: Crew, sent: list[str]) -> Iterable[str]:
    """What is not as it must be of events, money and subscriptions."""
    stored = Counter(row["external_event_id"] for row in rows("select * from billing_events"))
    once = {  # a completed page counts once, whichever event tells of it
        str(each["id"]): f"checkout.completed:{each['data']['object']['id']}"  # type: ignore[index]
        for each in stand_in.objects("event")
        if each["type"] == "checkout.session.completed"
    }
    kept = {once.get(event, event) for event in sent if "ignored" not in crew.answers[event]}
    if not kept <= set(stored):
        yield f"{len(kept - set(stored))} events were never applied"
    for table, once in (("ledger", "event_id"), ("handled", "event_id, word")):
        twice = rows(f"select {once} from {table} group by {once} having count(*) > 1")
        if twice:
            yield f"{len(twice)} events are in the table {table} more than once"
    if rows("select external_event_id from billing_unmatched_events"):
        yield "an event is still unmatched"
    for table in ("ledger", "balances"):
        [total] = rows(f"select coalesce(sum(cents), 0) as cents from {table}")
        if total["cents"] != stand_in.money_taken():
            yield f"the {table} hold {total['cents']} cents, and the provider took {stand_in.money_taken()}"
    by_id = {row["external_subscription_id"]: row for row in rows("select * from billing_subscriptions")}
    for truth in stand_in.objects("subscription"):
        found = by_id.pop(truth["id"], {})
        if found.get("status") != truth["status"]:
            yield f"{truth['id']} is {found.get('status')} here and {truth['status']} at the provider"
    if by_id:
        yield f"{len(by_id)} subscriptions are nobody's"
