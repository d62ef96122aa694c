"""A browser's token is charged once for its key, at each provider, whatever gets lost or is forgotten; never a second time."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingOperation,
    BillingService,
    InMemoryRepository,
    OperationState,
    Payment,
    PaymentStatus,
    errors,
)
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider

from .support import NOW, World, all_of
from .test_crashes import REPOSITORY, Fate, Killed, mortal
from .test_money_at_providers import AGES, PLACES, PRICE, Memory, PayPal, Shop, Stripe


async def token_at(shop: Shop, customer_id: str | None) -> str:
    """What the payer's browser gets for a card, or for an order that the payer has approved."""
    place = shop.place
    if isinstance(place, Stripe):
        return str(place.source.add_confirmation_token())
    if isinstance(place, PayPal):
        order = await place.provider().create_order(PRICE, customer_id=customer_id)
        place.source.complete_checkout(order.id)
        place.paths = {**place.paths, "create_payment": f"/v2/checkout/orders/{order.id}/capture"}
        return str(order.id)
    return "tok_browser" if isinstance(place, Memory) else "cnon:browser"


async def opened(place: Callable[[], Any]) -> tuple[Shop, str]:
    shop = Shop(place())
    customer = await shop.process().ensure_customer("org", email="ada@example.com")
    return shop, await token_at(shop, customer.external_customer_id)


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_token_is_charged_once_or_reported(place: Callable[[], Any], age: str, lost: str) -> None:
    async def main() -> None:
        shop, token = await opened(place)

        async def charge() -> Payment:
            return await shop.process().charge("org", PRICE, token=token, idempotency_key="order-7")

        await shop.losing("create_payment", charge, after_effect=lost == "answer")
        shop.wait(AGES[age])
        found = lost == "answer" and age in shop.place.finds and place is not PayPal
        if shop.may_be_sent(age) or found:
            first, again = await charge(), await charge()
            assert (first.id, first.status, first.amount) == (again.id, PaymentStatus.SUCCEEDED, PRICE)
            assert shop.place.amounts()[0] == [2500]
        else:
            with pytest.raises(errors.IdempotencyMismatch, match="twice"):
                await charge()
            await shop.process().recover_open(older_than=timedelta(0))
            assert await shop.state("order-7") is OperationState.ABANDONED
            assert shop.place.amounts()[0] == ([2500] if lost == "answer" else [])

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_another_key_does_not_charge_a_token_again(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop, token = await opened(place)
        await shop.process().charge("org", PRICE, token=token, idempotency_key="order-7")
        with pytest.raises(errors.InvalidRequest):
            await shop.process().charge("org", PRICE, token=token, idempotency_key="order-8")
        assert shop.place.amounts()[0] == [2500]

    asyncio.run(main())


@pytest.mark.parametrize("place", PLACES)
def test_a_guest_s_payment_is_found_by_its_key(place: Callable[[], Any]) -> None:
    async def main() -> None:
        shop = Shop(place())
        token = await token_at(shop, None)
        provider, since = shop.place.provider(), shop.place.source.now
        paid = await provider.create_payment(PRICE, token=token, idempotency_key="guest-1")
        shop.wait(AGES["25 h"])
        if place is PayPal:  # the order has an invoice id of its own, which is the key under which it was created
            return
        found = await provider.find_payment("guest-1", since, customer_id=None)
        assert found is not None
        assert found.id == paid.id
        assert await provider.find_payment("guest-2", since, customer_id=None) is None

    asyncio.run(main())


class Mortal(mortal(InMemoryProvider, ("create_payment", "find_payment", "get_payment"))):  # type: ignore[misc]  # made at run time
    """Its calls are where the process dies."""


class MortalRepository(mortal(InMemoryRepository, REPOSITORY)):  # type: ignore[misc]  # made at run time
    """Its calls are, too."""


@pytest.mark.parametrize("at", range(1, 15))
def test_wherever_the_process_dies_a_token_is_charged_once(at: int) -> None:
    async def main() -> None:
        provider, repository = Mortal(now=NOW), MortalRepository()
        provider.fate = repository.fate = Fate(10**9)
        billing = BillingService(provider, repository, clock=lambda: provider.now)
        await billing.ensure_customer("org", email="ada@example.com")
        provider.fate = repository.fate = Fate(at)

        async def charge() -> Payment:
            return await billing.charge("org", PRICE, token="tok_once", idempotency_key="order-7")

        with suppress(Killed):
            await charge()
        await billing.recover_open(older_than=timedelta(0))
        assert (await charge()).status is PaymentStatus.SUCCEEDED
        assert len(provider._world.store.payments) == 1
        row = await Store(repository).get_operation("memory", "order-7")
        assert row is not None
        assert row.state is OperationState.DONE

    asyncio.run(main())


def test_an_organisation_at_two_providers_has_to_say_whose_token_it_is() -> None:
    async def main() -> None:
        north, south = InMemoryProvider(name="north"), InMemoryProvider(name="south")
        billing = BillingService([north, south], InMemoryRepository(), select=lambda _: "north")
        for each in ("north", "south"):
            await billing.ensure_customer("org", email="ada@example.com", provider_name=each)
        with pytest.raises(errors.InvalidRequest, match="provider_name="):
            await billing.charge("org", PRICE, token="tok_1", idempotency_key="order-7")
        paid = await billing.charge("org", PRICE, token="tok_1", provider_name="south", idempotency_key="order-7")
        assert paid.provider == "south"

    asyncio.run(main())


def test_a_payer_has_to_authenticate_and_the_same_key_brings_the_result() -> None:
    async def main() -> None:
        shop = Shop(Stripe())
        await shop.process().ensure_customer("org", email="ada@example.com")
        token = shop.place.source.add_confirmation_token(requires_action=True)
        for _ in range(2):
            with pytest.raises(errors.ActionRequired) as asked:
                await shop.process().charge("org", PRICE, token=token, idempotency_key="order-7")
        assert (asked.value.client_secret or "").startswith(f"{asked.value.payment_id}_secret_")
        shop.place.source.authenticate_payment(asked.value.payment_id)  # stripe.handleNextAction, in the browser
        paid = await shop.process().charge("org", PRICE, token=token, idempotency_key="order-7")
        assert (paid.id, paid.status) == (asked.value.payment_id, PaymentStatus.SUCCEEDED)
        assert shop.place.amounts()[0] == [2500]

    asyncio.run(main())


def test_at_paypal_an_order_that_a_browser_names_must_be_the_one_that_was_asked_for() -> None:
    async def main() -> None:
        shop = Shop(PayPal())
        provider = shop.place.provider()
        mine = await provider.create_order(PRICE, customer_id="ada")
        with pytest.raises(errors.ActionRequired):
            await provider.create_payment(PRICE, customer_id="ada", token=mine.id)
        shop.place.source.complete_checkout(mine.id)
        with pytest.raises(errors.InvalidRequest, match="another customer"):
            await provider.create_payment(PRICE, customer_id="eve", token=mine.id)
        with pytest.raises(errors.InvalidRequest, match="and not for"):
            await provider.create_payment(PRICE * 2, customer_id="ada", token=mine.id)
        with pytest.raises(errors.InvalidRequest, match="capture="):
            await provider.create_payment(PRICE, customer_id="ada", token=mine.id, capture=False)
        with pytest.raises(errors.InvalidRequest, match="no such order"):
            await provider.create_payment(PRICE, customer_id="ada", token="5O190127TN364715T")
        assert shop.place.amounts() == ([], [])
        shop.place.source.decline_next_payment("INSTRUMENT_DECLINED")
        with pytest.raises((errors.Declined, errors.ActionRequired)):
            await provider.create_payment(PRICE, customer_id="ada", token=mine.id, idempotency_key="one")
        held = await provider.create_order(PRICE, capture=False)
        shop.place.source.complete_checkout(held.id)
        assert (await provider.create_payment(PRICE, token=held.id, capture=False)).status is PaymentStatus.AUTHORIZED

    asyncio.run(main())


# --- what is kept of a token ------------------------------------------------------------------------------------------------


def kept(world: World) -> str:
    """Everything that is stored, as text."""
    return json.dumps([attrs.asdict(each) for each in all_of(world.repository, BillingOperation)], default=str)


def test_no_token_is_kept_once_its_command_is_over_and_the_same_request_is_known_all_the_same() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        first = await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")
        card = await world.billing.save_payment_method("org", "tok_plugh", idempotency_key="c")
        assert "xyzzy" not in kept(world)
        assert "plugh" not in kept(world)
        assert "xyzzy" not in json.dumps(await world.billing.export("org"))
        again = await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")
        assert again.id == first.id
        assert (await world.billing.save_payment_method("org", "tok_plugh", idempotency_key="c")).id == card.id
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.charge("org", PRICE, token="tok_other", idempotency_key="k")
        with pytest.raises(errors.IdempotencyMismatch):
            await world.billing.charge("org", PRICE, token=None, idempotency_key="k")

    asyncio.run(main())


def test_a_token_is_kept_while_it_may_be_sent_again_and_no_export_shows_it() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        world.provider.time_out_next_call(after_effect=False)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")
        assert "xyzzy" in kept(world)
        assert "xyzzy" not in json.dumps(await world.billing.export("org"))
        await world.billing.recover_open(older_than=timedelta(0))
        assert "xyzzy" not in kept(world)
        assert (await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")).amount == PRICE
        assert len(world.provider._world.store.payments) == 1

    asyncio.run(main())


@pytest.mark.parametrize("after_effect", [True, False])
def test_what_was_refused_is_sent_again_with_the_token_that_the_caller_gives(after_effect: bool) -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        create = world.provider.create_payment

        async def refused(*_: Any, **__: Any) -> Any:
            raise errors.AuthenticationError("the key is wrong")

        world.provider.create_payment = refused  # type: ignore[method-assign]  # the provider's answer
        with pytest.raises(errors.AuthenticationError):
            await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")
        assert "xyzzy" not in kept(world)
        world.provider.create_payment = create  # type: ignore[method-assign]
        world.provider.time_out_next_call(after_effect=after_effect)
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")
        [row] = [each for each in all_of(world.repository, BillingOperation) if each.key == "k"]
        assert (row.state, row.arguments["token"]) == (OperationState.OPEN, "tok_xyzzy")
        await world.billing.recover_open(older_than=timedelta(0))
        assert len(world.provider._world.store.payments) == 1
        assert "xyzzy" not in kept(world)

    asyncio.run(main())


def test_an_outcome_that_is_unknown_opens_again_what_another_worker_has_closed_with_its_token() -> None:
    async def main() -> None:
        world = World()
        await world.billing.ensure_customer("org", email="ada@example.com")
        create, store = world.provider.create_payment, Store(world.repository)

        async def refused_elsewhere(*args: Any, **kwargs: Any) -> Any:
            row = await store.get_operation("memory", "k")
            assert row is not None
            closed = {**row.arguments, "token": "sha256:0"}
            await store.update_operation(attrs.evolve(row, state=OperationState.FAILED), arguments=closed)
            world.provider.time_out_next_call(after_effect=False)
            return await create(*args, **kwargs)

        world.provider.create_payment = refused_elsewhere  # type: ignore[method-assign]  # another worker
        with pytest.raises(errors.OutcomeUnknown):
            await world.billing.charge("org", PRICE, token="tok_xyzzy", idempotency_key="k")
        row = await store.get_operation("memory", "k")
        assert row is not None
        assert (row.state, row.arguments["token"]) == (OperationState.OPEN, "tok_xyzzy")

    asyncio.run(main())
