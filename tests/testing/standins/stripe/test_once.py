"""Whatever answer is lost: the account ends in the state that one undisturbed call leaves behind."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from paylattice import Money
from paylattice.errors import OutcomeUnknown
from paylattice.operations import OPERATIONS
from paylattice.providers.stripe import StripeProvider

from .support import NO, NOW, OK, Shop

KEY = "one-key"
CUSTOMER, METHOD, INTENT, HELD, SUB = (
    "cus_standin000001",
    "pm_standin000001",
    "pi_standin000001",
    "pi_standin000002",
    "sub_standin000001",
)
PAGE = "cs_test_standin000001"
SPARE = "pm_standin000002"
OWED = "in_standin000006"
USD = Money(500, "USD")
Call = Callable[[StripeProvider], Coroutine[Any, Any, Any]]

WRITES: dict[str, Call] = {
    "create_customer": lambda p: p.create_customer("b@b.test", idempotency_key=KEY),
    "request": lambda p: p.request("POST", "/v1/customers", {"email": "b@b.test"}, idempotency_key=KEY),
    "update_customer": lambda p: p.update_customer(CUSTOMER, name="B", idempotency_key=KEY),
    "delete_customer": lambda p: p.delete_customer(CUSTOMER, idempotency_key=KEY),
    "create_checkout_session": lambda p: p.create_checkout_session(CUSTOMER, "price_pro", OK, NO, idempotency_key=KEY),
    "create_payment_session": lambda p: p.create_payment_session(USD, OK, NO, idempotency_key=KEY),
    "expire_checkout_session": lambda p: p.expire_checkout_session(PAGE, idempotency_key=KEY),
    "cancel_subscription": lambda p: p.cancel_subscription(SUB, idempotency_key=KEY),
    "cancel_subscription at its period's end": lambda p: p.cancel_subscription(
        SUB, at_period_end=True, idempotency_key=KEY
    ),
    "create_subscription": lambda p: p.create_subscription(
        CUSTOMER, "price_pro", payment_method_id=METHOD, idempotency_key=KEY
    ),
    "bill_outstanding": lambda p: p.bill_outstanding("sub_standin000005", idempotency_key=KEY),
    "pay_invoice": lambda p: p.pay_invoice(OWED, idempotency_key=KEY),
    "void_invoice": lambda p: p.void_invoice(OWED, idempotency_key=KEY),
    "uncancel_subscription": lambda p: p.uncancel_subscription("sub_standin000004", idempotency_key=KEY),
    "change_subscription": lambda p: p.change_subscription(SUB, plan_id="price_max", quantity=2, idempotency_key=KEY),
    "change_subscription at its period's end": lambda p: p.change_subscription(
        SUB, plan_id="price_max", when="period_end", idempotency_key=KEY
    ),
    "extend_trial": lambda p: p.extend_trial("sub_standin000007", NOW + timedelta(days=20), idempotency_key=KEY),
    "cancel_scheduled_change": lambda p: p.cancel_scheduled_change("sub_standin000006", idempotency_key=KEY),
    "pause_subscription": lambda p: p.pause_subscription(SUB, idempotency_key=KEY),
    "resume_subscription": lambda p: p.resume_subscription("sub_standin000002", idempotency_key=KEY),
    "create_usage_record": lambda p: p.create_usage_record("si_standin000003", 7, idempotency_key=KEY),
    "capture_payment": lambda p: p.capture_payment(HELD, USD, idempotency_key=KEY),
    "cancel_payment": lambda p: p.cancel_payment(HELD, idempotency_key=KEY),
    "create_payment": lambda p: p.create_payment(
        USD, customer_id=CUSTOMER, payment_method_id=METHOD, idempotency_key=KEY
    ),
    "refund_payment": lambda p: p.refund_payment(INTENT, USD, idempotency_key=KEY),
    "set_payment_method": lambda p: p.set_payment_method(SUB, METHOD, idempotency_key=KEY),
    "create_setup_session": lambda p: p.create_setup_session(CUSTOMER, OK, NO, idempotency_key=KEY),
    "save_payment_method": lambda p: p.save_payment_method(CUSTOMER, "pm_card_visa", idempotency_key=KEY),
    "set_default_payment_method": lambda p: p.set_default_payment_method(CUSTOMER, SPARE, idempotency_key=KEY),
    "remove_payment_method": lambda p: p.remove_payment_method(METHOD, idempotency_key=KEY),
}


def shop_in(mode: str) -> Shop:
    """A customer with a card; subscriptions that are active, paused and metered; a payment, and one that is held."""
    shop = Shop(mode)
    for price, amount in (("price_pro", 1900), ("price_max", 4900)):
        shop.server.add_plan(price, Money(amount, "USD"))
    shop.server.add_plan("calls", Money(5, "USD"), metered=True)
    customer = shop.customer()
    shop.server.add_subscription(customer, "price_pro")
    held = {"amount": "500", "currency": "usd", "customer": customer, "payment_method": METHOD, "confirm": "true"}
    shop.raw("POST", "/v1/payment_intents", capture_method="manual", **held)
    paused = shop.server.add_subscription(customer, "price_pro")
    shop.raw("POST", f"/v1/subscriptions/{paused}/pause")
    shop.server.add_subscription(customer, "calls")
    ending = shop.server.add_subscription(customer, "price_pro")
    shop.raw("POST", f"/v1/subscriptions/{ending}", cancel_at_period_end="true")
    shop.run(shop.provider.create_checkout_session(customer, "price_pro", OK, NO))
    shop.server.add_payment_method(customer, default=False)
    owing = shop.server.add_subscription(customer, "price_pro")
    shop.server.decline_next_payment()
    more = {"items[0][id]": "si_standin000005", "items[0][quantity]": "2", "proration_behavior": "always_invoice"}
    shop.raw("POST", f"/v1/subscriptions/{owing}", **more)  # no month passes, in which what else is here would end
    scheduled = shop.server.add_subscription(customer, "price_pro")
    shop.run(shop.provider.change_subscription(scheduled, plan_id="price_max", when="period_end"))
    begin: Any = {"start_at": NOW + timedelta(days=10), "idempotency_key": "begin"}
    shop.run(shop.provider.create_subscription(customer, "price_pro", **begin))
    shop.server.forget_requests()
    return shop


def undisturbed(name: str, mode: str) -> object:
    shop = shop_in(mode)
    before = shop.server.snapshot()
    shop.run(WRITES[name](shop.provider))
    after = shop.server.snapshot()
    assert before != after
    return after


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", WRITES)
def test_one_lost_answer_changes_nothing(name: str, mode: str) -> None:
    shop = shop_in(mode)
    shop.server.faults.lose_next_answer()
    shop.run(WRITES[name](shop.provider))
    assert shop.server.faults.waiting == 0
    assert shop.server.snapshot() == undisturbed(name, mode)


@pytest.mark.parametrize("name", WRITES)
def test_when_no_answer_comes_back_recover_finds_what_was_done(name: str) -> None:
    shop = shop_in("blocking")
    shop.server.faults.lose_next_answer(times=4)
    try:
        shop.run(WRITES[name](shop.provider))
    except OutcomeUnknown as error:
        shop.server.faults.clear()
        shop.run(shop.provider.recover(error))
    else:
        assert name in {"delete_customer", "cancel_subscription"}  # these look at the state themselves
    assert shop.server.snapshot() == undisturbed(name, "blocking")


@pytest.mark.parametrize("name", WRITES)
def test_another_process_repeats_it_under_the_same_key(name: str) -> None:
    shop = shop_in("blocking")
    shop.server.faults.lose_next_answer(times=4)
    with suppress(OutcomeUnknown):
        shop.run(WRITES[name](shop.provider))
    shop.server.faults.clear()
    shop.run(WRITES[name](shop.another()))
    assert shop.server.snapshot() == undisturbed(name, "blocking")


def test_every_write_of_the_protocol_is_here() -> None:
    writes = {name for name, operation in OPERATIONS.items() if operation.writes}
    assert {name.partition(" ")[0] for name in WRITES} == writes
