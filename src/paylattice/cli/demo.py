"""``python -m paylattice demo``: the main job on the embedded provider, told as a timeline."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

from ..billing.handlers import EventContext
from ..billing.memory import InMemoryRepository, InMemoryTransaction
from ..billing.outcomes import WebhookOutcome
from ..billing.records import BillingEvent
from ..billing.service import BillingService
from ..errors import Declined, OutcomeUnknown, WebhookError
from ..events import WebhookEvent
from ..models import CheckoutSession, Payment, Subscription
from ..money import Money
from ..providers.memory import Delivery, InMemoryProvider, MemoryConfig

__all__ = ["demo"]

_START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


class _OneSlowRead(InMemoryProvider):
    """The embedded provider, with a switch that holds back the answer to one read: a worker that is slow."""

    slow: asyncio.Event | None = None
    reading: asyncio.Event | None = None

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription, as it was when the read began."""
        answer = await super().get_subscription(subscription_id)
        gate, self.slow = self.slow, None
        if gate is not None and self.reading is not None:
            self.reading.set()
            await gate.wait()
        return answer


class _Demo:
    def __init__(self) -> None:
        self.provider = _OneSlowRead(MemoryConfig(allow_production=True), now=_START)
        self.repository = InMemoryRepository()
        self.billing = BillingService(self.provider, self.repository, clock=lambda: self.provider.now)
        self.outcomes: Counter[WebhookOutcome] = Counter()
        self.applied: Counter[str] = Counter()
        self.sent: set[str] = set()
        self.ledger: list[Money] = []
        self.billing.on("invoice.paid")(self.book)
        for word in ("trialing", "active", "past_due", "canceled"):
            self.billing.on(f"subscription.{word}")(self.announce)

    # --- what the application does -------------------------------------------------------------------------------

    async def book(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        if event.invoice is not None:
            self.ledger.append(event.invoice.amount)
            print(f"{'':12}  handler   booked {event.invoice.amount} for {_org(context)}")

    async def announce(self, event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        if context.subscription is not None:
            print(
                f"{'':12}  handler   {_org(context)}: {context.previous_status or 'nothing'} -> {context.subscription.status}"
                f" (told by {event.type})"
            )

    async def checkout(self, org_id: str, plan_id: str) -> CheckoutSession:
        return await self.billing.start_checkout(
            org_id,
            plan_id,
            email=f"billing@{org_id}.example",
            success_url="https://app.example/welcome",
            cancel_url="https://app.example/pricing",
        )

    async def charge(self, org_id: str, amount: Money, key: str) -> Payment:
        """Charge the organisation's saved card."""
        customer = await self.billing.ensure_customer(org_id, email=f"billing@{org_id}.example")
        [card] = await self.provider.get_payment_methods(customer.external_customer_id)
        return await self.provider.create_payment(
            amount, customer_id=customer.external_customer_id, payment_method_id=card.id, idempotency_key=key
        )

    # --- how it is told ------------------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        print(f"\n{self.provider.now:%Y-%m-%d}  {what}")

    async def deliver_all(self) -> None:
        for delivery in self.provider.deliveries():
            await self.deliver(delivery)

    async def deliver(self, delivery: Delivery, *, who: str = "webhook") -> WebhookOutcome:
        outcome = await self.billing.handle_webhook("memory", delivery.payload, delivery.headers)
        self.outcomes[outcome] += 1
        self.sent.add(delivery.event_id)
        if outcome in {WebhookOutcome.PROCESSED, WebhookOutcome.STALE}:
            self.applied[delivery.event_id] += 1
        print(f"{'':12}  {who:<8}  {delivery.type:<28} signature good   {outcome}")
        return outcome

    def advance(self, *, days: float = 0, months: int = 0) -> None:
        self.provider.advance(days=days, months=months)

    # --- the story -----------------------------------------------------------------------------------------------

    async def run(self) -> bool:
        self.provider.add_plan("pro", Money(1900, "USD"), trial_days=14)
        self.provider.add_plan("team", Money(4900, "USD"))
        self.provider.add_plan("api-calls", Money(2, "USD"), metered=True)
        async with self.billing:
            session = await self.checkout_with_trial()
            await self.renewal()
            await self.usage()
            await self.failed_payment_and_recovery()
            await self.plan_change_with_a_slow_worker()
            await self.refund()
            await self.lost_answer()
            await self.forgery()
            await self.cancellation()
            return await self.balance(session)

    async def checkout_with_trial(self) -> CheckoutSession:
        self.say("ACME chooses plan 'pro' (19.00 USD a month, 14 days free) and is sent to the hosted checkout")
        session = await self.checkout("acme", "pro")
        self.provider.complete_checkout(session.id)
        self.say("ACME completes the checkout; its browser is back before the first webhook")
        stored = await self.billing.confirm_return(session.id, org_id="acme")
        print(f"{'':12}  return    the subscription is {stored.status if stored else 'missing'} already")
        await self.deliver_all()
        return session

    async def renewal(self) -> None:
        self.advance(days=15)
        self.say("the trial is over and the first period is billed; every webhook is delivered twice")
        for delivery in self.provider.deliveries():
            await self.deliver(delivery)
            await self.deliver(delivery, who="again")
        access = await self.billing.access("acme")
        print(f"{'':12}  access    {access.reason}, until {access.until:%Y-%m-%d}")

    async def usage(self) -> None:
        self.say(
            "Globex subscribes to metered 'api-calls' (0.02 USD each) and uses 1,250 of them; one report is repeated"
        )
        session = await self.checkout("globex", "api-calls")
        self.provider.complete_checkout(session.id)
        await self.deliver_all()
        for job, calls in (("job-1", 1000), ("job-2", 250), ("job-2", 250)):
            await self.billing.record_usage("globex", calls, idempotency_key=job)

    async def failed_payment_and_recovery(self) -> None:
        customer = await self.billing.ensure_customer("acme", email="billing@acme.example")
        self.provider.decline_next_payment(customer_id=customer.external_customer_id, times=2)
        self.advance(days=28)
        self.say("ACME's renewal is declined and dunning begins; Globex pays its usage; the webhooks come in no order")
        self.provider.shuffle_next_deliveries(seed=4)
        await self.deliver_all()
        access = await self.billing.access("acme")
        print(f"{'':12}  access    ACME: {access.reason}, until {access.until:%Y-%m-%d}")
        self.advance(days=2.5)
        self.say("the first retry fails, too")
        await self.deliver_all()
        self.advance(days=2)
        self.say("the second retry succeeds: ACME has recovered")
        await self.deliver_all()

    async def plan_change_with_a_slow_worker(self) -> None:
        self.say(
            "ACME moves to 'team' (49.00 USD), then to three seats; worker A reads between the two changes and is slow"
        )
        stored = await self.billing.subscription("acme")
        if stored is None:
            return
        await self.provider.change_subscription(stored.external_subscription_id, plan_id="team")
        first = self.provider.deliveries()
        release, reading = asyncio.Event(), asyncio.Event()
        self.provider.slow, self.provider.reading = release, reading
        slow = [asyncio.ensure_future(self.deliver(delivery, who="worker A")) for delivery in first]
        await reading.wait()
        await self.provider.change_subscription(stored.external_subscription_id, quantity=3)
        for delivery in self.provider.deliveries():
            await self.deliver(delivery, who="worker B")
        release.set()
        await asyncio.gather(*slow)
        now = await self.billing.subscription("acme")
        print(f"{'':12}  stored    plan {now.plan_id}, quantity {now.quantity}: the newer state stayed" if now else "")

    async def refund(self) -> None:
        self.say("ACME buys a setup for 250.00 USD with its saved card; the bank declines at first")
        self.provider.decline_next_payment()
        try:
            await self.charge("acme", Money(25000, "USD"), "setup-attempt-1")
        except Declined as declined:
            print(f"{'':12}  declined  {declined.reason}; off-session advice: {declined.advice_off_session}")
        payment = await self.charge("acme", Money(25000, "USD"), "setup-attempt-2")
        refund = await self.provider.refund_payment(
            payment.id, Money(5000, "USD"), "goodwill", idempotency_key="goodwill-1"
        )
        print(f"{'':12}  refund    {refund.amount} of {payment.amount} given back: {refund.status}")
        await self.deliver_all()

    async def lost_answer(self) -> None:
        self.say("the answer to a payment is lost after it took effect: nobody pays twice")
        customer = await self.billing.ensure_customer("acme", email="billing@acme.example")
        [card] = await self.provider.get_payment_methods(customer.external_customer_id)
        self.provider.time_out_next_call(after_effect=True)
        try:
            await self.provider.create_payment(
                Money(9900, "USD"), customer_id=customer.external_customer_id, payment_method_id=card.id
            )
        except OutcomeUnknown as unknown:
            print(f"{'':12}  error     {type(unknown).__name__}: {unknown.message}")
            found = await self.provider.recover(unknown)
            if isinstance(found, Payment):
                print(f"{'':12}  recover   the one payment that exists: {found.amount}, {found.status}")
        await self.deliver_all()

    async def forgery(self) -> None:
        self.say("somebody sends a webhook of their own making")
        try:
            await self.billing.handle_webhook(
                "memory", b'{"type":"invoice.paid"}', {"Paylattice-Signature": "t=1,v1=0"}
            )
        except WebhookError as error:
            print(f"{'':12}  refused   {type(error).__name__}, diagnosis {error.diagnosis}: answer 400")

    async def cancellation(self) -> None:
        self.say("ACME cancels at the end of the period that is paid for")
        await self.billing.cancel("acme", at_period_end=True)
        await self.deliver_all()
        access = await self.billing.access("acme")
        print(f"{'':12}  access    {access.reason}, until {access.until:%Y-%m-%d}")
        self.advance(months=1)
        self.say("the period is over")
        await self.deliver_all()
        access = await self.billing.access("acme")
        print(f"{'':12}  access    {'allowed' if access else 'ended'}: {access.reason}")

    async def balance(self, session: CheckoutSession) -> bool:
        paid = [
            invoice.amount
            for org in ("acme", "globex")
            for invoice in await self.billing.invoices(org, limit=100)
            if invoice.amount_paid == invoice.amount
        ]
        booked, billed = sum((m.amount for m in self.ledger), 0), sum((m.amount for m in paid), 0)
        records = [
            await self.repository.get(BillingEvent, {"provider": "memory", "external_event_id": event_id})
            for event_id in self.sent
        ]
        once = all(records) and all(self.applied[event_id] == 1 for event_id in self.sent)
        stored = await self.billing.subscription("acme")
        true = await self.provider.get_subscription(stored.external_subscription_id) if stored else None
        same = stored is not None and true is not None and stored.status == true.status
        found = await self.billing.confirm_return(session.id, org_id="acme")
        good = once and booked == billed and same and found is not None
        print(f"\n{'=' * 12}  {len(self.sent)} events in {self.outcomes.total()} deliveries: ", end="")
        print(", ".join(f"{count} {outcome}" for outcome, count in sorted(self.outcomes.items())))
        print(f"{'':12}  every event applied exactly once: {'yes' if once else 'NO'}")
        print(f"{'':12}  the ledger of the handlers: {Money(booked, 'USD')}; ", end="")
        print(f"paid invoices at the provider: {Money(billed, 'USD')}")
        print(f"{'':12}  the stored subscription is what the provider says: {'yes' if same else 'NO'}")
        return good


def _org(context: EventContext[InMemoryTransaction]) -> str:
    return context.customer.org_id.upper() if context.customer else "nobody"


def demo() -> int:
    """Tell the story; 0 if every webhook was applied exactly once and the books balance."""
    return 0 if asyncio.run(_Demo().run()) else 1
