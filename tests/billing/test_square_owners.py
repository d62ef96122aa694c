"""Two organisations that pay with one phone number share a profile at Square; money goes to each by its own objects."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import BillingCustomer, BillingService, InMemoryRepository, Money, errors
from paylattice.migration import Adoption
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.testing import SquareStandIn
from paylattice.testing.standins.square import Variants
from paylattice.transport import AsyncTransport

from .square_support import SquareShop
from .support import all_of

PAGE: dict[str, Any] = {"success_url": "https://a.test/ok", "cancel_url": "https://a.test/no"}


async def no_wait(_seconds: float) -> None:
    pass


def test_renewals_and_refunds_of_a_shared_profile_go_to_their_own_organisations() -> None:
    async def run() -> None:
        def clock() -> float:
            return account.now.timestamp()

        account = SquareStandIn(now=datetime(2026, 1, 10, 12, tzinfo=UTC))
        plan = account.add_plan("Basic", Money(1000, "USD"))
        config = SquareConfig(
            access_token=account.access_token,
            webhook_signature_key=account.signature_key,
            webhook_url=account.webhook_url,
            location_id=account.location_id,
        )
        transport = AsyncTransport(transport=account.transport(), sleep=no_wait)
        provider = SquareProvider(config, transport=transport, clock=clock)
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: account.now)
        told: list[tuple[str, str | None, str | None]] = []

        def note(word: str) -> Any:
            def handler(_event: Any, context: Any) -> None:
                owner = context.customer.org_id if context.customer else None
                named = context.subscription.external_subscription_id if context.subscription else None
                told.append((word, owner, named))

            return handler

        for word in ("payment.succeeded", "invoice.paid", "refund.succeeded", "refund.created", "dispute.opened"):
            billing.on(word)(note(word))

        async def deliver() -> None:
            for hook in account.deliveries():
                await billing.handle_webhook("square", hook.payload, hook.headers)

        of: dict[str, str] = {}
        for org in ("one", "two"):
            page = await billing.start_checkout(org, plan, email=f"{org}@example.com", **PAGE)
            account.complete_checkout(page.id, phone="+15005550006")
            await deliver()
            await billing.confirm_return(page.id)
            found = await billing.subscription(org)
            assert found is not None
            of[org] = found.external_subscription_id
        told.clear()
        account.advance(months=1, days=1)
        await deliver()
        for org, subscription_id in of.items():
            assert ("payment.succeeded", org, subscription_id) in told
            assert ("invoice.paid", org, subscription_id) in told
        assert len([one for one in told if one[0] == "payment.succeeded"]) == 2
        told.clear()
        (payment_id,) = (await billing.invoices("two"))[0].payment_ids
        await provider.refund_payment(payment_id)
        await deliver()
        assert ("refund.created", "two", of["two"]) in told
        told.clear()
        card = account.add_payment_method(account.objects("customer")[-1]["id"])
        paid = await billing.charge("two", Money(500, "USD"), payment_method_id=card, idempotency_key="order-1")
        await deliver()
        assert told == [("payment.succeeded", "two", None)], "by the charge, and not by the profile"
        await billing.refund("two", payment_id=paid.id, idempotency_key="refund-1")
        account.open_dispute(paid.id)
        await deliver()
        assert told[1:] == [("refund.created", "two", None), ("dispute.opened", "two", None)]

    asyncio.run(run())


def test_renewals_and_refunds_of_merged_profiles_go_to_their_own_organisations() -> None:
    """A third profile takes the place of two: https://developer.squareup.com/forums/t/7609."""

    async def run() -> None:
        shop = SquareShop()
        of: dict[str, str] = {}
        for number, org in enumerate(("one", "two")):
            page = await shop.page(org)
            shop.account.complete_checkout(page.id, phone=f"+1500555000{number}")
            await shop.deliver()
            bought = await shop.billing.subscription(org)
            assert bought is not None
            of[org] = bought.external_subscription_id
        profiles = [str(each["customer_id"]) for each in shop.account.objects("subscription")]
        shop.account.merge(*profiles)
        await shop.deliver()
        shop.note("payment.succeeded", "invoice.paid", "refund.created", "refund.succeeded")
        shop.account.advance(months=1, days=1)
        await shop.deliver()
        for org, subscription_id in of.items():
            assert shop.told.count(("payment.succeeded", org, subscription_id)) == 1
            assert shop.told.count(("invoice.paid", org, subscription_id)) == 1
        assert len(shop.told) == 4
        for org, subscription_id in of.items():
            shop.told.clear()
            (payment_id,) = (await shop.billing.invoices(org))[0].payment_ids
            await shop.billing.refund(org, payment_id=payment_id, idempotency_key=f"refund-{org}")
            await shop.deliver()
            assert ("refund.created", org, subscription_id) in shop.told
            assert {each[1] for each in shop.told} == {org}
        assert await shop.store.list_unmatched("square") == []

    asyncio.run(run())


def test_a_payer_who_was_merged_while_nobody_looked_is_charged_and_subscribed_and_found_again() -> None:
    """Square answers with the new profile, and the library asks once whether it took the place of the old one."""

    async def run() -> None:
        shop = SquareShop()
        provider = shop.provider
        old = (await provider.create_customer("ada@example.com", "Ada Lovelace", {"org_id": "one"})).id
        other = (await provider.create_customer("ada@example.com", "Ada L", {"org_id": "two"})).id
        new = shop.account.merge(old, other)
        card = shop.account.add_payment_method(new)
        for key in ("charge-1", "charge-2"):
            before = shop.requests()
            paid = await provider.create_payment(
                Money(500, "USD"), customer_id=old, payment_method_id=card, idempotency_key=key
            )
            assert paid.customer_id == new
        assert shop.requests() - before == 1, "it is asked once"
        again = shop.another()
        since = shop.account.now
        found = await again.find_payment("charge-1", since, customer_id=old)
        assert found is not None
        assert (found.id == paid.id, found.customer_id) == (False, new)
        assert await again.find_payment("charge-1", since, customer_id="CUSNOBODY") is None
        begun = await shop.another().create_subscription(old, shop.plan, payment_method_id=card)
        assert begun.subscription.customer_id == new

    asyncio.run(run())


def test_what_is_paid_on_the_older_of_two_profiles_goes_to_their_organisation() -> None:
    """The organisation buys twice, with two phone numbers: its record points to the second profile."""

    async def run() -> None:
        shop = SquareShop()
        bought: list[str] = []
        for number in range(2):
            page = await shop.page("org", allow_second=True)
            shop.account.complete_checkout(page.id, phone=f"+1500555000{number}")
            await shop.deliver()
            done = await shop.billing.confirm_return(page.id)
            assert done is not None
            bought.append(str(done.external_subscription_id))
        first, second = (str(each["customer_id"]) for each in shop.account.objects("subscription"))
        assert first != second
        [customer] = all_of(shop.repository, BillingCustomer)
        assert customer.external_customer_id == second
        shop.note("payment.succeeded", "invoice.paid")
        shop.account.advance(months=1, days=1)
        await shop.deliver()
        for subscription_id in bought:
            assert shop.told.count(("payment.succeeded", "org", subscription_id)) == 1
            assert shop.told.count(("invoice.paid", "org", subscription_id)) == 1

    asyncio.run(run())


def test_what_is_paid_on_the_profile_that_billing_made_goes_to_its_organisation_after_it_bought_with_another_one() -> (
    None
):
    async def run() -> None:
        shop = SquareShop()
        made = await shop.billing.ensure_customer("org", email="org@example.com")
        page = await shop.page("org")
        shop.account.complete_checkout(page.id, phone="+15005550001")
        await shop.deliver()
        [customer] = all_of(shop.repository, BillingCustomer)
        assert customer.external_customer_id != made.external_customer_id
        shop.note("payment.succeeded")
        card = shop.account.add_payment_method(made.external_customer_id)
        paid = await shop.provider.create_payment(
            Money(700, "USD"), customer_id=made.external_customer_id, payment_method_id=card
        )
        await shop.deliver()
        assert paid.id
        assert shop.told == [("payment.succeeded", "org", None)]

    asyncio.run(run())


PHONE = "+15005550009"


async def bought_on_a_profile_of_another(variant: dict[str, Any]) -> tuple[SquareShop, str]:
    """A seller's old customer, whose phone number another organisation pays with; nothing of that is delivered yet."""
    shop = SquareShop(variants=Variants(**variant))
    profile = await shop.provider.create_customer("one@example.com", "Ada One", phone=PHONE)
    page = await shop.page("two")
    shop.account.complete_checkout(page.id, phone=PHONE, as_new_customer=False)
    [bought] = shop.account.objects("subscription")
    assert bought["customer_id"] == profile.id
    return shop, profile.id


@pytest.mark.parametrize("variant", [{}, {"links_pay_another_order": True}])
@pytest.mark.parametrize("adopts", [False, True])
def test_a_profile_brings_no_subscription_that_another_organisation_bought_on_its_page(
    adopts: bool, variant: dict[str, Any]
) -> None:
    async def run() -> None:
        shop, profile = await bought_on_a_profile_of_another(variant)
        if adopts:
            await Adoption(shop.billing, "square").run([("one", profile)])
        else:
            await shop.billing.assign_customer("one", profile)
        assert await shop.billing.subscription("one") is None
        await shop.deliver()
        stored = await shop.billing.subscription("two")
        assert stored is not None
        await shop.billing.assign_customer("one", profile)
        assert await shop.billing.subscription("one") is None

    asyncio.run(run())


def test_a_subscription_is_not_assigned_to_another_organisation_than_the_one_whose_page_names_it() -> None:
    async def run() -> None:
        shop, profile = await bought_on_a_profile_of_another({})
        await shop.billing.assign_customer("one", profile)
        [bought] = shop.account.objects("subscription")
        with pytest.raises(errors.Conflict, match="another organisation"):
            await shop.billing.assign_subscription("one", str(bought["id"]))
        stored = await shop.billing.assign_subscription("two", str(bought["id"]))
        assert stored == await shop.billing.subscription("two")


def test_after_a_day_a_page_that_was_not_paid_keeps_no_subscription_from_its_profile() -> None:
    async def run() -> None:
        shop = SquareShop()
        profile = await shop.provider.create_customer("one@example.com", "Ada One", phone=PHONE)
        card = shop.account.add_payment_method(profile.id)
        await shop.page("two")
        made = await shop.provider.create_subscription(profile.id, shop.plan, payment_method_id=card)
        await shop.billing.assign_customer("one", profile.id)
        assert await shop.billing.subscription("one") is None
        shop.account.advance(days=1)
        await shop.billing.assign_customer("one", profile.id)
        stored = await shop.billing.subscription("one")
        assert stored is not None
        assert stored.external_subscription_id == made.subscription.id

    asyncio.run(run())

    asyncio.run(run())
