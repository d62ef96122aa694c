"""Whatever answer is lost: the account ends in the state that one undisturbed call leaves behind."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from paylattice import Money
from paylattice.errors import AuthenticationError, OutcomeUnknown
from paylattice.operations import OPERATIONS
from paylattice.providers.square import SquareProvider

from .support import NO, OK, Market

KEY = "one-key"
CUSTOMER, LONELY, CARD, SPARE = "CUSSTANDIN000001", "CUSSTANDIN000002", "ccof:STANDIN000001", "ccof:STANDIN000002"
PAGE = "LINKSTANDIN000001"
SUB, PAUSED, ENDING = "sub-STANDIN000001", "sub-STANDIN000002", "sub-STANDIN000003"
OWED = "inv:0-STANDIN000004"
SWAPPING = "sub-STANDIN000004"
PAID, HELD = "PAYSTANDIN000004", "PAYSTANDIN000005"
USD = Money(500, "USD")
Call = Callable[[SquareProvider], Coroutine[Any, Any, Any]]

WRITES: dict[str, Call] = {
    "request": lambda p: p.request("POST", "/v2/customers", {"email_address": "b@b.test"}, idempotency_key=KEY),
    "create_customer": lambda p: p.create_customer("b@b.test", idempotency_key=KEY),
    "update_customer": lambda p: p.update_customer(CUSTOMER, name="B", idempotency_key=KEY),
    "delete_customer": lambda p: p.delete_customer(LONELY, idempotency_key=KEY),
    "create_checkout_session": lambda p: p.create_checkout_session(CUSTOMER, "PRO", OK, NO, idempotency_key=KEY),
    "create_payment_session": lambda p: p.create_payment_session(USD, OK, NO, idempotency_key=KEY),
    "expire_checkout_session": lambda p: p.expire_checkout_session(PAGE, idempotency_key=KEY),
    "cancel_subscription": lambda p: p.cancel_subscription(SUB, at_period_end=True, idempotency_key=KEY),
    "create_subscription": lambda p: p.create_subscription(
        CUSTOMER, "PRO", payment_method_id=CARD, idempotency_key=KEY
    ),
    "uncancel_subscription": lambda p: p.uncancel_subscription(ENDING, idempotency_key=KEY),
    "change_subscription": lambda p: p.change_subscription(SUB, plan_id="TEAM", idempotency_key=KEY),
    "cancel_scheduled_change": lambda p: p.cancel_scheduled_change(SWAPPING, idempotency_key=KEY),
    "pause_subscription": lambda p: p.pause_subscription(SUB, idempotency_key=KEY),
    "resume_subscription": lambda p: p.resume_subscription(PAUSED, idempotency_key=KEY),
    "capture_payment": lambda p: p.capture_payment(HELD, idempotency_key=KEY),
    "capture_payment in part": lambda p: p.capture_payment(HELD, Money(300, "USD"), idempotency_key=KEY),
    "cancel_payment": lambda p: p.cancel_payment(HELD, idempotency_key=KEY),
    "create_payment": lambda p: p.create_payment(
        USD, customer_id=CUSTOMER, payment_method_id=CARD, idempotency_key=KEY
    ),
    "refund_payment": lambda p: p.refund_payment(PAID, USD, idempotency_key=KEY),
    "refund_payment of all that is left": lambda p: p.refund_payment(PAID, idempotency_key=KEY),
    "void_invoice": lambda p: p.void_invoice(OWED, idempotency_key=KEY),
    "set_payment_method": lambda p: p.set_payment_method(SUB, SPARE, idempotency_key=KEY),
    "save_payment_method": lambda p: p.save_payment_method(CUSTOMER, "cnon:new", idempotency_key=KEY),
    "remove_payment_method": lambda p: p.remove_payment_method(SPARE, idempotency_key=KEY),
}


def market_in(mode: str, **settings: Any) -> Market:
    """Two customers, two cards; subscriptions that are active and paused; a payment, and one that is held."""
    market = Market(mode)
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_plan("TEAM", Money(4900, "USD"))
    customer = market.customer()
    market.customer()
    card = market.server.add_payment_method(customer)
    market.server.add_payment_method(customer)
    for _ in range(3):
        market.server.add_subscription(customer, "PRO", card=card)
    market.ok("POST", f"/v2/subscriptions/{PAUSED}/pause", {})
    market.ok("POST", f"/v2/subscriptions/{ENDING}/cancel")
    market.payment(1900)
    market.payment(500, autocomplete=False)
    market.run(market.provider.create_checkout_session(customer, "PRO", OK, NO, idempotency_key="a-page"))
    market.ok("POST", f"/v2/invoices/{market.draft_invoice(customer)}/publish", {"version": 0})
    market.server.add_subscription(customer, "PRO", card=card)
    market.ok("POST", f"/v2/subscriptions/{SWAPPING}/swap-plan", {"new_plan_variation_id": "TEAM"})
    if settings:
        market.provider = market.another(**settings)
    market.server.forget_requests()
    return market


def undisturbed(name: str, mode: str) -> object:
    market = market_in(mode)
    before = market.server.snapshot()
    market.run(WRITES[name](market.provider))
    after = market.server.snapshot()
    assert before != after
    return after


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", WRITES)
def test_one_lost_answer_changes_nothing(name: str, mode: str) -> None:
    market = market_in(mode)
    market.server.faults.lose_next_answer()
    market.run(WRITES[name](market.provider))
    assert market.server.faults.waiting == 0
    assert market.server.snapshot() == undisturbed(name, mode)


@pytest.mark.parametrize("name", WRITES)
def test_when_no_answer_comes_back_recover_finds_what_was_done(name: str) -> None:
    market = market_in("blocking")
    market.server.faults.lose_next_answer(times=4)
    try:
        market.run(WRITES[name](market.provider))
    except OutcomeUnknown as error:
        market.server.faults.clear()
        market.run(market.provider.recover(error))
    assert market.server.snapshot() == undisturbed(name, "blocking")


@pytest.mark.parametrize("name", WRITES)
def test_another_process_repeats_it_under_the_same_key(name: str) -> None:
    market = market_in("blocking")
    market.server.faults.lose_next_answer(times=4)
    with suppress(OutcomeUnknown):
        market.run(WRITES[name](market.provider))
    market.server.faults.clear()
    market.run(WRITES[name](market.another()))
    assert market.server.snapshot() == undisturbed(name, "blocking")


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_a_checkout_by_invoice_whose_answer_was_lost_subscribes_once(mode: str) -> None:
    market = market_in(mode, checkout="invoice")
    before = market.server.count("subscription")
    market.server.faults.lose_next_answer()
    call = market.provider.create_checkout_session(CUSTOMER, "PRO", OK, NO, idempotency_key=KEY)
    session = market.run(call)
    again = market.run(
        market.another(checkout="invoice").create_checkout_session(CUSTOMER, "PRO", OK, NO, idempotency_key=KEY)
    )
    assert again.id == session.id
    assert market.server.count("subscription") == before + 1


def test_every_write_of_the_protocol_is_here() -> None:
    writes = {name for name, operation in OPERATIONS.items() if operation.writes}
    assert {name.partition(" ")[0] for name in WRITES} == writes - {
        "create_usage_record",
        "create_setup_session",
        "bill_outstanding",
        "pay_invoice",
        "set_default_payment_method",
        "extend_trial",
    }


# --- other failures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_a_server_error_after_the_effect_is_tried_again_under_the_key(mode: str) -> None:
    market = market_in(mode)
    market.server.faults.answer_next(500, path="/v2/payments", after_effect=True)
    market.run(WRITES["create_payment"](market.provider))
    assert [seen.replayed for seen in market.server.requests if seen.path == "/v2/payments"] == [False, True]
    assert market.server.snapshot() == undisturbed("create_payment", mode)


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_a_rate_limit_is_waited_out(mode: str) -> None:
    market = market_in(mode)
    market.server.faults.answer_next(429, headers={"Retry-After": "7"}, path="/v2/customers")
    market.run(WRITES["create_customer"](market.provider))
    assert market.slept == [7.0]
    assert market.server.snapshot() == undisturbed("create_customer", mode)


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_a_token_that_is_no_longer_good_has_no_effect(mode: str) -> None:
    market = market_in(mode)
    before = market.server.snapshot()
    market.server.faults.answer_next(401)
    with pytest.raises(AuthenticationError):
        market.run(WRITES["create_customer"](market.provider))
    assert market.server.snapshot() == before


@pytest.mark.parametrize("name", ["cancel_subscription", "pause_subscription", "update_customer", "capture_payment"])
def test_what_has_no_key_is_sent_once_and_then_looked_for(name: str) -> None:
    market = market_in("blocking")
    market.server.faults.lose_next_answer()
    market.run(WRITES[name](market.provider))
    assert len([seen for seen in market.server.requests if seen.method in {"POST", "PUT"}]) == 1


def test_a_list_whose_cursor_became_too_old_is_begun_anew() -> None:
    market = market_in("blocking")
    for _ in range(30):
        market.server.add_payment_method(CUSTOMER)
    market.server.faults.answer_next(
        400, {"errors": [{"category": "INVALID_REQUEST_ERROR", "code": "INVALID_CURSOR"}]}, path="/v2/cards"
    )
    assert len(market.run(market.provider.get_payment_methods(CUSTOMER))) == 32
