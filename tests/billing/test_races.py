"""Who appears first, in every order: an event and its customer, an event and its subscription, two calls for one customer."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BillingCustomer,
    BillingService,
    BillingSubscription,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
    WebhookOutcome,
)
from paylattice.billing.attribution import Attribution, Attributor
from paylattice.billing.handlers import Handlers
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.store import Store

from .scheduler import Task, in_every_order, run
from .support import NOW, Concurrent, Context, Fake, all_of, an_event, pipeline_of

CUSTOMER = BillingCustomer(id="c", org_id="org", provider="fake", external_customer_id="cus")


class Race:
    """A service over a repository and a provider that pause, and the tasks that run against one another."""

    def __init__(self, *, fine: bool = False, pauses: bool = False, says_customer: bool = True) -> None:
        self.provider = Fake(pauses=fine or pauses, says_customer=says_customer)
        self.repository = Concurrent(fine=fine)
        self.billing = BillingService(self.provider, self.repository, clock=lambda: NOW)
        self.billing.on("subscription.updated")(self.note_event)
        self.billing.on("subscription.active")(self.note_change)
        self.outcomes: list[WebhookOutcome] = []
        self.customers: list[BillingCustomer] = []
        self.tasks: list[Task] = []

    def note_event(self, event: WebhookEvent, context: Context) -> None:
        self.repository.note(context.transaction, f"{event.id} of {context.customer and context.customer.org_id}")

    def note_change(self, event: WebhookEvent, context: Context) -> None:
        self.repository.note(context.transaction, f"{context.previous_status} -> active")

    async def deliver(self, event: WebhookEvent) -> None:
        self.outcomes.append(await self.billing.apply_event(event))

    async def appear(self) -> None:
        self.customers.append(await self.billing.ensure_customer("org", email="ada@example.com"))

    async def observe(self) -> None:
        await self.billing._parts.pipeline.observe("fake", CUSTOMER, "sub")

    def knows_the_customer(self) -> "Race":
        self.repository._committed.of(BillingCustomer).add(CUSTOMER)
        return self

    def against(self, *tasks: Task) -> "Race":
        self.tasks = list(tasks)
        return self

    def check(self, *event_ids: str) -> None:
        assert not all_of(self.repository, UnmatchedEvent), (
            "an event stays unmatched although all it waits for is there"
        )
        notes = self.repository.notes
        assert sorted(note for note in notes if note.startswith("evt")) == [f"{each} of org" for each in event_ids]
        assert [note for note in notes if "->" in note] == [next(note for note in notes if note.startswith("None -> "))]
        [stored] = all_of(self.repository, BillingSubscription)
        assert (stored.status, stored.customer_id) == (SubscriptionStatus.ACTIVE, self._customer().id)

    def _customer(self) -> BillingCustomer:
        [customer] = all_of(self.repository, BillingCustomer)
        return customer


def event_and_customer(event: WebhookEvent, *, fine: bool = False) -> Race:
    race = Race(fine=fine)
    return race.against(race.deliver(event), race.appear())


WITH_CUSTOMER = an_event(1)
SUBSCRIPTION_ONLY = an_event(1, customer_id=None)


@pytest.mark.parametrize("event", [WITH_CUSTOMER, SUBSCRIPTION_ONLY], ids=["names its customer", "names no customer"])
def test_an_event_that_races_its_customer_is_applied_once_in_every_order(event: WebhookEvent) -> None:
    assert in_every_order(lambda: event_and_customer(event), lambda race: race.check("evt_1")) > 5


def test_an_event_that_races_the_first_reading_of_its_subscription_is_applied_once_in_every_order() -> None:
    def make() -> Race:
        race = Race(pauses=True, says_customer=False).knows_the_customer()
        return race.against(race.deliver(SUBSCRIPTION_ONLY), race.observe())

    assert in_every_order(make, lambda race: race.check("evt_1")) > 5


def test_two_calls_at_once_make_one_customer_in_every_order() -> None:
    def make() -> Race:
        race = Race(pauses=True)
        return race.against(race.appear(), race.appear())

    def check(race: Race) -> None:
        assert len(race.provider.customers_by_key) == 1
        assert race.customers == [race._customer()] * 2

    assert in_every_order(make, check) > 20


@settings(max_examples=400, deadline=None)
@given(schedule=st.lists(st.integers(0, 7), max_size=120), named=st.booleans(), copies=st.integers(1, 3))
def test_deliveries_customers_and_keeping_interleaved_statement_by_statement_lose_nothing(
    schedule: list[int], named: bool, copies: int
) -> None:
    race = Race(fine=True)
    events = [an_event(number, customer_id="cus" if named else None) for number in (1, 2)]
    race.against(race.appear(), race.appear(), *(race.deliver(event) for event in events * copies))
    run(race.tasks, schedule)
    race.check("evt_1", "evt_2")


@settings(max_examples=300, deadline=None)
@given(schedule=st.lists(st.integers(0, 7), max_size=80), elsewhere=st.booleans())
def test_of_two_subscriptions_that_begin_at_once_one_is_told_to_be_the_second(
    schedule: list[int], elsewhere: bool
) -> None:
    class Other(Fake):
        name = "other"

    repository = Concurrent(fine=True)
    billing = BillingService([Fake(), Other()], repository, select=lambda _: "fake", clock=lambda: NOW)
    for provider in ("fake", "other"):
        customer = BillingCustomer(id=provider, org_id="org", provider=provider, external_customer_id="cus")
        repository._committed.of(BillingCustomer).add(customer)

    @billing.on("subscription.second")
    def second(event: WebhookEvent, context: Context) -> None:
        repository.note(context.transaction, str(event.subscription_id))

    async def deliver(number: int, provider: str) -> None:
        await billing.apply_event(an_event(number, subscription_id=f"sub_{number}", provider=provider))

    run([deliver(1, "fake"), deliver(2, "other" if elsewhere else "fake")], schedule)
    assert len(repository.notes) == 1


class LooksOnlyOnce(Attributor[InMemoryTransaction]):
    """Wrong on purpose: it finds the same when it is asked again, after keeping."""

    first: Attribution | None = None

    async def attribute(self, event: WebhookEvent, *, waited: timedelta = timedelta(0)) -> Attribution:
        self.first = self.first or await super().attribute(event, waited=waited)
        return self.first


def test_the_checker_catches_a_pipeline_that_does_not_look_again_after_keeping() -> None:
    def make() -> Race:
        race = Race()
        providers = race.billing._providers
        attributor = LooksOnlyOnce(Store(race.repository), providers, refetch=True, clock=lambda: NOW)
        wrong = pipeline_of(Store(race.repository), providers, attributor, Handlers(), clock=lambda: NOW)

        async def deliver() -> None:
            await wrong.apply(WITH_CUSTOMER)

        return race.against(deliver(), race.appear())

    with pytest.raises(AssertionError, match="stays unmatched"):
        in_every_order(make, lambda race: race.check("evt_1"))
