"""What a provider keeps of a payment, and what is left, in each provider's own words; None where it does not say so."""

import asyncio
from typing import Any

import pytest

from paylattice import Money, Payment
from paylattice.providers.paypal import orders
from paylattice.providers.square import wire as square
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.providers.stripe import wire as stripe
from paylattice.sync import create_provider
from paylattice.testing import StripeStandIn
from paylattice.transport import AsyncTransport


def usd(value: str) -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


def stripe_payment(transaction: object) -> Payment:
    """https://docs.stripe.com/api/balance_transactions/object"""
    charge = {"id": "ch_1", "balance_transaction": transaction}
    return stripe.payment_from(
        {"id": "pi_1", "amount": 1000, "currency": "usd", "status": "succeeded", "latest_charge": charge}
    )


def test_stripe_says_it_in_the_currency_of_the_balance() -> None:
    paid = stripe_payment({"id": "txn_1", "fee": 61, "net": 859, "currency": "eur"})
    assert (paid.fee, paid.net) == (Money(61, "EUR"), Money(859, "EUR"))
    for unknown in (None, "txn_1", {"id": "txn_1"}):
        assert (stripe_payment(unknown).fee, stripe_payment(unknown).net) == (None, None)


@pytest.mark.parametrize(("key", "knows"), [("sk_test_standin", True), ("rk_test_standin", False)])
def test_stripe_is_not_asked_for_it_with_a_key_that_may_not_be_allowed_to(key: str, *, knows: bool) -> None:
    async def main() -> None:
        server = StripeStandIn(secret_key=key)
        config = StripeConfig(secret_key=key)
        provider = StripeProvider(config, transport=AsyncTransport(transport=server.transport()))
        made = await provider.create_payment(Money(1900, "USD"), token=server.add_confirmation_token())
        before = len(server.requests)
        found = await provider.get_payment(made.id)
        assert found is not None
        assert len(server.requests) == before + 1
        assert (found.fee, found.net) == ((Money(85, "USD"), Money(1815, "USD")) if knows else (None, None))

    asyncio.run(main())


def square_payment(**more: Any) -> Payment:
    """https://developer.squareup.com/reference/square/objects/Payment"""
    money = {"amount": 1000, "currency": "USD"}
    return square.payment_from(
        {"id": "p", "amount_money": money, "status": "COMPLETED", **more}, reference_key="reference"
    )


def test_square_adds_its_fees_up_and_says_nothing_before_it_knows_them() -> None:
    def fee(cents: int, kind: str = "INITIAL") -> dict[str, object]:
        return {"type": kind, "amount_money": {"amount": cents, "currency": "USD"}}

    paid = square_payment(processing_fee=[fee(59), fee(-9, "ADJUSTMENT")])
    assert (paid.fee, paid.net) == (Money(50, "USD"), Money(950, "USD"))
    own = square_payment(processing_fee=[fee(59)], app_fee_money={"amount": 100, "currency": "USD"})
    assert (own.fee, own.net) == (Money(59, "USD"), Money(841, "USD"))
    for unknown in ({}, {"processing_fee": []}, {"processing_fee": [{"type": "INITIAL"}]}):
        assert (square_payment(**unknown).fee, square_payment(**unknown).net) == (None, None)
    assert square_payment(status="APPROVED", processing_fee=[fee(59)]).net is None


def paypal_capture(value: str, fee: str | None = None, net: str | None = None) -> dict[str, object]:
    """https://developer.paypal.com/docs/api/payments/v2/#definition-seller_receivable_breakdown"""
    breakdown = {"gross_amount": usd(value), "paypal_fee": usd(fee), "net_amount": usd(net)} if fee and net else {}
    return {
        "id": f"C{value}",
        "status": "COMPLETED",
        "amount": usd(value),
        "seller_receivable_breakdown": breakdown,
    }


def test_paypal_adds_up_the_fees_of_all_captures() -> None:
    def order(*captures: dict[str, object]) -> Payment:
        units = [{"amount": each["amount"], "payments": {"captures": [each]}} for each in captures]
        return orders.payment_from_order({"id": "O", "status": "COMPLETED", "purchase_units": units})

    paid = order(paypal_capture("12.00", "0.70", "11.30"), paypal_capture("7.00", "0.40", "6.60"))
    assert (paid.fee, paid.net) == (Money(110, "USD"), Money(1790, "USD"))
    partly = order(paypal_capture("12.00", "0.70", "11.30"), paypal_capture("7.00"))
    assert (partly.fee, partly.net) == (None, None)
    alone = orders.payment_from_capture(paypal_capture("12.00", "0.70", "11.30"))
    assert (alone.fee, alone.net) == (Money(70, "USD"), Money(1130, "USD"))


def test_paypal_says_the_fee_of_a_subscription_s_payment() -> None:
    sale = {"id": "S", "state": "completed", "amount": {"total": "19.00", "currency": "USD"}}
    paid = orders.payment_from_sale({**sale, "transaction_fee": {"value": "0.85", "currency": "USD"}})
    assert (paid.fee, paid.net) == (Money(85, "USD"), Money(1815, "USD"))
    foreign = orders.payment_from_sale({**sale, "transaction_fee": {"value": "0.80", "currency": "EUR"}})
    for unknown in (foreign, orders.payment_from_sale(sale)):
        assert (unknown.fee, unknown.net) == (None, None)


def test_the_embedded_provider_keeps_nothing() -> None:
    provider = create_provider("memory")
    paid = provider.create_payment(Money(1900, "USD"), token="tok_1", capture=False)
    assert (paid.fee, paid.net) == (None, None)
    taken = provider.capture_payment(paid.id, Money(900, "USD"))
    assert (taken.fee, taken.net) == (Money(0, "USD"), Money(900, "USD"))
