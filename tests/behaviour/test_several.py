"""Several subscriptions, setting what is set already, one trial for each organisation: asked of all four providers."""

import asyncio

import pytest

from paylattice import Capability, OpenCheckout, Subscription, SubscriptionChange
from paylattice.errors import Conflict, InvalidRequest, NotFound, UnsupportedOperation

from .conftest import PAGES, Place
from .test_behaviour import story


async def _second(place: Place, plan_id: str = "team") -> Subscription:
    page = await place.billing.start_checkout(
        "org", plan_id, email="ada@example.com", name="Ada Lovelace", allow_second=True, **PAGES
    )
    place.simulator.complete_checkout(page.id)
    await place.billing.confirm_return(page.id, org_id="org")
    await place.deliver()
    stored = await place.billing.subscriptions("org")
    found = await place.provider.get_subscription(
        max(stored, key=lambda each: str(each.created_at)).external_subscription_id
    )
    assert found is not None
    return found


@story
async def test_all_subscriptions_of_an_organisation_end_and_no_more_is_charged(place: Place) -> None:
    await place.subscribed()
    await _second(place)
    report = await place.billing.cancel_all("org")
    assert report.is_complete
    assert len((*report.ended, *report.ending)) == 2
    again = await place.billing.cancel_all("org")
    assert (again.ended, again.not_ended) == ((), ())
    paid = await place.paid()
    place.simulator.advance(months=3)
    await place.deliver()
    assert await place.paid() == paid
    assert not await place.billing.access("org")


@story
async def test_an_organisation_that_leaves_is_ended_as_soon_as_the_provider_can(place: Place) -> None:
    at_once = Capability.CANCEL_NOW in place.provider.capabilities
    await place.subscribed()
    await _second(place)
    for _ in range(2):
        report = await place.billing.close_organisation("org")
        assert report.is_complete
    stored = await place.billing.subscriptions("org")
    assert all(each.status.is_terminal is at_once and each.cancel_at for each in stored)


@story
async def test_the_plan_that_is_there_already_is_no_error_and_no_request(place: Place) -> None:
    await place.subscribed()
    before = await place.now()
    for _ in range(2):
        change = await place.billing.change_plan("org", "pro")
        assert (change.subscription.plan_id, change.approval_url) == (before.plan_id, None)
    assert await place.now() == before, "nothing was written"


@story
async def test_seats_that_are_added_at_the_same_time_add_up(place: Place) -> None:
    subscription = await place.subscribed()

    async def add(delta: int, key: str) -> SubscriptionChange:
        return await place.billing.add_quantity("org", delta, idempotency_key=key)

    if place.name == "square":
        with pytest.raises(InvalidRequest) as caught:  # it has no quantities
            await add(1, "a")
        assert caught.value.param == "quantity"
        return
    changes = await asyncio.gather(*(add(1, key) for key in ("a", "b", "a", "b")))
    if (
        place.name == "paypal"
    ):  # nothing is added before the customer consents: each page is for one seat more than are paid
        assert all(each.approval_url for each in changes)
        assert (await place.now()).quantity in {None, 1}
        place.simulator.approve_change(subscription.id)
        place.simulator.renew(subscription.id)
        await place.deliver()
        assert (await place.now()).quantity == (await place.billing.access("org")).quantity == 2
        assert (await add(1, "a")).approval_url is None, "the same key: this seat is there"
        return
    assert (await place.now()).quantity == (await place.billing.access("org")).quantity == 3
    assert (await add(-2, "c")).subscription.quantity == 1
    with pytest.raises(InvalidRequest, match="cancel"):
        await add(-1, "d")
    assert (await add(1, "a")).subscription.quantity == 1


@story
async def test_a_quantity_that_is_not_the_expected_one_is_not_changed(place: Place) -> None:
    await place.subscribed()
    before = await place.now()
    for attempt in range(2):
        with pytest.raises(Conflict, match="not 7") as caught:
            await place.billing.change_plan("org", "team", expected_quantity=7, idempotency_key=f"k{attempt // 2}")
        assert not caught.value.retryable
    assert await place.now() == before
    change = await place.billing.change_plan("org", "team", expected_quantity=1)
    assert change.approval_url or (await place.now()) != before


@story
async def test_the_page_of_the_provider_where_a_customer_manages_subscriptions(place: Place) -> None:
    with pytest.raises(NotFound, match="ensure_customer"):
        await place.billing.portal("org", "https://app.test/account")
    await place.subscribed()
    with pytest.raises(InvalidRequest):
        await place.billing.portal("org", "account")
    if place.name in {"paypal", "square"}:
        with pytest.raises(UnsupportedOperation, match=r"Instead: make one, of billing\.subscriptions") as caught:
            await place.billing.portal("org", "https://app.test/account")
        assert caught.value.provider == place.name
        return
    assert (await place.billing.portal("org", "https://app.test/account")).startswith("https://")
    with pytest.raises(NotFound):
        await place.billing.portal("org", "https://app.test/account", provider_name="other")


@story
async def test_a_cancellation_that_is_repeated_changes_nothing(place: Place) -> None:
    await place.subscribed()
    first = await place.billing.cancel("org")
    before = await place.now()
    again = await place.billing.cancel("org")
    assert (again.status, again.cancel_at) == (first.status, first.cancel_at)
    assert await place.now() == before


@story
async def test_a_second_trial_is_not_given(place: Place) -> None:
    assert not await place.billing.had_trial("org")
    first = await place.subscribed("trial")
    assert first.trial_end is not None
    assert await place.billing.had_trial("org")
    await place.billing.close_organisation("org")
    place.simulator.advance(months=2)
    await place.deliver()
    assert await place.billing.had_trial("org", "trial")
    assert not await place.billing.had_trial("org", "pro")
    if place.name in {"paypal", "square"}:
        with pytest.raises(InvalidRequest) as caught:  # a trial is a part of the plan there
            await _again(place)
        assert caught.value.param == "trial_days"
        return
    page = await _again(place)
    assert (await _again(place)).id == page.id, "the same key, the same page"
    place.simulator.complete_checkout(page.id)
    await place.deliver()
    assert (await place.now()).status == "active"


async def _again(place: Place) -> OpenCheckout:
    return await place.billing.start_checkout(
        "org", "trial", email="ada@example.com", trial_days="once", idempotency_key="again", **PAGES
    )


@story
async def test_the_first_trial_is_the_plan_s_own(place: Place) -> None:
    page = await place.billing.start_checkout(
        "org", "trial", email="ada@example.com", name="Ada Lovelace", trial_days="once", **PAGES
    )
    place.simulator.complete_checkout(page.id)
    await place.billing.confirm_return(page.id, org_id="org")
    await place.deliver()
    assert (await place.now()).status == "trialing"
