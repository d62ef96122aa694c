"""A stranger's provider answers what billing asks besides the operations: each hook is called, and has a default without it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from paylattice import (
    BillingOperation,
    BillingService,
    Capability,
    CheckoutSession,
    CheckoutStatus,
    Customer,
    EventType,
    InMemoryRepository,
    Money,
    OperationState,
    Payment,
    PaymentStatus,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
    WebhookOutcome,
    errors,
)
from paylattice.adapting import as_provider
from paylattice.idempotency import mark_of

from .strangers import NOW, Kiosk

PAGES = {"success_url": "https://shop.test/back", "cancel_url": "https://shop.test/"}


class Stall(Kiosk):
    """Books what a page sells on a profile of the buyer's own; only evidence tells which subscription a page has brought."""

    contract_version = 2
    preserves_customer = False
    capabilities = Kiosk.capabilities | {Capability.LIST_SUBSCRIPTIONS}

    def __init__(self) -> None:
        super().__init__()
        self.page_keys: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.customers_made: list[str] = []

    async def create_checkout_session(self, *args: Any, idempotency_key: str | None = None, **more: Any) -> Any:
        made = await super().create_checkout_session(*args, idempotency_key=idempotency_key, **more)
        self.page_keys[mark_of(str(idempotency_key))] = made.id
        return made

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        return [
            each for each in self.made.values() if isinstance(each, Subscription) and each.customer_id == customer_id
        ]

    async def read_checkout(
        self, session_id: str, *, evidence: Mapping[str, str], claimed: Sequence[str] = (), alone: bool = False
    ) -> CheckoutSession | None:
        self.asked.append((session_id, dict(evidence), tuple(claimed)))
        found = await self.get_checkout_session(session_id)
        bought = next((name for name in self.bought_on(evidence) if name not in claimed), None)
        if found is None or bought is None:
            return found
        return attrs.evolve(found, status=CheckoutStatus.COMPLETE, subscription_id=bought)

    def bought_on(self, evidence: Mapping[str, str]) -> list[str]:
        return [name for key in ("payment_id", "order") if (name := f"sub_{evidence.get(key)}") in self.made]

    def checkout_mark(self, event: WebhookEvent) -> str | None:
        return None if event.payment is None else event.payment.description

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str | None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer | None:
        found = self.made.get(self.keys.get(key, ""))
        return found if isinstance(found, Customer) else None

    def sells(self, name: str) -> Subscription:
        """Somebody buys, and is a profile of the seller's."""
        made = Subscription(
            f"sub_{name}",
            f"profile_{name}",
            SubscriptionStatus.ACTIVE,
            NOW,
            NOW + timedelta(days=30),
            "plan_pro",
            quantity=1,
            provider="kiosk",
        )
        self.made[made.id] = made
        return made


def shop(stall: Kiosk) -> BillingService[Any]:
    return BillingService(as_provider(stall), InMemoryRepository(), clock=lambda: NOW)  # type: ignore[arg-type]  # it inherits nothing


def paid(name: str, mark: str) -> WebhookEvent:
    payment = Payment(name, Money(1900, "USD"), PaymentStatus.SUCCEEDED, description=mark, provider="kiosk")
    about: dict[str, Any] = {"customer_id": f"profile_{name}", "payment": payment, "provider": "kiosk"}
    return WebhookEvent(f"evt_{name}", EventType.PAYMENT_SUCCEEDED, NOW, f"evt_{name}", **about)


def test_what_the_buyer_comes_back_with_is_handed_to_the_provider_as_evidence() -> None:
    async def main() -> None:
        stall = Stall()
        billing = shop(stall)
        page = await billing.start_checkout("org", "plan_pro", **PAGES)
        stall.sells("7")
        stored = await billing.confirm_return(page.id, org_id="org", params={"order": "7"})
        assert stored is not None
        assert stored.external_subscription_id == "sub_7"
        assert (page.id, {"order": "7"}, ()) in stall.asked

    asyncio.run(main())


def test_a_subscription_that_another_page_has_brought_is_claimed_and_not_named_twice() -> None:
    async def main() -> None:
        stall = Stall()
        billing = shop(stall)
        stall.sells("7")
        for org in ("one", "two"):
            page = await billing.start_checkout(org, "plan_pro", **PAGES)
            await billing.confirm_return(page.id, org_id=org, params={"order": "7"})
        assert await billing.subscription("one") is not None
        assert await billing.subscription("two") is None
        assert (page.id, {"order": "7"}, ("sub_7",)) in stall.asked

    asyncio.run(main())


def test_the_mark_in_a_payment_leads_to_the_page_with_the_payment_as_evidence() -> None:
    async def main() -> None:
        stall = Stall()
        billing = shop(stall)
        await billing.start_checkout("other", "plan_pro", **PAGES)
        page = await billing.start_checkout("org", "plan_pro", idempotency_key="click", **PAGES)
        stall.sells("pay_7")
        assert await billing.apply_event(paid("pay_7", mark_of("click"))) is WebhookOutcome.PROCESSED
        stored = await billing.subscription("org")
        assert stored is not None
        assert stored.external_subscription_id == "sub_pay_7"
        assert (page.id, {"payment_id": "pay_7"}, ()) in stall.asked
        assert await billing.apply_event(paid("pay_8", mark_of("no such click"))) is not WebhookOutcome.PROCESSED

    asyncio.run(main())


def test_a_customer_that_was_made_before_a_crash_is_found_once_the_key_is_forgotten() -> None:
    async def main() -> None:
        stall = Stall()
        provider = as_provider(stall)  # type: ignore[arg-type]  # it inherits nothing
        now = [NOW]
        repository = InMemoryRepository()
        billing = BillingService(provider, repository, clock=lambda: now[0])
        make = stall.create_customer

        async def lost(*args: Any, **kwargs: Any) -> Any:
            await make(*args, **kwargs)
            raise errors.NetworkOutcomeUnknown("the answer never came")

        stall.create_customer = lost  # type: ignore[method-assign]  # the network
        with pytest.raises(errors.OutcomeUnknown):
            await billing.ensure_customer("org", email="ada@example.com")
        stall.create_customer = make  # type: ignore[method-assign]
        now[0] += provider.idempotency_lifetime
        recovered = await billing.recover_open()
        assert [each.state for each in recovered.done] == [OperationState.DONE]
        stored = await billing.ensure_customer("org")
        assert stored.email == "ada@example.com"
        assert len([each for each in stall.made.values() if isinstance(each, Customer)]) == 1
        assert recovered.done[0].external_id == stored.external_customer_id
        assert isinstance(recovered.done[0], BillingOperation)

    asyncio.run(main())


def test_without_the_hooks_a_page_says_everything_itself() -> None:
    """As a provider of the first version of the contract."""

    async def main() -> None:
        kiosk = Kiosk()
        billing = shop(kiosk)
        page = await billing.start_checkout("org", "plan_pro", **PAGES)
        kiosk.buyer_pays(page.id)
        stored = await billing.confirm_return(page.id, org_id="org", params={"order": "7"})
        assert stored is not None
        assert stored.status is SubscriptionStatus.ACTIVE
        assert as_provider(kiosk).checkout_mark(paid("pay_7", "mark")) is None  # type: ignore[arg-type]  # it inherits nothing

    asyncio.run(main())


def test_the_customer_of_a_transferred_organisation_is_told_through_the_operation() -> None:
    async def main() -> None:
        kiosk = Kiosk()
        billing = shop(kiosk)
        page = await billing.start_checkout("old", "plan_pro", **PAGES)
        kiosk.buyer_pays(page.id)
        await billing.confirm_return(page.id, org_id="old")
        done = await billing.transfer("old", "new")
        assert done.is_complete
        [customer] = [each for each in kiosk.made.values() if isinstance(each, Customer)]
        assert dict(customer.metadata) == {"org_id": "new"}
        assert (await billing.access("new")).allowed

    asyncio.run(main())
