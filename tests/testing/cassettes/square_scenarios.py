"""Square's scenarios. Where a buyer has to pay, whoever records against the sandbox does so in a browser."""

import itertools
from typing import Any

import httpx

from paylattice import CheckoutStatus, Money, PaymentStatus, RefundStatus
from paylattice.providers.square import SquareProvider

from .scenario import Facts, Payer, Scenario

__all__ = ["SCENARIOS", "Account"]

SUCCESS, CANCEL = "https://app.test/ok", "https://app.test/no"


class Account:
    """A Square account to prepare: the stand-in's or a sandbox's. None of this is recorded.

    Args:
        client: sends to it, with a token.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._numbers = itertools.count(1)

    def variation(self, amount: int = 1900) -> str:
        """A monthly plan variation."""
        price = {"type": "STATIC", "price_money": {"amount": amount, "currency": "USD"}}
        plan = {"type": "SUBSCRIPTION_PLAN", "id": "#plan", "subscription_plan_data": {"name": f"Pro {amount}"}}
        plan_id = self._upsert(plan)
        data = {
            "name": "Monthly",
            "phases": [{"cadence": "MONTHLY", "ordinal": 0, "pricing": price}],
            "subscription_plan_id": plan_id,
        }
        return self._upsert(
            {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "#variation", "subscription_plan_variation_data": data}
        )

    def _upsert(self, thing: dict[str, Any]) -> str:
        body = {"idempotency_key": f"prepare-{next(self._numbers)}", "object": thing}
        answer = self._client.post("/v2/catalog/object", json=body)
        if answer.is_error:
            message = f"the account cannot be prepared: POST /v2/catalog/object says {answer.status_code}"
            raise RuntimeError(message)
        return str(answer.json()["catalog_object"]["id"])


async def customer_life(square: SquareProvider, _: Facts, _pay: Payer) -> None:
    customer = await square.create_customer("ada@example.com", "Ada Lovelace", {"org_id": "org_1"})
    assert await square.get_customer(customer.id) == customer
    changed = await square.update_customer(customer.id, name="Ada King")
    assert changed.name == "Ada King"
    await square.delete_customer(customer.id)
    assert await square.get_customer(customer.id) is None


async def link_paid_and_refunded(square: SquareProvider, _: Facts, pay: Payer) -> None:
    session = await square.create_payment_session(Money(1900, "USD"), SUCCESS, CANCEL)
    assert session.status is CheckoutStatus.OPEN
    pay(session.id, session.url)
    done = await square.get_checkout_session(session.id)
    assert done is not None
    assert done.status is CheckoutStatus.COMPLETE
    payment = await square.get_payment(done.payment_id or "")
    assert payment is not None
    assert payment.status is PaymentStatus.SUCCEEDED
    refund = await square.refund_payment(payment.id, Money(400, "USD"), "too dear", idempotency_key="cassette-refund")
    assert (refund.amount, refund.status) == (Money(400, "USD"), RefundStatus.PENDING)


async def subscription_link(square: SquareProvider, facts: Facts, _: Payer) -> None:
    customer = await square.create_customer("ada@example.com")
    session = await square.create_checkout_session(
        customer.id, facts["plan"], SUCCESS, CANCEL, {"org_id": "org_1"}, idempotency_key="cassette-link"
    )
    assert session.url is not None
    found = await square.get_checkout_session(session.id)
    assert found is not None
    assert (found.id, found.status, found.customer_id) == (session.id, CheckoutStatus.OPEN, customer.id)


async def paged_plans(square: SquareProvider, facts: Facts, _: Payer) -> None:
    plans = await square.list_plans()
    assert set(facts.values()) - {facts.get("now")} <= {plan.id for plan in plans}


async def rate_limited(square: SquareProvider, facts: Facts, _: Payer) -> None:
    plan = await square.get_plan(facts["plan"])
    assert plan is not None
    assert plan.amount == Money(1900, "USD")


def _one_plan(account: Account) -> dict[str, str]:
    return {"plan": account.variation()}


def _five_plans(account: Account) -> dict[str, str]:
    return {f"plan {number}": account.variation(number * 100) for number in range(1, 6)}


def _limit_the_rate(stand_in: Any) -> None:
    stand_in.faults.answer_next(429, headers={"Retry-After": "7"})


SCENARIOS = (
    Scenario("square", customer_life),
    Scenario("square", link_paid_and_refunded),
    Scenario("square", subscription_link, _one_plan),
    Scenario("square", paged_plans, _five_plans),
    Scenario("square", rate_limited, _one_plan, _limit_the_rate),
)
