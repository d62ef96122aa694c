"""Creating the provider: never by mistake in production, several side by side, in every way to call it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from paylattice import Capability, Customer, PaymentProvider, Subscription, errors, sync
from paylattice.config import ProviderConfig
from paylattice.driving import run
from paylattice.providers import memory
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.providers.memory.config import refuse_production

from .support import PLACES, START, Shop, usd

VARIABLES = (
    "PAYLATTICE_ENV",
    "APP_ENV",
    "ENVIRONMENT",
    "ENV",
    "STAGE",
    "DEPLOY_ENV",
    "DJANGO_ENV",
    "FASTAPI_ENV",
    "FLASK_ENV",
    "PYTHON_ENV",
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, "MEMORY_WEBHOOK_SECRET"):
        monkeypatch.delenv(variable, raising=False)


# --- production --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", VARIABLES)
def test_it_refuses_production_whichever_variable_says_so(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "production")
    with pytest.raises(errors.ConfigurationError) as caught:
        InMemoryProvider()
    assert variable in caught.value.message
    assert "allow_production" in caught.value.message


@pytest.mark.parametrize(
    "value",
    [
        "production",
        "Production",
        "PRODUCTION",
        " prod ",
        "Prod",
        "live",
        "LIVE\n",
        "prd",
        "prod-eu",
        "eu_production",
        "production1",
    ],
)
def test_it_refuses_production_however_it_is_written(value: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        refuse_production({"APP_ENV": value})


@pytest.mark.parametrize(
    "value",
    ["", "development", "test", "staging", "sandbox", "local", "preprod", "pre-production", "non-prod", "NON_PRODUCTION",
     "not production", "product", "delivery", "alive"],
)  # fmt: skip
def test_it_starts_everywhere_else(value: str) -> None:
    refuse_production({"APP_ENV": value})


def test_one_variable_that_says_production_is_enough() -> None:
    with pytest.raises(errors.ConfigurationError):
        refuse_production({"PAYLATTICE_ENV": "test", "ENV": "production"})


def test_it_starts_in_production_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "production")
    assert InMemoryProvider(MemoryConfig(allow_production=True)).now


@pytest.mark.parametrize("permission", [False, "false", "true", 1, "yes"])
def test_nothing_but_true_is_a_permission(permission: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "production")
    with pytest.raises(errors.ConfigurationError):
        InMemoryProvider(MemoryConfig(allow_production=permission))


def test_the_environment_cannot_give_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "production")
    for variable in ("ALLOW_PRODUCTION", "MEMORY_ALLOW_PRODUCTION", "PAYLATTICE_ALLOW_PRODUCTION"):
        monkeypatch.setenv(variable, "true")
    with pytest.raises(errors.ConfigurationError):
        InMemoryProvider()
    assert [setting.variable for setting in MemoryConfig.settings()] == ["MEMORY_WEBHOOK_SECRET"]


# --- settings ----------------------------------------------------------------------------------------------------


def test_it_needs_no_settings() -> None:
    provider = InMemoryProvider()
    assert provider.get_provider_name() == "memory"
    assert frozenset(Capability) - provider.capabilities == {Capability.NATIVE_REQUESTS}


def test_the_secret_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMORY_WEBHOOK_SECRET", "whsec_one, whsec_two")
    assert [secret.reveal() for secret in MemoryConfig.from_env().webhook_secret] == ["whsec_one", "whsec_two"]


def test_the_secret_is_not_shown() -> None:
    assert "whsec" not in repr(MemoryConfig())


def test_the_settings_of_another_provider_are_refused() -> None:
    with pytest.raises(errors.ConfigurationError):
        InMemoryProvider(ProviderConfig())  # type: ignore[arg-type]  # the point


def test_the_package_offers_three_names_and_no_others() -> None:
    assert sorted(memory.__all__) == ["Delivery", "InMemoryProvider", "MemoryConfig"]
    assert all(getattr(memory, name) for name in memory.__all__)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = memory.Nothing


# --- side by side ------------------------------------------------------------------------------------------------


def test_two_providers_side_by_side_share_neither_objects_nor_ids() -> None:
    eu, us = Shop(name="eu"), Shop(name="us")
    made = [each.subscribe() for each in (eu, us)]
    assert made[0].id != made[1].id
    assert [each.provider for each in made] == ["eu", "us"]
    assert run(us.provider.get_subscription(made[0].id)) is None
    assert {event.id for event in eu.events()}.isdisjoint(event.id for event in us.events())


def test_everything_that_a_provider_answers_carries_its_name() -> None:
    shop = Shop(name="eu")
    customer = shop.customer()
    made = shop.subscribe(customer=customer)
    card = run(shop.provider.get_payment_methods(customer.id))[0]
    payment = shop.pay()
    answers = [customer, made, card, payment, shop.checkout(), *shop.invoices(made), *run(shop.provider.list_plans())]
    answers += [run(shop.provider.refund_payment(payment.id)), *shop.events()]
    assert {answer.provider for answer in answers} == {"eu"}


def test_an_error_carries_the_name_of_the_provider() -> None:
    with pytest.raises(errors.NotFound) as caught:
        run(Shop(name="eu").provider.cancel_subscription("sub_none"))
    assert caught.value.provider == "eu"


def test_an_error_of_one_provider_cannot_be_recovered_at_another() -> None:
    eu, us = Shop(name="eu"), Shop(name="us")
    eu.provider.time_out_next_call()
    with pytest.raises(errors.OutcomeUnknown) as caught:
        eu.customer()
    with pytest.raises(errors.InvalidRequest):
        run(us.provider.recover(caught.value))


# --- every way to call it ----------------------------------------------------------------------------------------


async def life(provider: InMemoryProvider) -> tuple[Customer, Subscription]:
    """A short history."""
    customer = await provider.create_customer("ada@example.com")
    session = await provider.create_checkout_session(customer.id, "pro", **PLACES)
    subscription_id = str(provider.complete_checkout(session.id).subscription_id)
    provider.advance(months=1)
    await provider.pause_subscription(subscription_id)
    found = await provider.get_subscription(subscription_id)
    assert found is not None
    return customer, found


@pytest.mark.parametrize("way", [run, asyncio.run], ids=["blocking", "async"])
def test_the_same_calls_have_the_same_effect_with_and_without_an_event_loop(way: Any) -> None:
    shop = Shop()
    _, subscription = way(life(shop.provider))
    assert subscription.status == "paused"
    assert shop.amounts(subscription) == [3000, 3000]


def test_one_provider_survives_several_event_loops() -> None:
    shop = Shop()
    made = [asyncio.run(life(shop.provider)) for _ in range(3)]
    assert len({customer.id for customer, _ in made}) == 3


def test_it_is_used_without_await_through_the_blocking_face() -> None:
    with sync.Provider(InMemoryProvider()) as provider:
        customer = provider.create_customer("ada@example.com")
        assert provider.get_customer(customer.id) == customer


def test_it_is_a_provider_and_can_be_closed() -> None:
    async def main() -> None:
        async with InMemoryProvider() as provider:
            assert isinstance(provider, PaymentProvider)
            provider.require(*provider.capabilities)

    asyncio.run(main())


# --- threads -----------------------------------------------------------------------------------------------------


def test_eight_threads_that_create_lose_nothing() -> None:
    shop = Shop()

    def create(worker: int) -> list[str]:
        return [run(shop.provider.create_customer(f"{worker}-{number}@example.com")).id for number in range(200)]

    with ThreadPoolExecutor(8) as pool:
        made = [customer_id for ids in pool.map(create, range(8)) for customer_id in ids]
    assert len(set(made)) == 1600
    assert all(run(shop.provider.get_customer(customer_id)) for customer_id in made)
    assert len(shop.events()) == len({event.id for event in shop.events()}) == 1600
    assert len(shop.provider.deliveries()) == 1600


def test_eight_threads_with_one_key_make_one_object() -> None:
    shop = Shop()

    def create(_: int) -> Customer:
        return run(shop.provider.create_customer("ada@example.com", idempotency_key="key-1"))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(200)))
    assert len({customer.id for customer in made}) == 1
    assert sum(not customer.replayed for customer in made) == 1
    assert len(shop.events()) == 1


def test_eight_threads_that_refund_one_payment_give_back_no_more_than_was_taken() -> None:
    shop = Shop()
    payment = shop.pay(usd(100))

    def refund(_: int) -> int:
        try:
            return run(shop.provider.refund_payment(payment.id, usd(1))).amount.amount
        except errors.InvalidRequest:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(refund, range(200))) == 100


def test_threads_that_advance_time_bill_every_period_once() -> None:
    shop = Shop()
    made = shop.subscribe("daily")

    def advance(_: int) -> None:
        shop.provider.advance(days=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(advance, range(60)))
    assert (shop.provider.now - START).days == 60
    assert len(shop.invoices(made)) == 61
