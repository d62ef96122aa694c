"""An invoice leads to its payments, a payment to its invoice and subscription, a refund to both: at every provider."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import BillingService, InMemoryRepository, InvoiceReason, Money, PaymentStatus
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal.disputes import DISPUTE_OUTCOME
from paylattice.providers.paypal.disputes import dispute_from as paypal_dispute
from paylattice.providers.square.disputes import dispute_from as square_dispute
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.providers.stripe.disputes import dispute_from as stripe_dispute
from paylattice.providers.stripe.wire import invoice_from
from paylattice.testing import StripeStandIn
from paylattice.transport import AsyncTransport

PAGE: dict[str, Any] = {"email": "p@example.com", "success_url": "https://a.test/ok", "cancel_url": "https://a.test/no"}
USD10 = Money(1000, "USD")


async def no_wait(_seconds: float) -> None:
    pass


def stripe_shop() -> tuple[StripeStandIn, StripeProvider, BillingService]:
    def clock() -> float:
        return account.now.timestamp()

    account = StripeStandIn(now=datetime(2026, 1, 10, 12, tzinfo=UTC), clock=clock)
    config = StripeConfig(secret_key=account.secret_key, webhook_secret=account.webhook_secret)
    transport = AsyncTransport(transport=account.transport(), sleep=no_wait)
    provider = StripeProvider(config, transport=transport, clock=clock)
    account.add_plan("price_basic", USD10)
    return account, provider, BillingService(provider, InMemoryRepository(), clock=lambda: account.now)


async def deliver(source: Any, billing: BillingService, name: str) -> None:
    for hook in source.deliveries():
        await billing.handle_webhook(name, hook.payload, hook.headers)


async def both_ways(provider: Any, billing: BillingService, plan: str) -> list[InvoiceReason]:
    invoices = await billing.invoices("org")
    subscription = await billing.subscription("org")
    assert subscription is not None
    for invoice in invoices:
        (payment_id,) = invoice.payment_ids
        payment = await provider.get_payment(payment_id)
        assert (payment.invoice_id, payment.subscription_id) == (invoice.id, subscription.external_subscription_id)
        assert [(line.plan_id, line.quantity, line.proration) for line in invoice.lines] == [(plan, 1, False)]
        assert invoice.lines[0].period_end == invoice.period_end
    newest = invoices[0]
    assert (newest.period_start, newest.period_end) == (
        subscription.current_period_start,
        subscription.current_period_end,
    )
    return [invoice.reason for invoice in invoices]


def test_the_embedded_provider_links_both_ways() -> None:
    async def run() -> None:
        provider = InMemoryProvider(now=datetime(2026, 1, 10, tzinfo=UTC))
        provider.add_plan("basic", USD10)
        billing = BillingService(provider, InMemoryRepository(), clock=lambda: provider.now)
        provider.complete_checkout((await billing.start_checkout("org", "basic", **PAGE)).id)
        provider.advance(months=1)
        await deliver(provider, billing, "memory")
        assert await both_ways(provider, billing, "basic") == [InvoiceReason.RENEWAL, InvoiceReason.FIRST]
        refund = await provider.refund_payment((await billing.invoices("org"))[0].payment_ids[0])
        assert refund.invoice_id == (await billing.invoices("org"))[0].id

    asyncio.run(run())


def test_stripe_links_both_ways() -> None:
    async def run() -> None:
        account, provider, billing = stripe_shop()
        account.complete_checkout((await billing.start_checkout("org", "price_basic", **PAGE)).id)
        account.advance(months=1)
        await deliver(account, billing, "stripe")
        assert await both_ways(provider, billing, "price_basic") == [InvoiceReason.RENEWAL, InvoiceReason.FIRST]

    asyncio.run(run())


def line(amount: object, start: int, end: int, **more: object) -> dict[str, object]:
    return {"amount": amount, "currency": "usd", "period": {"start": start, "end": end}, **more}


OLD: dict[str, Any] = {
    "id": "in_1",
    "object": "invoice",
    "currency": "usd",
    "total": 500,
    "billing_reason": "subscription_cycle",
    "subscription": "sub_1",
    "payment_intent": "pi_1",
    "period_start": 0,
    "period_end": 100,
    "lines": {
        "data": [
            line(200, 0, 100, type="subscription", price={"id": "price_m"}),
            line(-100, 50, 900, type="invoiceitem", proration=True, subscription="sub_1", plan={"id": "p"}),
            line(400, 100, 200, type="subscription", price={"id": "price_1"}, quantity=2),
            line("many", 0, 10),
        ]
    },
}


def test_an_invoice_of_the_old_api_tells_its_period_by_its_lines() -> None:
    found = invoice_from(OLD)
    assert (found.reason, found.payment_ids) == (InvoiceReason.RENEWAL, ("pi_1",))
    assert (found.period_start, found.period_end) == tuple(datetime.fromtimestamp(at, UTC) for at in (100, 200))
    assert [(line.plan_id, line.quantity, line.proration, line.amount.amount) for line in found.lines] == [
        ("price_m", None, False, 200),
        ("p", None, True, -100),
        ("price_1", 2, False, 400),
    ]


@pytest.mark.parametrize(
    ("changes", "reason", "payments"),
    [
        ({"billing_reason": "subscription"}, "unknown", ("pi_1",)),
        ({"billing_reason": "invented"}, "unknown", ("pi_1",)),
        ({"billing_reason": None, "lines": None, "payment_intent": None}, "unknown", ()),
        ({"billing_reason": "manual", "payment_intent": {"id": "pi_2"}}, "manual", ("pi_2",)),
        (
            {
                "billing_reason": "subscription_update",
                "payment_intent": None,
                "payments": {
                    "data": [
                        {"status": "canceled", "payment": {"payment_intent": "pi_3"}},
                        {"status": "paid", "payment": {"payment_intent": {"id": "pi_4"}}},
                        {"status": "paid", "payment": {"charge": "py_1"}},
                        {"status": "paid", "payment": {"payment_intent": "pi_4"}},
                    ]
                },
            },
            "change",
            ("pi_4",),
        ),
    ],
)
def test_sparse_and_new_invoices_are_read(changes: dict[str, Any], reason: str, payments: tuple[str, ...]) -> None:
    found = invoice_from({**OLD, **changes})
    assert (found.reason, found.payment_ids) == (reason, payments)


def test_a_lost_dispute_changes_the_payment_and_a_won_one_does_not() -> None:
    async def run(decision: str) -> PaymentStatus:
        account, provider, billing = stripe_shop()
        account.complete_checkout((await billing.start_checkout("org", "price_basic", **PAGE)).id)
        payment_id = str(account.objects("payment_intent")[0]["id"])
        dispute = account.open_dispute(payment_id)
        assert (await provider.get_payment(payment_id)).status is PaymentStatus.SUCCEEDED  # type: ignore[union-attr]
        account.decide_dispute(str(dispute["id"]), won=decision == "won")
        found = await provider.get_payment(payment_id)
        assert found is not None
        return found.status

    assert asyncio.run(run("lost")) is PaymentStatus.CHARGED_BACK
    assert asyncio.run(run("won")) is PaymentStatus.SUCCEEDED


DUE = datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "status", "over"),
    [
        ("needs_response", "needs_response", False),
        ("warning_needs_response", "needs_response", False),
        ("appeal_under_review", "under_review", False),
        ("warning_closed", "closed", True),
        ("won", "won", True),
        ("lost", "lost", True),
        ("invented", "unknown", False),
        (None, "unknown", False),
    ],
)
def test_stripe_s_disputes_are_read(word: str | None, status: str, *, over: bool) -> None:
    found = stripe_dispute(
        {
            "id": "dp_1",
            "payment_intent": {"id": "pi_1"},
            "amount": 500,
            "currency": "usd",
            "reason": "fraudulent",
            "status": word,
            "evidence_details": {"due_by": int(DUE.timestamp())},
        }
    )
    assert (found.payment_id, found.amount, found.reason) == ("pi_1", Money(500, "USD"), "fraudulent")
    assert (found.status, found.evidence_due_at, found.outcome) == (
        status,
        None if over else DUE,
        word if over else None,
    )
    assert stripe_dispute({"id": "dp_2", "charge": "ch_1"}).payment_id == "ch_1"


@pytest.mark.parametrize(("outcome", "status"), [*DISPUTE_OUTCOME.items(), ("INVENTED", "unknown")])
def test_paypal_s_disputes_are_read(outcome: str, status: str) -> None:
    data: dict[str, Any] = {
        "dispute_id": "PP-D-1",
        "disputed_transactions": [{"seller_transaction_id": "SALE1"}, {"seller_transaction_id": "SALE2"}],
        "dispute_amount": {"currency_code": "USD", "value": "5.00"},
        "reason": "UNAUTHORISED",
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "seller_response_due_date": "2026-09-01T12:00:00.000Z",
    }
    found = paypal_dispute(data)
    assert (found.payment_id, found.amount, found.reason) == ("SALE1", Money(500, "USD"), "unauthorised")
    assert (found.status, found.evidence_due_at, found.outcome) == ("needs_response", DUE, None)
    over = paypal_dispute({**data, "status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}})
    assert (over.status, over.outcome) == (status, outcome.lower())
    assert paypal_dispute({"dispute_id": "PP-D-2"}).status == "unknown"


@pytest.mark.parametrize(
    ("state", "status"),
    [("EVIDENCE_REQUIRED", "needs_response"), ("PROCESSING", "under_review"), ("WON", "won"), ("ACCEPTED", "lost")],
)
def test_square_s_disputes_are_read(state: str, status: str) -> None:
    data: dict[str, Any] = {
        "state": state,
        "amount_money": {"amount": 500, "currency": "USD"},
        "reason": "NO_KNOWLEDGE",
        "due_at": "2026-09-01T12:00:00Z",
        "disputed_payment": {"payment_id": "PAY1"},
    }
    found = square_dispute({"id": "D1", **data})
    assert (found.payment_id, found.amount, found.reason) == ("PAY1", Money(500, "USD"), "no_knowledge")
    assert (found.status, found.evidence_due_at) == (status, None if found.status.is_over else DUE)
    assert square_dispute({"dispute_id": "D2"}).id == "D2"
