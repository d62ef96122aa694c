"""A customer whom the provider does not know any more: replaced once, and only if the provider says so for certain."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from paylattice import BillingCustomer, BillingService, Customer, ReplacedCustomer, errors
from paylattice.billing.records import BillingSubscription
from paylattice.billing.store import Store
from paylattice.models import SubscriptionStatus
from paylattice.providers.memory import InMemoryProvider

from .operation_log_support import DONE, NOBODY_WAITS, Counting, MortalRepository, operation_log
from .support import NOW, World
from .test_crashes import Fate, Killed

GONE = BillingCustomer(
    id="record",
    org_id="org",
    provider="memory",
    external_customer_id="cus_of_the_test_account",
    email="ada@example.com",
    name="Ada",
    metadata={"tier": "gold"},  # type: ignore[arg-type]  # converted
    created_at=NOW - timedelta(days=90),
    updated_at=NOW - timedelta(days=90),
)


class Left(World):
    """The organisation's record holds an id that the provider does not know: it is of another account, or mode."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.told: list[ReplacedCustomer] = []
        self.billing = BillingService(
            self.provider, self.repository, clock=lambda: self.provider.now, on_replaced=self.told.append
        )

    async def begin(self, customer: BillingCustomer = GONE) -> None:
        await Store(self.repository).insert_customer(customer)

    async def record(self) -> BillingCustomer:
        found = await Store(self.repository).get_customer("org", "memory")
        assert found is not None
        return found


async def deleted() -> Left:
    """The organisation has subscribed; then somebody deleted its customer in the dashboard."""
    world = Left()
    await world.subscribe()
    await world.deliver()
    await world.provider.delete_customer((await world.record()).external_customer_id)
    return world


@pytest.mark.parametrize("webhook", [True, False], ids=["the webhook came", "no webhook came"])
def test_an_organisation_whose_customer_was_deleted_can_check_out_again(webhook: bool) -> None:
    async def main() -> None:
        world = await deleted()
        old = await world.record()
        if webhook:
            assert "processed" in await world.deliver()
            assert not await world.billing.access("org")
        await world.subscribe()
        await world.deliver()
        assert await world.billing.access("org")
        new = await world.record()
        assert (new.id, new.org_id, new.email, new.metadata) == (old.id, old.org_id, old.email, old.metadata)
        assert new.external_customer_id != old.external_customer_id
        assert world.customers_made() == 1
        assert world.told == [ReplacedCustomer("org", "memory", old.external_customer_id, new.external_customer_id)]
        states = sorted(each.status for each in await Store(world.repository).list_subscriptions(old.id))
        assert states == ["active", "canceled"], "the old subscription stays the organisation's"

    asyncio.run(main())


def test_an_id_that_is_left_over_from_another_account_is_replaced_and_what_was_said_of_the_customer_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        world = Left()
        await world.begin()
        await world.subscribe()
        await world.deliver()
        new = await world.record()
        assert (new.id, new.name, new.metadata, new.created_at) == (GONE.id, GONE.name, GONE.metadata, GONE.created_at)
        made = await world.provider.get_customer(new.external_customer_id)
        assert made is not None
        assert (made.email, made.name, made.metadata) == ("ada@example.com", "Ada", {"tier": "gold", "org_id": "org"})
        assert "cus_of_the_test_account any more" in caplog.text
        assert "ada@" not in caplog.text

    asyncio.run(main())


def test_a_subscription_that_is_left_over_with_its_customer_locks_nobody_out_and_ends() -> None:
    async def main() -> None:
        world = Left()
        await world.begin()
        left_over = BillingSubscription(
            id="1",
            customer_id="record",
            external_subscription_id="sub_test",
            provider="memory",
            status=SubscriptionStatus.ACTIVE,
        )
        await Store(world.repository).upsert_subscription(left_over)
        handled: list[str] = []
        world.billing.on("subscription.canceled")(lambda event, context: handled.append(event.subscription_id))
        await world.subscribe()
        await world.deliver()
        assert handled == ["sub_test"]
        stored = await world.billing.subscription("org")
        assert stored is not None
        assert (stored.status, stored.external_subscription_id != "sub_test") == ("active", True)

    asyncio.run(main())


def test_a_current_subscription_of_a_customer_who_exists_still_refuses_a_second_one() -> None:
    async def main() -> None:
        world = Left()
        await world.subscribe()
        await world.deliver()
        with pytest.raises(errors.Conflict, match="change_plan"):
            await world.checkout()
        customer = await world.record()
        left_over = BillingSubscription(
            id="1",
            customer_id=customer.id,
            external_subscription_id="sub_x",
            provider="memory",
            status=SubscriptionStatus.ACTIVE,
        )
        await Store(world.repository).upsert_subscription(left_over)
        with pytest.raises(errors.Conflict):
            await world.checkout()

    asyncio.run(main())


def test_a_double_click_opens_one_page_for_the_new_customer() -> None:
    async def main() -> None:
        world = Left()
        await world.begin()
        first = await world.checkout(idempotency_key="click")
        second = await world.checkout(idempotency_key="click")
        assert first.id == second.id
        assert len(world.provider._world.store.sessions) == 1
        assert world.customers_made() == 1
        with pytest.raises(errors.IdempotencyMismatch):
            await world.checkout(plan_id="team", idempotency_key="click")

    asyncio.run(main())


class SaysLittle(InMemoryProvider):
    """Refuses a checkout, and cannot be asked for the customer, or has them after all."""

    refuses: errors.PaymentError | None = None
    cannot_read: errors.PaymentError | None = None

    async def create_checkout_session(self, *args: Any, **kwargs: Any) -> Any:
        if self.refuses is not None:
            raise self.refuses
        return await super().create_checkout_session(*args, **kwargs)

    async def get_customer(self, customer_id: str) -> Customer | None:
        if self.cannot_read is not None:
            raise self.cannot_read
        return await super().get_customer(customer_id)


VAGUE: dict[str, tuple[errors.PaymentError | None, errors.PaymentError | None]] = {
    "no permission to check out": (errors.PermissionDenied("no"), None),
    "the network": (errors.NetworkError("no"), None),
    "the answer is lost": (errors.NetworkOutcomeUnknown("lost"), None),
    "the provider is down": (errors.ProviderUnavailable("down"), None),
    "a wrong key": (errors.AuthenticationError("no"), None),
    "another parameter": (errors.InvalidRequest("no such plan", param="plan_id"), None),
    "no parameter named": (errors.InvalidRequest("something is wrong"), None),
    "no permission to read": (None, errors.PermissionDenied("no")),
    "the network, when asked again": (None, errors.NetworkError("no")),
    "slowly, when asked again": (None, errors.RateLimited("slowly")),
}


@pytest.mark.parametrize("what", VAGUE)
def test_a_vague_error_replaces_nobody(what: str) -> None:
    refuses, cannot_read = VAGUE[what]

    async def main() -> None:
        world = Left(provider=SaysLittle(now=NOW))
        await world.begin()
        assert isinstance(world.provider, SaysLittle)
        world.provider.refuses, world.provider.cannot_read = refuses, cannot_read
        with pytest.raises(type(refuses) if refuses is not None else errors.NotFound):
            await world.checkout()
        assert await world.record() == GONE
        assert world.customers_made() == 0
        assert world.told == []

    asyncio.run(main())


@pytest.mark.parametrize(
    "error",
    [errors.NotFound("no such plan"), errors.InvalidRequest("no name", param="customer_id")],
    ids=["404", "400"],
)
def test_a_refusal_that_is_not_about_a_customer_who_is_gone_replaces_nobody(error: errors.PaymentError) -> None:
    async def main() -> None:
        world = Left(provider=SaysLittle(now=NOW))
        customer = await world.billing.ensure_customer("org", email="ada@example.com")
        assert isinstance(world.provider, SaysLittle)
        world.provider.refuses = error
        with pytest.raises(type(error)):
            await world.checkout()
        assert await world.record() == customer

    asyncio.run(main())


def test_two_workers_that_notice_it_at_once_make_one_customer() -> None:
    async def main() -> None:
        world = Left()
        await world.begin()
        other = BillingService(world.provider, world.repository, clock=lambda: NOW)
        await asyncio.gather(
            *(
                each.start_checkout(
                    "org", "pro", email="ada@example.com", success_url="https://a.test", cancel_url="https://a.test"
                )
                for each in (world.billing, other) * 5
            )
        )
        assert world.customers_made() == 1
        assert (await world.record()).external_customer_id in world.provider._world.store.customers

    asyncio.run(main())


class Mortal(Left):
    """Dies at any call."""

    def __init__(self, at: int, lost: str | None) -> None:
        provider, repository = Counting(now=NOW), MortalRepository()
        provider.fate = Fate(0)
        repository.fate = Fate(0)
        super().__init__(provider=provider, repository=repository)
        self.at, self.lost = at, lost

    async def begin(self, customer: BillingCustomer = GONE) -> None:
        await super().begin(customer)
        assert isinstance(self.provider, Counting)
        assert isinstance(self.repository, MortalRepository)
        if self.lost is None:
            self.provider.fate = self.repository.fate
        self.provider.lost = self.lost
        self.provider.fate.calls, self.provider.fate.at = 0, self.at

    def survive(self) -> int:
        assert isinstance(self.provider, Counting)
        calls, self.provider.fate.at, self.provider.lost = self.provider.fate.calls, 0, None
        return calls


@pytest.mark.parametrize("way", ["retry", "recover_open"])
@pytest.mark.parametrize("lost", [None, "answer", "request"], ids=["killed", "answer lost", "request lost"])
def test_whatever_is_lost_there_is_one_new_customer(lost: str | None, way: str) -> None:
    async def main(at: int) -> int:
        world = Mortal(at, lost)
        await world.begin()
        with suppress(Killed, errors.OutcomeUnknown, errors.NetworkError, errors.NotFound):
            await world.checkout(idempotency_key="click")
        calls = world.survive()
        if way == "recover_open":
            world.provider.advance(hours=0.01)
            recovered = await world.billing.recover_open(older_than=NOBODY_WAITS)
            assert not recovered.open
        session = await world.checkout(idempotency_key="click")
        assert session.customer_id == (await world.record()).external_customer_id
        assert world.customers_made() == 1, f"lost at call {at}"
        assert (await world.record()).id == GONE.id
        made = [each for each in await operation_log(world) if each.operation == "create_customer"]
        assert [(each.state, each.reference) for each in made] == [(DONE, GONE.external_customer_id)]
        return calls

    calls = asyncio.run(main(0))
    assert calls > 3
    for at in range(1, calls + 1):
        asyncio.run(main(at))


def test_a_customer_that_is_deleted_again_and_again_is_replaced_each_time() -> None:
    async def main() -> None:
        world = Left()
        ids = set()
        for _ in range(4):
            session = await world.checkout()
            ids.add(session.customer_id)
            world.provider.advance(hours=1)
            await world.provider.delete_customer(str(session.customer_id))
        assert len(ids) == 4
        assert world.customers_made() == 0
        assert len(world.told) == 3

    asyncio.run(main())


def test_an_organisation_that_comes_back_finds_the_customer_that_was_made_in_the_place_of_another() -> None:
    async def main() -> None:
        world = await deleted()
        world.provider.advance(hours=1)
        await world.checkout()
        record = await world.record()
        await world.repository.delete(record)
        world.provider.advance(hours=1)
        again = await world.billing.ensure_customer("org", email="ada@example.com")
        assert again.external_customer_id == record.external_customer_id
        assert world.customers_made() == 1

    asyncio.run(main())


def test_what_comes_late_about_the_customer_of_before_is_the_organisation_s() -> None:
    async def main() -> None:
        world = await deleted()
        told: list[str | None] = []
        world.billing.on("customer.deleted")(lambda event, context: told.append(context.customer.org_id))
        await world.checkout()
        assert "unmatched" not in await world.deliver()
        assert told == ["org"]

    asyncio.run(main())


class Strict(InMemoryProvider):
    """Refuses to list anything of a customer whom it does not know, as Stripe does."""

    async def list_subscriptions(self, customer_id: str) -> Any:
        if await self.get_customer(customer_id) is None:
            message = "no such customer"
            raise errors.InvalidRequest(message, param="customer")
        return await super().list_subscriptions(customer_id)


def test_reconciling_and_reading_again_go_on_without_a_customer_who_is_gone() -> None:
    async def main() -> None:
        world = Left(provider=Strict(now=NOW))
        await world.subscribe()
        await world.deliver()
        await world.provider.delete_customer((await world.record()).external_customer_id)
        done = await world.billing.reconcile("memory", repair=True)
        assert (done.failed, done.repaired) == (0, 1)
        assert await world.status() == "canceled"
        assert await world.billing.sync_subscription("org") is not None

    asyncio.run(main())


def test_an_observer_that_fails_keeps_nobody_from_checking_out(caplog: pytest.LogCaptureFixture) -> None:
    def fails(replaced: ReplacedCustomer) -> None:
        message = "no"
        raise RuntimeError(message)

    async def main() -> None:
        world = Left()
        world.billing = BillingService(
            world.provider, world.repository, clock=lambda: world.provider.now, on_replaced=fails
        )
        await world.begin()
        assert (await world.checkout()).url
        assert "observer of replaced customers failed" in caplog.text

    asyncio.run(main())
