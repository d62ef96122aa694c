"""Two providers and billing over both, with a ledger of what was really paid at each."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from paylattice import (
    BillingCustomer,
    BillingMigration,
    BillingService,
    InMemoryRepository,
    InvoiceStatus,
    MigrationStep,
    PaymentStatus,
    SubscriptionStatus,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.migration import Consent, Migration, MigrationContext, MigrationEvent
from tests.billing.support import all_of

from .support import MemoryShop, Shop

SLACK = timedelta(days=1)


class Killed(BaseException):
    """The process dies."""


class Mortal(InMemoryRepository):
    """Lets the process die before or after one of the next writes."""

    dies_in: int | None = None
    after_effect = False

    async def _die(self, *, before: bool) -> None:
        if self.dies_in is None or before is self.after_effect:
            return
        self.dies_in -= 1
        if self.dies_in < 0:
            self.dies_in = None
            raise Killed

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[InMemoryTransaction]:
        async with super().transaction() as tx:
            yield tx
        await self._die(before=False)

    async def insert(self, record: Any, *, tx: Any = None) -> bool:
        await self._die(before=True)
        return await super().insert(record, tx=tx)

    async def update(self, record: Any, *, tx: Any = None) -> bool:
        await self._die(before=True)
        return await super().update(record, tx=tx)


class Moving:
    """An organisation with a subscription at the source, which moves to the target."""

    def __init__(self, source: type[Shop], target: type[Shop], **options: Any) -> None:
        self.source, self.target = source(), target()
        self.repository = Mortal()
        self.options = options
        self.events: list[str] = []
        self.pages: list[str] = []
        self.outbox: list[tuple[str, str | None]] = []
        self.billing, self.migration = self.restarted()

    def restarted(self) -> tuple[BillingService[InMemoryTransaction], Migration[InMemoryTransaction]]:
        """Billing and migration as another process has them."""
        billing: BillingService[InMemoryTransaction] = BillingService(
            [self.source.provider, self.target.provider],
            self.repository,
            select=lambda _: self.target.name,
            clock=lambda: self.source.now,
        )
        options = {"method": Consent(return_url="https://app.test/moved"), "plans": {"pro": "pro"}, **self.options}
        migration: Migration[InMemoryTransaction] = Migration(
            billing, source=self.source.name, target=self.target.name, **options
        )
        for word in ("consent_needed", "consented", "completed", "failed"):
            migration.on(f"migration.{word}")(self.note)
        self.billing, self.migration = billing, migration
        return billing, migration

    async def note(self, event: MigrationEvent, context: MigrationContext[InMemoryTransaction]) -> None:
        assert context.customer is not None
        self.events.append(event.type.value.partition(".")[2])
        self.outbox.append((event.migration.org_id, event.url))

    async def adopted(self, org_id: str = "org") -> str:
        """An organisation with a subscription at the source; returns its id there."""
        _, customer_id = await self.source.pair(org_id)
        await self.billing.assign_customer(org_id, customer_id, provider_name=self.source.name)
        [subscription] = await self.billing.subscriptions(org_id)
        return subscription.external_subscription_id

    def controls(self, shop: Shop) -> Any:
        return shop.provider if isinstance(shop, MemoryShop) else shop.server  # type: ignore[attr-defined]  # all others

    def pass_days(self, days: float) -> None:
        for shop in (self.source, self.target):
            self.controls(shop).advance(days=days)

    async def deliver(self) -> None:
        for shop in (self.source, self.target):
            waiting = list(self.controls(shop).deliveries())
            try:
                while waiting:
                    reply = await self.billing.respond(shop.name, waiting[0].payload, waiting[0].headers)
                    assert reply.status == 200, (waiting[0].type, reply)
                    del waiting[0]
            finally:
                for hook in waiting:  # the process has died: the provider delivers again
                    self.controls(shop).redeliver(hook.event_id)

    async def consent(self, org_id: str = "org", *, page: str | None = None) -> None:
        """The customer agrees, on the page of now or on one of before."""
        if page is None:
            page = (await self.migration.consent_page(org_id)).id
        self.pages.append(page)
        self.controls(self.target).complete_checkout(page)

    def step(self, org_id: str = "org") -> MigrationStep | None:
        found = [each for each in all_of(self.repository, BillingMigration) if each.org_id == org_id]
        return found[0].step if found else None

    def reason(self, org_id: str = "org") -> str | None:
        return next(each.reason for each in all_of(self.repository, BillingMigration) if each.org_id == org_id)

    async def paid(self, org_id: str = "org") -> list[tuple[datetime, str]]:
        """When a month was paid and not given back, and where."""
        return [(when, where) for when, where, _ in await self._paid(org_id)]

    async def _paid(self, org_id: str) -> list[tuple[datetime, str, str]]:
        found: list[tuple[datetime, str, str]] = []
        for shop in (self.source, self.target):
            key = {"org_id": org_id, "provider": shop.name}
            customer = await self.repository.get(BillingCustomer, key)
            if customer is None:
                continue
            for each in await self.billing.subscriptions(org_id):
                if each.provider != shop.name or each.status is SubscriptionStatus.INCOMPLETE:
                    continue
                there = await shop.provider.get_subscription(each.external_subscription_id)
                assert there is not None
                payer = there.customer_id or customer.external_customer_id
                invoices = await shop.provider.get_invoices(payer, 20, subscription_id=there.id)
                for invoice in invoices:
                    if invoice.status is not InvoiceStatus.PAID or not invoice.amount_paid.amount:
                        continue
                    payments = [await shop.provider.get_payment(name) for name in invoice.payment_ids]
                    back = [payment for payment in payments if payment and payment.status is PaymentStatus.REFUNDED]
                    if not back:
                        assert invoice.created_at is not None
                        found.append((invoice.created_at, shop.name, there.id))
        return sorted(found)

    async def check_money(self, org_id: str = "org") -> None:
        """No day is paid at two subscriptions. One of them alone may be paid late, and again when its next month begins."""
        for (one, where, first), (other, there, second) in itertools.combinations(await self._paid(org_id), 2):
            apart = other - one > timedelta(days=27)
            assert apart or first == second, f"paid twice: {one} at {where}, and {other} at {there}"

    async def check_money_so_far(self, org_id: str = "org") -> None:
        """The source is set to end only once the customer has agreed; nothing has ended before its time."""
        for each in await self.billing.subscriptions(org_id):
            if each.provider == self.source.name and each.status.is_terminal:
                assert each.paid_through is None or each.paid_through <= self.source.now + SLACK, (
                    "ended before its time"
                )
