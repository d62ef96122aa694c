"""Erasing where a provider refuses, has several profiles of one organisation, or tells something late."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from paylattice import errors
from paylattice.billing.attribution import Reading
from tests.testing.standins.stripe.support import Shop

from .square_support import SquareShop
from .support import World
from .test_access_at_providers import Desk
from .test_ending_what_was_just_paid import REAL
from .test_erasing import EMAIL, NAME, PHONE, a_life, personal

REFUSALS = [
    errors.AuthenticationError("no"),
    errors.PermissionDenied("no"),
    errors.InvalidRequest("no"),
    errors.Conflict("no"),
    errors.ConfigurationError("no"),
    errors.InvalidResponse("no"),
    errors.NotFound("no"),
]


# --- what a provider refuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", REFUSALS, ids=[type(each).__name__ for each in REFUSALS])
def test_what_a_provider_refuses_to_delete_is_named_and_nothing_is_stripped(refusal: errors.PaymentError) -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        with _refusing(world, refusal):
            report = await world.billing.erase("org")
        [left] = report.at_providers
        assert (left.error, left.is_deleted, left.what) == (type(refusal).__name__, False, refusal.message)
        assert left.customer_id in world.provider._world.store.customers
        assert not report.is_complete
        stored = await world.billing.ensure_customer("org")
        assert (stored.email, stored.is_erased) == (EMAIL, False)
        again = await world.billing.erase("org")
        assert again.is_complete
        assert [each.is_deleted for each in again.at_providers] == [True]
        assert personal(world.repository) == []

    asyncio.run(main())


def test_what_a_provider_can_never_delete_stays_there_and_the_records_are_stripped() -> None:
    async def main() -> None:
        world = World()
        await a_life(world)
        with _refusing(world, errors.UnsupportedOperation("it cannot", reason="no")):
            report = await world.billing.erase("org")
        [left] = report.at_providers
        assert (left.error, left.is_deleted, left.what) == (None, False, "it cannot")
        assert report.is_complete
        assert personal(world.repository) == []

    asyncio.run(main())


class _refusing:  # noqa: N801 - read as a statement
    """The provider deletes nobody."""

    def __init__(self, world: World, refusal: errors.PaymentError) -> None:
        self._provider, self._refusal = world.provider, refusal
        self._delete: Callable[..., Awaitable[None]] = world.provider.delete_customer

    def __enter__(self) -> None:
        async def refuse(*_: Any, **__: Any) -> None:
            raise self._refusal

        self._provider.delete_customer = refuse  # type: ignore[method-assign]  # the provider's answer

    def __exit__(self, *_: object) -> None:
        self._provider.delete_customer = self._delete  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [400, 401, 403, 409])
def test_a_key_at_stripe_that_may_not_delete_leaves_it_to_be_done(status: int) -> None:
    async def main() -> None:
        shop = Shop("async")
        desk = Desk(shop.provider, shop.server)
        made = await desk.billing.ensure_customer("org", email=EMAIL, name=NAME)
        refused = {"error": {"type": "invalid_request_error", "message": "no"}}
        path = f"/v1/customers/{made.external_customer_id}"
        shop.server.faults.answer_next(status, refused, path=path, times=9)
        report = await desk.billing.erase("org")
        assert not report.is_complete
        assert [each.error is not None for each in report.at_providers] == [True]
        assert [each["email"] for each in shop.server.objects("customer")] == [EMAIL]
        assert personal(desk.billing.repository)  # type: ignore[arg-type]  # it is embedded
        shop.server.faults.clear()
        assert (await desk.billing.erase("org")).is_complete

    asyncio.run(main())


# --- several profiles of one organisation ------------------------------------------------------------------------


async def bought(shop: SquareShop, org: str, phone: str = PHONE) -> None:
    page = await shop.page(org)
    shop.account.complete_checkout(page.id, phone=phone)
    await shop.deliver()


def profiles(shop: SquareShop) -> set[str]:
    return {each["id"] for each in shop.account.objects("customer")}


def test_at_square_every_profile_of_the_organisation_is_deleted() -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        first = (await shop.billing.ensure_customer("one", email="one@example.com")).external_customer_id
        await bought(shop, "one")
        there = profiles(shop)
        assert first in there
        assert len(there) == 2
        report = await shop.billing.erase("one")
        assert report.is_complete
        assert {each.customer_id for each in report.at_providers if each.is_deleted} == there
        assert profiles(shop) == set()

    asyncio.run(main())


def test_at_square_a_profile_that_cannot_be_looked_for_leaves_it_to_the_next_call() -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        await bought(shop, "one")
        await shop.billing.cancel_all("one")
        read = shop.provider.get_subscription

        async def forbidden(_subscription_id: str) -> Any:
            raise errors.PermissionDenied("no", provider="square")

        shop.provider.get_subscription = forbidden  # type: ignore[method-assign]  # the provider's answer
        report = await shop.billing.erase("one")
        assert [each.error for each in report.at_providers] == ["PermissionDenied"]
        assert not report.is_complete
        shop.provider.get_subscription = read  # type: ignore[method-assign]
        assert len(profiles(shop)) == 2
        assert (await shop.billing.erase("one")).is_complete
        assert profiles(shop) == set()

    asyncio.run(main())


def test_at_square_a_profile_that_two_organisations_pay_with_stays_until_both_are_forgotten() -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        await bought(shop, "one")
        await bought(shop, "two")
        shared = (await shop.store.get_customer("one", "square")).external_customer_id  # type: ignore[union-attr]
        report = await shop.billing.erase("one")
        [stays] = [each for each in report.at_providers if not each.is_deleted]
        assert (stays.customer_id, stays.error) == (shared, None)
        assert "another organisation" in stays.what
        assert shared in profiles(shop)
        assert (await shop.billing.access("two")).allowed
        await shop.deliver()
        assert (await shop.billing.access("two")).allowed, "the other one has lost nothing"
        assert (await shop.billing.erase("two")).is_complete
        assert profiles(shop) == set()

    asyncio.run(main())


def test_at_square_a_subscription_of_nobody_known_keeps_its_profile_until_a_person_has_looked() -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        await bought(shop, "one")
        there = profiles(shop)
        await bought(shop, "two")  # with the same phone number
        [_, theirs] = shop.account.objects("subscription")
        stored = await shop.store.get_subscription("square", theirs["id"])
        assert stored is not None
        await shop.repository.delete(stored)
        report = await shop.billing.erase("one")
        assert not report.is_complete
        [left] = [each for each in report.at_providers if each.error]
        assert (left.customer_id, left.error) == (theirs["customer_id"], "Conflict")
        assert theirs["id"] in left.what
        assert left.customer_id in there & profiles(shop)
        await shop.provider.cancel_subscription(theirs["id"], at_period_end=True)
        shop.account.advance(months=2)
        assert (await shop.billing.erase("one")).is_complete

    asyncio.run(main())


# --- what comes late ---------------------------------------------------------------------------------------------


def test_at_square_no_late_delivery_brings_back_what_was_forgotten() -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        page = await shop.page("one")
        await shop.deliver()
        shop.account.complete_checkout(page.id, phone=PHONE)
        buyers = shop.account.objects("customer")
        assert (await shop.billing.erase("one")).is_complete
        await shop.deliver()
        for each in buyers:
            await shop.tell("customer.updated", f"late_{each['id']}", dict(each))
        record = await shop.store.get_customer("one", "square")
        assert record is not None
        assert (record.is_erased, record.email, record.phone) == (True, None, None)

    asyncio.run(main())


def test_who_buys_on_an_old_page_after_the_erasure_stays_forgotten_and_is_deleted_next_time() -> None:
    """The page cannot be closed, and its payer pays on it after the organisation was forgotten."""

    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        page = await shop.page("one")
        await shop.deliver()
        opened = shop.provider.expire_checkout_session

        async def closes_none(*_: Any, **__: Any) -> Any:
            raise errors.UnsupportedOperation("it stays open", reason="no")

        shop.provider.expire_checkout_session = closes_none  # type: ignore[method-assign]
        assert (await shop.billing.erase("one")).is_complete
        shop.account.complete_checkout(page.id, phone=PHONE)
        await shop.deliver()
        for each in shop.account.objects("customer"):
            await shop.tell("customer.updated", f"late_{each['id']}", dict(each))
        record = await shop.store.get_customer("one", "square")
        [buyer] = profiles(shop)
        assert record is not None
        assert (record.external_customer_id, record.is_erased) == (buyer, True)
        assert (record.email, record.name, record.phone) == (None, None, None)
        shop.provider.expire_checkout_session = opened  # type: ignore[method-assign]
        assert (await shop.billing.erase("one")).is_complete
        assert profiles(shop) == set()

    asyncio.run(main())


def test_who_came_back_is_not_led_to_the_profile_that_was_forgotten() -> None:
    async def main() -> None:
        shop = SquareShop(settings=REAL, sandbox=False)
        await bought(shop, "one")
        gone = (await shop.store.get_customer("one", "square")).external_customer_id  # type: ignore[union-attr]
        assert (await shop.billing.erase("one")).is_complete
        back = await shop.billing.ensure_customer("one", email="new@example.com")
        assert not back.is_erased
        subscription = await shop.provider.get_subscription(shop.account.objects("subscription")[0]["id"])
        assert subscription is not None
        assert subscription.customer_id == gone
        late = attrs.evolve(subscription, id="sub-late")
        await shop.billing._parts.pipeline._commits.reading(back, _reading(late))
        record = await shop.store.get_customer("one", "square")
        assert record is not None
        assert record.external_customer_id == back.external_customer_id

    asyncio.run(main())


def _reading(subscription: Any) -> Any:
    return Reading(subscription, 10**6)
