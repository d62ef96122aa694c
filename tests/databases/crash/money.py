"""Money and subscriptions at a stand-in for Stripe: workers are killed, and the application comes back days later.

What was begun when a worker was killed is asked for again when the provider has forgotten every key. In the end each amount was
taken, held, released and given back as often as the application asked for it, and its own ledger says the same.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta

import attrs
from sqlalchemy.ext.asyncio import create_async_engine

from paylattice import BillingService, Money
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository
from paylattice.testing.standins import StripeStandIn
from paylattice.transport import AsyncTransport

from ..sqlalchemy_support import database
from .checkouts import send
from .crew import Crew, Job, at_work
from .report import Report
from .rows import Rows, Server, engine_url, reading
from .stream import PAGES
from .worker import NOT_SENT, TABLES, Settings

__all__ = ["run_money"]

CHARGED, CAPTURED, VOIDED, PARTS = 2500, 900, 700, (1000, 400)
LATER = timedelta(days=2)
"""How long the application takes to come back. Stripe remembers a key for 24 hours."""
Asked = Callable[[str, Mapping[str, str]], Job]
"""One thing that is asked for, of an organisation and its payments by what they are for."""


def _charge(what: str, cents: int) -> Asked:
    do = "charge" if what == "charged" else "authorize"
    return lambda org, payments: {"do": do, "cents": str(cents), "for": what}


def _about(do: str, what: str, number: int = 0) -> Asked:
    cents = {"cents": str(PARTS[number])} if do == "refund" else {}
    return lambda org, payments: {"do": do, "payment": payments[what], "for": f"{do} {number}", **cents}


def _subscription(do: str) -> Asked:
    return lambda org, payments: {"do": do, "for": do}


ROUNDS: tuple[tuple[Asked, ...], ...] = (
    (
        _charge("charged", CHARGED),
        _charge("captured", CAPTURED),
        _charge("voided", VOIDED),
        _subscription("change plan"),
    ),
    (_about("capture", "captured"), _about("void", "voided"), _about("refund", "charged"), _subscription("pause")),
    (_about("refund", "charged", 1), _subscription("resume")),
    (_subscription("cancel all"),),
)


@attrs.define
class Round:
    """What became of one round."""

    left_open: int = 0
    not_sent: int = 0


def run_money(server: Server, *, orgs: int, workers: int, kills: int, seed: int | None = None) -> Report:
    """Let organisations be charged, refunded and changed, and kill on the way.

    Args:
        server: the database server.
        orgs: how many organisations, each with a saved card and a subscription.
        workers: how many processes.
        kills: how many of them are killed on the way: half while the provider is asked, half while it delivers.
        seed: of what is chosen at random but the moments; None: another one each time.
    """
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    stand_in = StripeStandIn(now=datetime.now(UTC))
    for plan, cents in (("pro", 1999), ("team", 4999)):
        stand_in.add_plan(plan, Money(cents, "USD"), trial_days=None)
    begin = time.monotonic()
    with database(server, *TABLES) as name, stand_in.serve() as base:
        url = engine_url(server, name)
        asyncio.run(_open(url, stand_in, orgs))
        crew = Crew(Settings(url, base), workers, each=4, dice=random.Random(seed), longest=0.1)
        rounds, sent = asyncio.run(_live(crew, stand_in, orgs, kills))
        with reading(server, name) as rows:
            problems = [*_wrong_money(stand_in, orgs), *_wrong_ledger(rows, stand_in)]
            problems += [*_wrong_rows(rows, crew), *_wrong_ends(rows, stand_in)]
    return Report(
        f"charges, refunds and changes at a stand-in, asked for again {LATER.days} days after each kill, seed {seed}",
        {
            "organisations": orgs,
            "asked for": orgs * sum(map(len, ROUNDS)),
            "deliveries answered": sum(len(crew.answers[about]) for about in sent),
            "workers": workers,
            "workers killed": crew.kills,
            "jobs in hand when killed": crew.interrupted,
            "found open days later, by round": [each.left_open for each in rounds],
            "never sent, and asked for under a new key, by round": [each.not_sent for each in rounds],
            "jobs refused with an error": dict(crew.failures),
            "payments made by the provider": len(_payments(stand_in)),
            "refunds made by the provider": stand_in.count("refund"),
            "taken less given back, cents": sum(_ledger(stand_in).values()),
            "seconds": round(time.monotonic() - begin, 1),
        },
        problems,
    )


async def _open(url: str, stand_in: StripeStandIn, orgs: int) -> None:
    """Everybody subscribes; nobody is killed here."""
    engine = create_async_engine(url)
    transport = AsyncTransport(transport=stand_in.transport())
    config = StripeConfig(secret_key=stand_in.secret_key, webhook_secret=stand_in.webhook_secret)
    billing = BillingService(StripeProvider(config, transport=transport), SQLAlchemyRepository(engine))
    for number in range(orgs):
        session = await billing.start_checkout(f"org-{number}", "pro", email=f"{number}@example.com", **PAGES)
        stand_in.complete_checkout(session.id)
        await billing.confirm_return(session.id, org_id=f"org-{number}")
    stand_in.deliveries()
    await billing.aclose()
    await transport.aclose()
    await engine.dispose()


async def _live(crew: Crew, stand_in: StripeStandIn, orgs: int, kills: int) -> tuple[list[Round], set[str]]:
    payments: dict[str, dict[str, str]] = {f"org-{number}": {} for number in range(orgs)}
    rounds: list[Round] = []
    sent: set[str] = set()
    async with at_work(crew):
        for number, asked in enumerate(ROUNDS):
            phases = 2 * (len(ROUNDS) - number)
            jobs = [_job(each, org, payments[org], stand_in) for org in payments for each in asked]
            first = [{**job, "once": "yes"} for job in jobs]
            crew.dice.shuffle(first)
            killer = asyncio.create_task(crew.killing((kills - crew.kills) // phases, len(jobs)))
            crew.give(first)
            await crew.finish()
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)
            stand_in.advance(days=LATER.days)
            stand_in.faults.forget_keys()
            rounds.append(await _come_back(crew, [{**job, "now": stand_in.now.isoformat()} for job in jobs]))
            for job in jobs:
                if job["do"] in {"charge", "authorize"}:
                    payments[job["org"]][job["for"]] = crew.answers[job["about"]][-1]
            told = send(crew, stand_in, now=stand_in.now.isoformat())
            sent |= {*told}
            killer = asyncio.create_task(crew.killing((kills - crew.kills) // (phases - 1), 3 * len(told)))
            await crew.finish()
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)
            await crew.finish()
    return rounds, sent


def _job(asked: Asked, org: str, payments: Mapping[str, str], stand_in: StripeStandIn) -> Job:
    job = {**asked(org, payments), "org": org, "now": stand_in.now.isoformat()}
    return {**job, "about": f"{org} {job['for']}", "key": f"{org} {job['for']}"}


async def _come_back(crew: Crew, jobs: list[Job]) -> Round:
    """Finish what is open, ask for everything again under the same key, and under a new one for what was never sent."""
    recover = {"do": "recover", "about": "recover", "now": jobs[0]["now"]}
    crew.give([recover])
    await crew.finish()
    left_open = sum(int(each) for each in crew.answers["recover"][-1].split() if each.isdigit())
    crew.give(jobs)
    await crew.finish()
    again = [{**job, "key": f"{job['key']}, again"} for job in jobs if crew.answers[job["about"]][-1] == NOT_SENT]
    crew.give(again)
    await crew.finish()
    return Round(left_open, len(again))


# --- what is not as it must be -------------------------------------------------------------------------------------------
_ASKED_FOR = "of the run"
"""The description of each payment that the run asks for; the subscriptions' own have others."""


def _payments(stand_in: StripeStandIn) -> list[Mapping[str, object]]:
    return [each for each in stand_in.objects("payment_intent") if each["description"] == _ASKED_FOR]


def _org(payment: Mapping[str, object]) -> str:
    return str(payment["metadata"]["org_id"])  # type: ignore[index]  # metadata is a mapping


def _wrong_money(stand_in: StripeStandIn, orgs: int) -> Iterable[str]:
    """Whether the provider made what was asked for, once each."""
    found = {f"org-{number}": Counter[tuple[int, object, int]]() for number in range(orgs)}
    for each in _payments(stand_in):
        found[_org(each)][int(str(each["amount"])), each["status"], int(str(each["amount_received"]))] += 1
    wanted = Counter(
        {(CHARGED, "succeeded", CHARGED): 1, (CAPTURED, "succeeded", CAPTURED): 1, (VOIDED, "canceled", 0): 1}
    )
    for org, made in found.items():
        if made != wanted:
            yield f"the payments of {org} are {dict(made)}"
    given_back = Counter((each["payment_intent"], each["amount"]) for each in stand_in.objects("refund"))
    charged = [each["id"] for each in _payments(stand_in) if each["amount"] == CHARGED]
    if given_back != Counter((id_, part) for id_ in charged for part in PARTS):
        yield f"{sum(given_back.values())} refunds were made, {len(given_back)} different ones, for {len(charged)} charges"


def _ledger(stand_in: StripeStandIn) -> Counter[str]:
    """What the provider has taken from each organisation, less what it gave back."""
    found: Counter[str] = Counter()
    owner = {}
    for each in _payments(stand_in):
        owner[each["id"]] = _org(each)
        found[_org(each)] += int(str(each["amount_received"]))
    for each in stand_in.objects("refund"):
        found[owner[each["payment_intent"]]] -= int(str(each["amount"]))
    return found


def _wrong_ledger(rows: Rows, stand_in: StripeStandIn) -> Iterable[str]:
    """Whether the application's handlers have booked the same."""
    ours = {str(each["id"]) for each in _payments(stand_in)}
    booked: Counter[str] = Counter()
    for row in rows("select org_id, payment_id, cents from takings"):
        if row["payment_id"] in ours:
            booked[str(row["org_id"])] += int(str(row["cents"]))
    if booked != _ledger(stand_in):
        total = sum(_ledger(stand_in).values())
        yield f"the ledger holds {sum(booked.values())} cents, and the provider took {total}"
    if rows("select event_id from takings group by event_id having count(*) > 1"):
        yield "an event is in the ledger more than once"


def _wrong_rows(rows: Rows, crew: Crew) -> Iterable[str]:
    """Whether the operation log says what was done, and nothing is open."""
    if rows("select * from billing_operations where state = 'open'"):
        yield "an operation is still open"
    if rows("select external_event_id from billing_unmatched_events"):
        yield "an event is still unmatched"
    abandoned = {str(row["key"]) for row in rows("select * from billing_operations where state = 'abandoned'")}
    money = {each for each in abandoned if each.startswith("org-")}
    never_sent = {about for about, answers in crew.answers.items() if NOT_SENT in answers}
    if money != never_sent:
        yield f"abandoned, and not reported: {money - never_sent}; reported, and not abandoned: {never_sent - money}"


def _wrong_ends(rows: Rows, stand_in: StripeStandIn) -> Iterable[str]:
    """Whether each subscription was changed, and has ended, here and there."""
    stored = {str(row["external_subscription_id"]): row for row in rows("select * from billing_subscriptions")}
    for truth in stand_in.objects("subscription"):
        row = stored[str(truth["id"])]
        if (row["status"], row["plan_id"], truth["status"]) != ("canceled", "team", "canceled"):
            yield f"{truth['id']} is {row['status']} on {row['plan_id']} here, and {truth['status']} at the provider"
