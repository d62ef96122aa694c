"""Deliveries in any order, several times each, to workers that are killed: every event is applied exactly once."""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable

import psycopg
import sqlalchemy as sa

from paylattice.repositories.sqlalchemy import BlockingSQLAlchemyRepository
from tests.mariadb import MariaDB

from ..sqlalchemy_support import database
from .crew import Crew, Job, at_work
from .report import Report
from .rows import Rows, Server, blocking_engine, engine_url, reading
from .stream import Stream, make_stream
from .worker import TABLES, Settings

__all__ = ["run_webhooks"]


def run_webhooks(
    server: Server,
    *,
    events: int,
    copies: int,
    workers: int,
    kills: int,
    server_crashes: int = 0,
    seed: int | None = None,
    repository: str = "paylattice.repositories.sqlalchemy:SQLAlchemyRepository",
) -> Report:
    """Deliver, kill, deliver again, and look whether everything is there once.

    Args:
        server: the database server; with ``server_crashes`` nobody else's.
        events: how many different ones.
        copies: how often each is sent.
        workers: how many processes.
        kills: how many of them are killed on the way.
        server_crashes: how often a process of the database server is killed, which makes it drop all connections and recover.
        repository: what the workers use.
        seed: of everything that is chosen at random but the moments; None: another one each time.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    dice = random.Random(seed)
    stream = make_stream(events, seed=seed)
    with database(server, *TABLES) as name:
        crew = Crew(Settings(engine_url(server, name), repository=repository), workers, each=4, dice=dice)
        begin = time.monotonic()
        asyncio.run(_deliver(crew, server, name, stream, copies, kills, server_crashes))
        seconds = time.monotonic() - begin
        with reading(server, name) as rows:
            problems = [*_problems(rows, stream)]
    outcomes = Counter(answer for about, all_ in crew.answers.items() if about != "apply unmatched" for answer in all_)
    silent = [about for about in stream.types if "processed" not in crew.answers[about]]
    unheard = [about for about in silent if not {"stale", "unmatched"} & set(crew.answers[about])]
    return Report(
        f"webhooks, payloads believed, seed {seed}",
        {
            "events": events,
            "deliveries answered": sum(outcomes.values()),
            "workers": workers,
            "workers killed": crew.kills,
            "deliveries in hand when killed": crew.interrupted,
            "applied, but killed before answering": len(unheard),
            "database server crashes": server_crashes,
            "deliveries refused with the database's error": dict(crew.failures),
            "outcomes": dict(outcomes),
            "ledger, cents": sum(stream.cents.values()),
            "seconds": round(seconds, 1),
        },
        problems,
    )


async def _deliver(
    crew: Crew, server: Server, name: str, stream: Stream, copies: int, kills: int, server_crashes: int
) -> None:
    deliveries: list[Job] = [
        {
            "do": "deliver",
            "about": each.event_id,
            "payload": each.payload.decode(),
            "headers": json.dumps(dict(each.headers)),
        }
        for each in stream.deliveries
        for _ in range(copies)
    ]
    crew.dice.shuffle(deliveries)
    late = len(stream.customers) // 4
    _insert_customers(server, name, stream, slice(late, None))
    async with at_work(crew):
        killer = asyncio.create_task(crew.killing(kills, len(deliveries)))
        crasher = asyncio.create_task(_crashing(crew, server, name, server_crashes, len(deliveries)))
        half = len(deliveries) // 2
        crew.give(deliveries)
        await crew.reach(half)
        # Whose events had nobody to belong to, and were unmatched: now they appear, one by one.
        for place in range(late):
            _insert_customers(server, name, stream, slice(place, place + 1))
            crew.give([{"do": "apply unmatched", "about": "apply unmatched"}])
            await crew.reach(half + place * half // (2 * late))
        await crew.finish()
        await asyncio.gather(killer, crasher)
        await crew.finish()
        crew.give([{"do": "apply unmatched", "about": "apply unmatched"}])
        await crew.finish()


async def _crashing(crew: Crew, server: Server, name: str, crashes: int, jobs: int) -> None:
    """Kill a process of PostgreSQL: it ends all the others, recovers from its log, and takes connections again."""
    if isinstance(server, MariaDB):
        assert crashes == 0, "MariaDB is one process, and would not start again by itself"
        return
    for number in range(crashes):
        await crew.reach(jobs * (2 * number + 1) // (2 * crashes))
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            victims = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            found = connection.execute(victims).fetchall()
        if found:
            os.kill(crew.dice.choice(found)[0], signal.SIGKILL)
        await asyncio.sleep(0.2)


def _insert_customers(server: Server, name: str, stream: Stream, which: slice) -> None:
    """As an application does that has just created them at the provider."""
    with blocking_engine(server, name) as engine:
        repository = BlockingSQLAlchemyRepository(engine)
        for customer in stream.customers[which]:
            while True:
                try:
                    repository.insert(customer)
                except sa.exc.OperationalError:  # the server was made to crash, and recovers
                    time.sleep(0.05)
                else:
                    break


def _problems(rows: Rows, stream: Stream) -> Iterable[str]:
    """What is not as it must be."""
    stored = Counter(row["external_event_id"] for row in rows("select external_event_id from billing_events"))
    if stored != Counter(stream.types.keys()):
        yield f"events never applied: {set(stream.types) - set(stored)}; nobody's: {set(stored) - set(stream.types)}"
    if rows("select id from billing_events where processed_at is null"):
        yield "an event is there that was not stamped"
    if rows("select external_event_id from billing_unmatched_events"):
        yield "an event is still unmatched"
    handled = Counter((str(row["event_id"]), str(row["word"])) for row in rows("select event_id, word from handled"))
    wanted = {(event, word) for event, word in stream.types.items() if not word.startswith("subscription.")}
    for event, word in wanted | set(handled):
        ran = handled[event, word]
        if ran != 1:
            yield f"the handlers of {event} for {word} ran {ran} times"
    for what, sql in (
        ("ledger", "select org_id, sum(cents) as cents from ledger group by org_id"),
        ("balances", "select org_id, cents from balances"),
    ):
        found = Counter({row["org_id"]: row["cents"] for row in rows(sql)})
        if found != stream.cents:
            yield f"the {what} hold {sum(found.values())} cents and not {sum(stream.cents.values())}"
    by_id = {row["external_subscription_id"]: row for row in rows("select * from billing_subscriptions")}
    for truth in stream.subscriptions:
        row = by_id.pop(truth.id, {})
        fields = ("status", "plan_id", "quantity", "current_period_start", "current_period_end", "cancel_at", "version")
        for field in fields:
            if row.get(field) != getattr(truth, field):
                yield f"{truth.id}: {field} is {row.get(field)} and not {getattr(truth, field)}"
    if by_id:
        yield f"{len(by_id)} subscriptions are nobody's"
