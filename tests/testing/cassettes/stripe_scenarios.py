"""Stripe's scenarios."""

from typing import Any

import httpx

from paylattice import CheckoutStatus, Money, PaymentStatus, SubscriptionStatus
from paylattice.errors import Declined, DeclineReason
from paylattice.providers.stripe import StripeProvider

from .scenario import Facts, Payer, Scenario

__all__ = ["SCENARIOS"]


class Account:
    """A Stripe account to prepare: the stand-in's or a sandbox's. None of this is recorded.

    Args:
        client: sends to it.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def make(self, path: str, **params: str) -> str:
        """The id of what a POST makes."""
        answer = self._client.post(f"/v1/{path}", data=params)
        if answer.is_error:
            message = f"the account cannot be prepared: POST {path} says {answer.status_code}"
            raise RuntimeError(message)
        return str(answer.json()["id"])

    def customer(self, card: str = "pm_card_visa") -> tuple[str, str]:
        """A customer and its card."""
        customer = self.make("customers", email="ada@example.com", name="Ada")
        return customer, self.make(f"payment_methods/{card}/attach", customer=customer)

    def price(self) -> str:
        """A monthly price."""
        return self.make(
            "prices",
            **{
                "currency": "usd",
                "unit_amount": "1900",
                "recurring[interval]": "month",
                "product_data[name]": "Pro",
            },
        )


async def customer_life(stripe: StripeProvider, _facts: Facts, _: Payer) -> None:
    customer = await stripe.create_customer("ada@example.com", "Ada", {"org": "1"})
    assert await stripe.get_customer(customer.id) == customer
    changed = await stripe.update_customer(customer.id, metadata={"org": "2"})
    assert dict(changed.metadata) == {"org": "2"}
    await stripe.delete_customer(customer.id)
    assert await stripe.get_customer(customer.id) is None


async def checkout(stripe: StripeProvider, facts: Facts, _: Payer) -> None:
    customer = await stripe.create_customer("ada@example.com")
    session = await stripe.create_checkout_session(
        customer.id, facts["price"], "https://app.test/ok", "https://app.test/no", {"org": "1"}, quantity=2
    )
    assert session.url is not None
    assert session.status is CheckoutStatus.OPEN
    assert await stripe.get_checkout_session(session.id) == session


async def cancel_at_period_end(stripe: StripeProvider, facts: Facts, _: Payer) -> None:
    subscription = await stripe.get_subscription(facts["subscription"])
    assert subscription is not None
    assert subscription.status is SubscriptionStatus.ACTIVE
    scheduled = await stripe.cancel_subscription(subscription.id, at_period_end=True, reason="too dear")
    assert scheduled.cancel_at == subscription.current_period_end
    assert await stripe.get_subscription(subscription.id) == scheduled


async def paged_invoices(stripe: StripeProvider, facts: Facts, _: Payer) -> None:
    invoices = await stripe.get_invoices(facts["customer"], limit=4)
    assert len({invoice.id for invoice in invoices}) == 4
    created = [invoice.created_at for invoice in invoices if invoice.created_at]
    assert created == sorted(created, reverse=True)


async def decline(stripe: StripeProvider, facts: Facts, _: Payer) -> None:
    with_failure: Declined | None = None
    try:
        await stripe.create_payment(
            Money(1900, "USD"),
            customer_id=facts["customer"],
            payment_method_id=facts["method"],
            idempotency_key="cassette-charge",
        )
    except Declined as declined:
        with_failure = declined
    assert with_failure is not None
    assert with_failure.reason is DeclineReason.ISSUER_DECLINED
    payment = await stripe.get_payment(with_failure.payment_id or "")
    assert payment is not None
    assert payment.status is PaymentStatus.FAILED


async def rate_limited(stripe: StripeProvider, facts: Facts, _: Payer) -> None:
    customer = await stripe.get_customer(facts["customer"])
    assert customer is not None


def _subscribed(account: Account) -> dict[str, str]:
    customer, method = account.customer()
    price = account.price()
    params = {"customer": customer, "items[0][price]": price, "default_payment_method": method}
    return {"subscription": account.make("subscriptions", **params)}


def _invoiced(account: Account) -> dict[str, str]:
    customer, _ = account.customer()
    for _ in range(5):
        account.make("invoices", customer=customer, auto_advance="false")
    return {"customer": customer}


def _without_funds(account: Account) -> dict[str, str]:
    customer, method = account.customer("pm_card_chargeCustomerFail")
    return {"customer": customer, "method": method}


def _limit_the_rate(stand_in: Any) -> None:
    stand_in.faults.answer_next(429, headers={"Retry-After": "7"})


SCENARIOS = (
    Scenario("stripe", customer_life),
    Scenario("stripe", checkout, lambda account: {"price": account.price()}),
    Scenario("stripe", cancel_at_period_end, _subscribed),
    Scenario("stripe", paged_invoices, _invoiced),
    Scenario("stripe", decline, _without_funds),
    Scenario("stripe", rate_limited, lambda account: {"customer": account.customer()[0]}, _limit_the_rate),
)
