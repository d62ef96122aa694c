"""One customer for an organisation and a provider, whatever goes wrong on the way."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from paylattice import BillingCustomer, BillingService, Customer, InMemoryRepository, Money, errors, sync
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.records import Record
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .support import World


class Died(BaseException):
    """The process was killed."""


class DiesBeforeTheInsert(InMemoryRepository):
    """Dies the first time that a customer is to be inserted."""

    died = False

    async def insert(self, record: Record, *, tx: InMemoryTransaction | None = None) -> bool:
        if isinstance(record, BillingCustomer) and not self.died:
            self.died = True
            raise Died
        return await super().insert(record, tx=tx)


def test_a_crash_between_the_provider_s_answer_and_the_insert_makes_no_second_customer() -> None:
    async def main() -> None:
        world = World(repository=DiesBeforeTheInsert())
        with pytest.raises(Died):
            await world.billing.ensure_customer("org", email="ada@example.com")
        customer = await world.billing.ensure_customer("org", email="ada@example.com")
        assert world.customers_made() == 1
        assert await world.provider.get_customer(customer.external_customer_id) is not None

    asyncio.run(main())


def test_other_details_after_a_crash_are_no_dead_end() -> None:
    async def main() -> None:
        world = World(repository=DiesBeforeTheInsert())
        with pytest.raises(Died):
            await world.billing.ensure_customer("org", email="ada@example.com")
        customer = await world.billing.ensure_customer("org", email="ada@elsewhere.example")
        again = await world.billing.ensure_customer("org", email="ada@example.com")
        there = await world.provider.get_customer(customer.external_customer_id)
        assert there is not None
        assert (customer.email, again) == ("ada@example.com", customer), "the record says what the provider was told"
        assert there.email == customer.email

    asyncio.run(main())


def test_another_process_meets_the_other_details_at_the_provider() -> None:
    """The same as above where the provider, not this process, remembers the key."""

    async def main() -> None:
        world = World(repository=DiesBeforeTheInsert())
        with pytest.raises(Died):
            await world.billing.ensure_customer("org", email="ada@example.com")
        world.provider.key_ledger = type(world.provider.key_ledger)()
        assert await world.billing.ensure_customer("org", email="ada@elsewhere.example", name="Ada")

    asyncio.run(main())


def test_an_e_mail_address_that_was_refused_can_be_corrected() -> None:
    async def main() -> None:
        world = World()
        world.provider.fail_next_call(errors.InvalidRequest("no such domain", param="email"))
        with pytest.raises(errors.InvalidRequest):
            await world.checkout(org_id="org")
        customer = await world.billing.ensure_customer("org", email="ada@correct.example")
        assert customer.email == "ada@correct.example"

    asyncio.run(main())


def test_calls_at_once_with_different_details_agree_on_one_customer() -> None:
    async def main() -> None:
        world = World()
        calls = [world.billing.ensure_customer("org", email=f"{number % 3}@example.com") for number in range(12)]
        found = await asyncio.gather(*calls)
        assert len({customer.id for customer in found}) == 1
        assert len(await Store(world.repository).list_customers("memory")) == 1

    asyncio.run(main())


class InsertsBehindOurBack(InMemoryProvider):
    """Another worker stores the customer, with other details, while this one asks the provider."""

    repository: InMemoryRepository

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        other = BillingCustomer(id="1", org_id="org", provider="memory", external_customer_id="cus_other")
        await Store(self.repository).insert_customer(other)
        message = "the key was used before"
        raise errors.IdempotencyMismatch(message)


def test_the_customer_that_another_worker_stored_meanwhile_is_taken() -> None:
    async def main() -> None:
        provider = InsertsBehindOurBack()
        provider.repository = InMemoryRepository()
        billing = BillingService(provider, provider.repository)
        customer = await billing.ensure_customer("org", email="ada@example.com")
        assert customer.external_customer_id == "cus_other"

    asyncio.run(main())


def test_threads_at_once_make_one_customer_for_each_organisation() -> None:
    world = World()
    billing = sync.BillingService(world.provider, sync.InMemoryRepository())
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda number: billing.ensure_customer(f"org_{number % 5}", email="a@example.com"), range(80))
        )
    assert len({customer.id for customer in found}) == 5
    assert world.customers_made() == 5


def test_a_customer_is_made_once_at_each_provider_and_select_is_not_asked_about_known_ones() -> None:
    async def main() -> None:
        regions, asked = {"org_eu": "eu", "org_us": "us"}, []

        def by_region(org_id: str) -> str:
            asked.append(org_id)
            return regions[org_id]

        providers = [InMemoryProvider(name="eu"), InMemoryProvider(name="us")]
        billing = BillingService(providers, InMemoryRepository(), select=by_region)
        for _ in range(3):
            assert (await billing.ensure_customer("org_eu", email="a@example.com")).provider == "eu"
            assert (await billing.ensure_customer("org_us", email="a@example.com")).provider == "us"
        regions["org_eu"] = "us"
        assert (await billing.ensure_customer("org_eu", email="a@example.com")).provider == "eu"
        assert asked == ["org_eu", "org_us"]
        moved = await billing.ensure_customer("org_eu", email="a@example.com", provider_name="us")
        assert moved.provider == "us"
        assert [len(each._world.store.customers) for each in providers] == [1, 2]

    asyncio.run(main())


def test_a_select_that_names_nobody_is_an_error_that_names_the_providers() -> None:
    billing = BillingService(
        [InMemoryProvider(name="eu"), InMemoryProvider(name="us")], InMemoryRepository(), select=lambda _: "asia"
    )
    with pytest.raises(errors.ConfigurationError, match="'asia'; it has eu, us"):
        asyncio.run(billing.ensure_customer("org", email="a@example.com"))


@pytest.mark.parametrize("org_id", ["", "  ", None, 42])
def test_what_is_no_organisation_is_refused_by_every_operation(org_id: str) -> None:
    billing = World().billing
    for call in (
        lambda: billing.ensure_customer(org_id, email="a@example.com"),
        lambda: billing.subscription(org_id),
        lambda: billing.access(org_id),
        lambda: billing.cancel(org_id),
        lambda: billing.invoices(org_id),
        lambda: billing.sync_subscription(org_id),
    ):
        with pytest.raises(errors.InvalidRequest, match="org_id must be a str that is not empty"):
            asyncio.run(call())


@pytest.mark.parametrize("provider", [sync.Provider(InMemoryProvider()), "stripe"])
def test_what_is_no_provider_is_refused_when_the_service_is_made(provider: object) -> None:
    with pytest.raises(errors.InvalidProvider, match=r"create_provider\(...\)"):
        BillingService([provider], InMemoryRepository())  # type: ignore[list-item]  # wrong on purpose


def test_a_subscription_is_given_to_no_organisation_without_a_customer_where_there_are_customers() -> None:
    async def main() -> None:
        provider = InMemoryProvider()
        provider.add_plan("pro", Money(1900, "USD"))
        billing = BillingService(provider, InMemoryRepository())
        payer = (await provider.create_customer("someone@example.com")).id
        provider.add_payment_method(payer)
        made = (await provider.create_subscription(payer, "pro")).subscription.id
        with pytest.raises(errors.NotFound, match="ensure_customer"):
            await billing.assign_subscription("org", made)
        assert await billing.subscription("org") is None

    asyncio.run(main())
