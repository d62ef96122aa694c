"""Whatever happens while a customer is adopted, in whatever order, billing ends in the provider's true state."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingEvent,
    BillingService,
    BillingSubscription,
    Capability,
    Customer,
    EventContext,
    EventType,
    Subscription,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.migration import Adoption, AdoptionOutcome
from paylattice.transport.primitives import BlockingPrimitives
from tests.billing.interleaving import NOW
from tests.billing.scheduler import Pause, Task, run
from tests.billing.support import Concurrent, all_of

LIFE = (SubscriptionStatus.PAST_DUE, SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELED)


class OneCustomer(BaseProvider):
    """A provider with a customer and a subscription. It pauses before and after each answer."""

    name = "fake"
    capabilities = frozenset({Capability.CUSTOMERS, Capability.SUBSCRIPTIONS, Capability.LIST_SUBSCRIPTIONS})

    def __init__(self) -> None:
        super().__init__()
        self.status = SubscriptionStatus.ACTIVE

    def payload(self) -> Subscription:
        return Subscription(id="sub", customer_id="cus", status=self.status, provider="fake")

    async def get_customer(self, customer_id: str) -> Customer | None:
        await Pause()
        return Customer("cus", "ada@example.com", provider="fake")

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        await Pause()
        answer = [self.payload()]
        await Pause()
        return answer

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        await Pause()
        answer = self.payload()
        await Pause()
        return answer

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        await Pause()
        return Customer("cus_new", email, name, provider="fake")


class Meanwhile:
    """Two processes adopt the organisation; the provider changes, tells of it, and tells some of it twice."""

    def __init__(self, *, changes: int, duplicates: int = 0, adopters: int = 1, checkout: bool = False) -> None:
        self.provider, self.repository = OneCustomer(), Concurrent()
        self.billing: BillingService[InMemoryTransaction] = BillingService(
            self.provider, self.repository, clock=lambda: NOW, primitives=BlockingPrimitives()
        )
        self.events: list[WebhookEvent] = []
        self.outcomes: list[AdoptionOutcome] = []
        self.billing.on("subscription.updated")(self.on_event)
        self.tasks: list[Task] = [self.change(changes)]
        self.tasks += [self.deliver(number % changes) for number in range(changes + duplicates)]
        self.tasks += [self.adopt() for _ in range(adopters)]
        if checkout:
            self.tasks.append(self.check_out())

    async def on_event(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        if event.id.startswith("evt_"):
            self.repository.note(context.transaction, event.id)

    async def change(self, times: int) -> None:
        for number in range(times):
            await Pause()
            self.provider.status = LIFE[number % len(LIFE)]
            event = WebhookEvent(
                id=f"evt_{number}",
                type=EventType.SUBSCRIPTION_UPDATED,
                created_at=NOW,
                dedupe_key=f"evt_{number}",
                customer_id="cus",
                subscription_id="sub",
                subscription=self.provider.payload(),
                provider="fake",
            )
            self.events.append(event)

    async def deliver(self, number: int) -> None:
        await Pause(lambda: len(self.events) > number)
        await self.billing.apply_event(self.events[number])

    async def adopt(self) -> None:
        await Pause()
        adoption = Adoption(self.billing, "fake", primitives=BlockingPrimitives())
        report = await adoption.run([("org", "cus")])
        self.outcomes += list(report.outcomes)

    async def check_out(self) -> None:
        """The first step of a checkout: the organisation needs a customer."""
        await Pause()
        await self.billing.ensure_customer("org", email="ada@example.com")

    def check(self) -> None:
        [customer] = all_of(self.repository, BillingCustomer)
        if customer.external_customer_id == "cus_new":  # the checkout was first: adoption says so, and stores nothing
            assert set(self.outcomes) == {AdoptionOutcome.LEFT_OUT}
            assert all_of(self.repository, BillingSubscription) == []
            return
        [stored] = all_of(self.repository, BillingSubscription)
        assert stored.status is self.provider.status, "the stored state is stale"
        assert all_of(self.repository, UnmatchedEvent) == [], "an event waits for ever"
        applied = [note for note in self.repository.notes if note.startswith("evt_")]
        assert sorted(applied) == sorted(event.id for event in self.events), "an event was not applied exactly once"
        kept = [each for each in all_of(self.repository, BillingEvent) if each.external_event_id.startswith("evt_")]
        assert len(kept) == len(self.events)
        assert not set(self.outcomes) - {AdoptionOutcome.STORED, AdoptionOutcome.KNOWN}


@settings(max_examples=400, deadline=None)
@given(
    schedule=st.lists(st.integers(0, 11), max_size=150),
    changes=st.integers(1, 4),
    duplicates=st.integers(0, 2),
    adopters=st.integers(1, 3),
    checkout=st.booleans(),
)
def test_deliveries_changes_and_checkouts_meanwhile_end_in_the_true_state(
    schedule: list[int], changes: int, duplicates: int, adopters: int, checkout: bool
) -> None:
    story = Meanwhile(changes=changes, duplicates=duplicates, adopters=adopters, checkout=checkout)
    run(story.tasks, schedule)
    story.check()
