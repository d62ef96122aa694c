"""Two organisations that pay with one phone number share a profile at Square; money goes to each by its own objects."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from paylattice import BillingService, InMemoryRepository, Money
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.testing import SquareStandIn
from paylattice.transport import AsyncTransport

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
