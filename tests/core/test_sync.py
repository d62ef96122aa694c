"""The blocking face: the same names, the same parameters, no event loop."""

import asyncio
import inspect
import threading

import pytest

import paylattice
from paylattice import (
    BaseProvider,
    BillingCustomer,
    BillingService,
    Capability,
    Customer,
    EventContext,
    InMemoryRepository,
    Money,
    PaymentProvider,
    WebhookEvent,
    errors,
    sync,
)
from paylattice.billing.repository import BillingRepository, BlockingBillingRepository
from paylattice.driving import run
from paylattice.operations import OPERATIONS
from paylattice.providers.memory import InMemoryProvider
from paylattice.transport import BlockingTransport


def parameters(function: object) -> list[tuple[str, object, object]]:
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return [(each.name, each.default, each.kind) for each in found if each.name != "self"]


FOR_THE_CORE = {
    "aclose",
    "verify_with_provider",
    "customer_portal",
    "find_created_customer",
    "missing_because",
    "find_payment",
    "find_refund",
    "find_subscription",
    "follow_links",
    "read_checkout",
}


def coroutines(cls: type) -> set[str]:
    return {
        name
        for name, member in inspect.getmembers(cls)
        if not name.startswith("_") and inspect.iscoroutinefunction(inspect.unwrap(member)) and name not in FOR_THE_CORE
    }


@pytest.mark.parametrize(
    ("asynchronous", "blocking"),
    [
        (BaseProvider, sync.Provider),
        (BillingService, sync.BillingService),
        (InMemoryRepository, sync.InMemoryRepository),
        (BillingRepository, BlockingBillingRepository),
    ],
)
def test_every_coroutine_has_its_twin_with_the_same_parameters(asynchronous: type, blocking: type) -> None:
    names = coroutines(asynchronous)
    assert names
    for name in names:
        twin = getattr(blocking, name)
        assert not inspect.iscoroutinefunction(twin)
        assert parameters(twin) == parameters(getattr(asynchronous, name)), name


def test_every_operation_of_the_table_is_a_method_of_the_protocol_and_of_its_twin() -> None:
    for name in OPERATIONS:
        assert inspect.iscoroutinefunction(getattr(PaymentProvider, name))
        assert getattr(sync.Provider, name).__doc__ == getattr(PaymentProvider, name).__doc__


def test_a_subscription_lives_without_an_event_loop() -> None:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(1900, "USD"))
    with sync.BillingService(provider, sync.InMemoryRepository()) as billing:
        seen: list[str] = []

        @billing.on("subscription.active")
        def active(event: WebhookEvent, context: EventContext) -> None:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            seen.append(event.id)

        session = billing.start_checkout(
            "org", "pro", email="a@b.co", success_url="https://x.test", cancel_url="https://y.test"
        )
        provider.complete_checkout(session.id)
        outcomes = [billing.handle_webhook("memory", each.payload, each.headers) for each in provider.deliveries()]
        assert set(outcomes) == {"processed"}
        assert billing.access("org")
        assert len(seen) == 1
        assert billing.repository.get(BillingCustomer, {"org_id": "org", "provider": "memory"}) is not None
        assert billing.provider("memory").get_customer(session.customer_id or "") is not None
        with pytest.raises(errors.ConfigurationError):
            billing.provider("other")


def test_a_provider_is_made_by_name_and_closes_its_transport() -> None:
    with sync.create_provider("memory") as provider:
        assert provider.get_provider_name() == "memory"
        assert Capability.PAUSE in provider.capabilities
        provider.require(Capability.PAUSE)
        customer = provider.create_customer("ada@example.com", idempotency_key="k")
        assert provider.get_customer(customer.id) == customer
        assert isinstance(provider.wrapped, InMemoryProvider)
        [delivery] = provider.wrapped.deliveries()
        body = provider.verify_webhook_signature(delivery.payload, delivery.headers, "whsec_memory")
        assert isinstance(body, dict)
        transport = provider.wrapped.transport
    with pytest.raises(errors.ConfigurationError, match="closed"):
        transport._client()  # type: ignore[attr-defined]  # the only sign of a closed transport without a request


def test_a_handed_in_transport_stays_open() -> None:
    transport = BlockingTransport()
    with sync.create_provider("memory", transport=transport):
        pass
    assert transport._client()
    run(transport.aclose())


def test_recover_finds_the_one_customer() -> None:
    provider = sync.create_provider("memory")
    assert isinstance(provider.wrapped, InMemoryProvider)
    provider.wrapped.time_out_next_call()
    with pytest.raises(errors.OutcomeUnknown) as unknown:
        provider.create_customer("ada@example.com")
    found = provider.recover(unknown.value)
    assert isinstance(found, Customer)
    assert found.replayed


def test_an_async_repository_is_refused_with_the_one_to_use() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"paylattice\.sync\.InMemoryRepository"):
        sync.BillingService(InMemoryProvider(), InMemoryRepository())  # type: ignore[type-var]  # wrong on purpose


def test_a_provider_that_waits_for_an_event_loop_is_told_what_to_implement() -> None:
    class Suspends(BaseProvider):
        name = "suspends"

        async def create_customer(self, email: str | None = None, *args: object, **kwargs: object) -> Customer:  # type: ignore[override]
            await asyncio.sleep(0)
            return Customer("1", email)

    with pytest.raises(errors.ConfigurationError, match="BlockingTransport"):
        sync.Provider(Suspends()).create_customer("a@b.co")


def test_a_failed_blocking_transaction_leaves_no_trace() -> None:
    repository = sync.InMemoryRepository()

    def fail() -> None:
        with repository.transaction() as tx:
            repository.insert(
                paylattice.BillingCustomer(id="1", org_id="o", provider="p", external_customer_id="x"), tx=tx
            )
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert repository.get(BillingCustomer, {"org_id": "o", "provider": "p"}) is None


def test_threads_take_turns() -> None:
    repository = sync.InMemoryRepository()
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(50):
            with repository.transaction():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
