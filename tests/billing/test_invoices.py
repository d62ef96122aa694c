"""Invoices of an organisation are paid and voided: once, whatever crashes, gets lost or is forgotten, and only its own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingService,
    InMemoryRepository,
    Invoice,
    InvoiceStatus,
    Money,
    OperationState,
    SubscriptionStatus,
    errors,
)
from paylattice.billing.store import Store
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, SquareStandIn, StripeStandIn
from paylattice.transport import AsyncTransport

from .support import NOW, PAGES, World
from .test_crashes import REPOSITORY, Fate, Killed, mortal

ATTEMPTS = 20
LONG_AGO = timedelta(days=46)


async def no_wait(_seconds: float) -> None:
    pass


class Mortal(mortal(InMemoryProvider, ("pay_invoice", "void_invoice", "get_invoice", "get_subscription"))):  # type: ignore[misc]  # made at run time
    """Its calls are where the process dies."""


class MortalRepository(mortal(InMemoryRepository, REPOSITORY)):  # type: ignore[misc]  # made at run time
    """Its calls are, too."""


class Claimed(InMemoryProvider):
    """The same world, where a buyer can become any customer."""

    customer_id_is_proof = False

    def __init__(self, real: InMemoryProvider) -> None:
        super().__init__(now=NOW)
        self._world, self._invoices, self._calls = real._world, real._invoices, real._calls


async def owing(world: World, org_id: str = "org") -> Invoice:
    """An organisation whose renewal was declined, and the invoice that it owes."""
    subscription = await world.subscribe(org_id)
    await world.deliver()
    world.provider.decline_next_payment(customer_id=subscription.customer_id)
    world.provider.renew(subscription.id)
    await world.deliver()
    assert await world.status(org_id) == "past_due"
    (newest, *_) = await world.billing.invoices(org_id)
    assert newest.status is InvoiceStatus.OPEN
    return newest


def payments_of(world: World, invoice_id: str) -> int:
    payments = world.provider._world.store.payments.values()
    return sum(each.invoice_id == invoice_id and each.status == "succeeded" for each in payments)


def test_an_invoice_is_paid_and_the_organisation_is_in_good_standing_at_once() -> None:
    async def main() -> None:
        world = World()
        invoice = await owing(world)
        paid = await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-1")
        again = await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-1")
        other = await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-2")
        assert {each.status for each in (paid, again, other)} == {InvoiceStatus.PAID}
        assert payments_of(world, invoice.id) == 1
        assert await world.status() == "active", "before any webhook"
        assert (await world.billing.access("org")).allowed

    asyncio.run(main())


def test_an_invoice_is_voided_and_cannot_be_paid_any_more() -> None:
    async def main() -> None:
        world = World()
        invoice = await owing(world)
        voided = await world.billing.void_invoice("org", invoice.id, idempotency_key="no")
        assert voided.status is InvoiceStatus.VOID
        assert (await world.billing.void_invoice("org", invoice.id, idempotency_key="no")).status is InvoiceStatus.VOID
        with pytest.raises(errors.Conflict, match="void"):
            await world.billing.pay_invoice("org", invoice.id, idempotency_key="yes")
        assert payments_of(world, invoice.id) == 0

    asyncio.run(main())


def test_an_invoice_of_another_organisation_is_neither_paid_nor_voided() -> None:
    async def main() -> None:
        world = World()
        invoice = await owing(world)
        await world.subscribe("other")
        await world.deliver()
        for org_id in ("other", "stranger"):
            with pytest.raises(errors.NotFound, match="no such invoice"):
                await world.billing.pay_invoice(org_id, invoice.id, idempotency_key=f"pay {org_id}")
            with pytest.raises(errors.NotFound, match="no such invoice"):
                await world.billing.void_invoice(org_id, invoice.id, idempotency_key=f"void {org_id}")
        found = await world.provider.get_invoice(invoice.id)
        assert found is not None
        assert found.status is InvoiceStatus.OPEN

    asyncio.run(main())


def test_where_a_subscription_is_not_stored_its_customer_decides_only_if_nobody_else_can_write_it() -> None:
    async def main() -> None:
        world = World()
        customer = await world.billing.ensure_customer("org", email="ada@example.com")
        card = world.provider.add_payment_method(customer.external_customer_id)
        begun = await world.provider.create_subscription(customer.external_customer_id, "pro", payment_method_id=card)
        world.provider.decline_next_payment()
        world.provider.renew(begun.subscription.id)
        (owed, *_) = await world.provider.get_invoices(customer.external_customer_id)
        claimed = BillingService(Claimed(world.provider), world.repository, clock=lambda: world.provider.now)
        with pytest.raises(errors.NotFound, match="no such invoice"):
            await claimed.pay_invoice("org", owed.id, idempotency_key="claimed")
        assert (await world.billing.pay_invoice("org", owed.id, idempotency_key="proven")).status is InvoiceStatus.PAID

    asyncio.run(main())


def test_a_decline_leaves_it_open_and_another_key_tries_again() -> None:
    async def main() -> None:
        world = World()
        invoice = await owing(world)
        world.provider.decline_next_payment()
        for _ in range(2):
            with pytest.raises(errors.Declined):
                await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-1")
        assert await world.status() == "past_due"
        await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-2")
        assert payments_of(world, invoice.id) == 1

    asyncio.run(main())


def test_a_payer_who_has_to_authenticate_is_asked_and_the_same_key_brings_the_result() -> None:
    async def main() -> None:
        world = World()
        invoice = await owing(world)
        world.provider.require_authentication()
        for _ in range(2):
            with pytest.raises(errors.ActionRequired) as asked:
                await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-1")
        assert asked.value.url is not None
        world.provider.authenticate_payment(str(asked.value.payment_id))
        paid = await world.billing.pay_invoice("org", invoice.id, idempotency_key="try-1")
        assert paid.status is InvoiceStatus.PAID
        assert payments_of(world, invoice.id) == 1

    asyncio.run(main())


@pytest.mark.parametrize("operation", ["pay_invoice", "void_invoice"])
@pytest.mark.parametrize("at", range(1, 33))
def test_wherever_the_process_dies_it_is_done_once(operation: str, at: int) -> None:
    async def main() -> None:
        provider, repository = Mortal(now=NOW), MortalRepository()
        provider.fate = repository.fate = Fate(10**9)
        world = World(provider=provider, repository=repository)
        invoice = await owing(world)
        provider.fate = repository.fate = Fate(at)

        async def ask() -> Invoice:
            method: Callable[..., Awaitable[Invoice]] = getattr(world.billing, operation)
            return await method("org", invoice.id, idempotency_key="click")

        with suppress(Killed):
            await ask()
        await world.billing.recover_open(older_than=timedelta(0))
        assert (await ask()).status == {"pay_invoice": "paid", "void_invoice": "void"}[operation]
        assert payments_of(world, invoice.id) == (operation == "pay_invoice")
        await world.billing.recover_open(older_than=timedelta(0))
        row = await Store(world.repository).get_operation("memory", "click")
        assert row is not None
        assert row.state is OperationState.DONE
        assert await world.status() == SubscriptionStatus.ACTIVE

    asyncio.run(main())


# --- at each provider, with answers that get lost and keys that are forgotten -------------------------------------------


@attrs.define
class Place:
    """An organisation at a provider that owes an invoice."""

    source: Any
    provider: Any
    repository: InMemoryRepository = attrs.field(factory=InMemoryRepository)
    invoice_id: str = ""

    def process(self) -> BillingService[Any]:
        return BillingService(self.provider, self.repository, clock=lambda: self.source.now)

    async def open(self, plan_id: str = "pro") -> None:
        billing = self.process()
        page = await billing.start_checkout("org", plan_id, email="ada@example.com", name="Ada Lovelace", **PAGES)
        self.source.complete_checkout(page.id)
        await billing.confirm_return(page.id, org_id="org")
        stored = await billing.subscription("org")
        assert stored is not None
        self.source.decline_next_payment()
        self.source.renew(stored.external_subscription_id)
        (newest, *_) = await billing.invoices("org")
        assert newest.status is InvoiceStatus.OPEN
        self.invoice_id = newest.id

    async def losing(self, path: str, call: Callable[[], Awaitable[object]], *, after_effect: bool) -> None:
        faults = self.source.faults
        if after_effect:
            faults.lose_next_answer(path=path, times=ATTEMPTS)
        else:
            faults.answer_next(503, path=path, times=ATTEMPTS)
        with suppress(errors.OutcomeUnknown):  # where the state is read back, the loss shows nowhere
            await call()
        faults.clear()

    def forget(self) -> None:
        self.source.advance(days=LONG_AGO.days)
        self.source.faults.forget_keys()


def stripe() -> Place:
    source = StripeStandIn(now=NOW, clock=lambda: source.now)
    source.add_plan("pro", Money(1900, "USD"))
    source._world.retry_days = ()
    config = StripeConfig(secret_key=source.secret_key, webhook_secret=source.webhook_secret)
    transport = AsyncTransport(transport=source.transport(), sleep=no_wait)
    return Place(source, StripeProvider(config, transport=transport, clock=lambda: source.now))


def square() -> Place:
    source = SquareStandIn(now=NOW, sandbox=False)
    source.add_plan("pro", Money(1900, "USD"))
    config = SquareConfig(access_token=source.access_token, location_id=source.location_id, environment="production")
    transport = AsyncTransport(transport=source.transport(), sleep=no_wait)
    return Place(source, SquareProvider(config, transport=transport, clock=lambda: source.now))


def payments_at_stripe(place: Place) -> int:
    paid = place.source.objects("invoice_payment")
    return sum(each["invoice"] == place.invoice_id and each["status"] == "paid" for each in paid)


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("way", ["retry", "recover"])
def test_at_stripe_an_invoice_is_paid_once_whatever_is_lost_or_forgotten(
    way: str, *, after_effect: bool, forgotten: bool
) -> None:
    async def main() -> None:
        place = stripe()
        await place.open()

        async def pay() -> Invoice:
            return await place.process().pay_invoice("org", place.invoice_id, idempotency_key="try-1")

        await place.losing(f"/v1/invoices/{place.invoice_id}/pay", pay, after_effect=after_effect)
        assert payments_at_stripe(place) == after_effect
        if forgotten:
            place.forget()
        if way == "recover":
            recovered = await place.process().recover_open(older_than=timedelta(0))
            given_up = forgotten and not after_effect
            assert [each.key for each in recovered.abandoned] == (["try-1"] if given_up else [])
            assert payments_at_stripe(place) == (not given_up), "the scheduled job pays nothing months later"
        assert (await pay()).status is InvoiceStatus.PAID
        assert payments_at_stripe(place) == 1

    asyncio.run(main())


@pytest.mark.parametrize("make", [stripe, square])
@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize("after_effect", [False, True])
def test_an_invoice_is_voided_whatever_is_lost_or_forgotten(
    make: Callable[[], Place], *, after_effect: bool, forgotten: bool
) -> None:
    async def main() -> None:
        place = make()
        await place.open()
        path = {stripe: f"/v1/invoices/{place.invoice_id}/void", square: f"/v2/invoices/{place.invoice_id}/cancel"}

        async def void() -> Invoice:
            return await place.process().void_invoice("org", place.invoice_id, idempotency_key="no")

        await place.losing(path[make], void, after_effect=after_effect)
        if forgotten:
            place.forget()
        await place.process().recover_open(older_than=timedelta(0))
        assert (await void()).status is InvoiceStatus.VOID
        found = await place.provider.get_invoice(place.invoice_id)
        assert found.status is InvoiceStatus.VOID

    asyncio.run(main())


def test_at_square_the_page_is_the_way_to_pay() -> None:
    async def main() -> None:
        place = square()
        await place.open()
        with pytest.raises(errors.UnsupportedOperation) as caught:
            await place.process().pay_invoice("org", place.invoice_id, idempotency_key="try-1")
        assert "hosted_url of get_invoice" in str(caught.value.alternative)
        found = await place.provider.get_invoice(place.invoice_id)
        assert found.hosted_url is not None
        assert place.invoice_id in found.hosted_url
        place.source.pay_invoice(place.invoice_id)
        assert (await place.provider.get_invoice(place.invoice_id)).status is InvoiceStatus.PAID

    asyncio.run(main())


def test_at_paypal_an_invoice_of_ones_own_is_no_organisation_s() -> None:
    """PayPal knows its recipient by an e-mail address, which proves nothing: void it with the provider's own operation."""

    async def main() -> None:
        source = PayPalStandIn(now=NOW, clock=lambda: source.now)
        config = PayPalConfig(client_id=source.client_id, client_secret=source.client_secret)
        provider = PayPalProvider(config, transport=AsyncTransport(transport=source.transport(), sleep=no_wait))
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: source.now)
        await billing.ensure_customer("org", email="ada@example.com")
        invoice_id = source.add_invoice("ada@example.com", "19.00")
        with pytest.raises(errors.NotFound, match="no such invoice"):
            await billing.void_invoice("org", invoice_id, idempotency_key="no")
        assert (await provider.void_invoice(invoice_id)).status is InvoiceStatus.VOID

    asyncio.run(main())
