"""PayPal's scenarios. Where a payer has to agree, whoever records against the sandbox does so in a browser."""

import itertools
from typing import Any

import httpx

from paylattice import CheckoutStatus, Money, PaymentStatus, RefundStatus, SubscriptionStatus
from paylattice.errors import ActionRequired
from paylattice.providers.paypal import PayPalProvider

from .scenario import Facts, Payer, Scenario

__all__ = ["SCENARIOS", "Account"]

SUCCESS, CANCEL = "https://app.test/ok", "https://app.test/no"


class Account:
    """A PayPal account to prepare: the stand-in's or a sandbox's. None of this is recorded.

    Args:
        client: sends to it, with a token.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._numbers = itertools.count(1)

    def make(self, path: str, body: dict[str, Any]) -> str:
        """The id of what a POST makes."""
        answer = self._client.post(path, json=body, headers={"PayPal-Request-Id": f"prepare-{next(self._numbers)}"})
        if answer.is_error:
            message = f"the account cannot be prepared: POST {path} says {answer.status_code}"
            raise RuntimeError(message)
        return str(answer.json()["id"])

    def product(self) -> str:
        """What plans sell."""
        return self.make("/v1/catalogs/products", {"name": "Pro", "type": "SERVICE"})

    def plan(self, product: str, value: str = "19.00") -> str:
        """A monthly plan."""
        cycle = {
            "frequency": {"interval_unit": "MONTH", "interval_count": 1},
            "tenure_type": "REGULAR",
            "sequence": 1,
            "total_cycles": 0,
            "pricing_scheme": {"fixed_price": {"value": value, "currency_code": "USD"}},
        }
        body = {
            "product_id": product,
            "name": f"Pro {value}",
            "billing_cycles": [cycle],
            "payment_preferences": {"auto_bill_outstanding": True},
            "quantity_supported": True,
        }
        return self.make("/v1/billing/plans", body)


async def subscription_life(paypal: PayPalProvider, facts: Facts, pay: Payer) -> None:
    session = await paypal.create_checkout_session("cus_1", facts["plan"], SUCCESS, CANCEL, quantity=2)
    assert session.url is not None
    assert session.status is CheckoutStatus.OPEN
    pay(session.id, session.url)
    done = await paypal.get_checkout_session(session.id)
    assert done is not None
    assert done.status is CheckoutStatus.COMPLETE
    assert done.subscription_id is not None
    subscription = await paypal.get_subscription(done.subscription_id)
    assert subscription is not None
    assert (subscription.status, subscription.quantity) == (SubscriptionStatus.ACTIVE, 2)
    ended = await paypal.cancel_subscription(subscription.id, reason="too dear")
    assert ended.status is SubscriptionStatus.CANCELED


async def order_captured_and_refunded(paypal: PayPalProvider, _: Facts, pay: Payer) -> None:
    session = await paypal.create_payment_session(Money(1900, "USD"), SUCCESS, CANCEL, customer_id="cus_1")
    pay(session.id, session.url)
    payment = await paypal.capture_payment(session.id)
    assert payment.status is PaymentStatus.SUCCEEDED
    refund = await paypal.refund_payment(payment.id, Money(400, "USD"), "too dear", idempotency_key="cassette-refund")
    assert refund.amount == Money(400, "USD")
    assert refund.status in {RefundStatus.SUCCEEDED, RefundStatus.PENDING}
    found = await paypal.get_payment(payment.id)
    assert found is not None
    assert found.amount == Money(1900, "USD")


async def order_that_nobody_approved(paypal: PayPalProvider, _: Facts, _pay: Payer) -> None:
    session = await paypal.create_payment_session(Money(1900, "USD"), SUCCESS, CANCEL, customer_id="cus_1")
    asked: ActionRequired | None = None
    try:
        await paypal.capture_payment(session.id)
    except ActionRequired as error:
        asked = error
    assert asked is not None
    assert asked.url is not None


async def paged_plans(paypal: PayPalProvider, facts: Facts, _: Payer) -> None:
    plans = await paypal.list_plans()
    assert set(facts.values()) - {facts.get("now")} <= {plan.id for plan in plans}


async def rate_limited(paypal: PayPalProvider, facts: Facts, _: Payer) -> None:
    plan = await paypal.get_plan(facts["plan"])
    assert plan is not None
    assert plan.amount == Money(1900, "USD")


def _one_plan(account: Account) -> dict[str, str]:
    return {"plan": account.plan(account.product())}


def _five_plans(account: Account) -> dict[str, str]:
    product = account.product()
    return {f"plan {number}": account.plan(product, f"{number}.00") for number in range(1, 6)}


def _limit_the_rate(stand_in: Any) -> None:
    stand_in.faults.answer_next(429, headers={"Retry-After": "7"}, path="/v1/billing/plans")


SCENARIOS = (
    Scenario("paypal", subscription_life, _one_plan),
    Scenario("paypal", order_captured_and_refunded),
    Scenario("paypal", order_that_nobody_approved),
    Scenario("paypal", paged_plans, _five_plans),
    Scenario("paypal", rate_limited, _one_plan, _limit_the_rate),
)
