"""What goes wrong on the way, and that nobody pays twice because of it."""

import pytest

from paylattice import Money
from paylattice.errors import NetworkError, OutcomeUnknown, ProviderUnavailable, RateLimited

from .support import OK, Shop

USD = Money(1900, "USD")


def charge(shop: Shop, customer: str, key: str | None = None) -> str:
    (method,) = shop.server.objects("payment_method")
    call = shop.provider.create_payment(
        USD, customer_id=customer, payment_method_id=str(method["id"]), idempotency_key=key
    )
    return shop.run(call).id


def test_a_lost_answer_is_asked_for_again_under_the_same_key(shop: Shop) -> None:
    customer = shop.customer()
    shop.server.forget_requests()
    shop.server.faults.lose_next_answer()
    charge(shop, customer)
    first, second = shop.server.requests
    assert (first.status, second.status, second.replayed) == (None, 200, True)
    assert first.idempotency_key == second.idempotency_key
    assert shop.server.money_taken() == 1900
    assert len(shop.slept) == 1


def test_when_every_answer_is_lost_the_outcome_is_unknown_and_can_be_recovered(shop: Shop) -> None:
    customer = shop.customer()
    shop.server.faults.lose_next_answer(times=4)
    with pytest.raises(OutcomeUnknown) as caught:
        charge(shop, customer)
    assert shop.server.money_taken() == 1900
    recovered = shop.run(shop.provider.recover(caught.value))
    assert recovered.replayed  # type: ignore[attr-defined]
    assert shop.server.money_taken() == 1900
    assert shop.server.count("payment_intent") == 1


def test_code_that_takes_a_new_key_pays_twice_and_the_stand_in_shows_it(shop: Shop) -> None:
    customer = shop.customer()
    shop.server.faults.lose_next_answer(times=4)
    with pytest.raises(OutcomeUnknown):
        charge(shop, customer, "first")
    charge(shop, customer, "second")
    assert shop.server.money_taken() == 3800
    assert shop.server.count("payment_intent") == 2


def test_a_lost_answer_to_a_deletion_is_looked_up(shop: Shop) -> None:
    customer = shop.customer()
    shop.server.faults.lose_next_answer(path="/v1/customers")
    shop.run(shop.provider.delete_customer(customer))
    assert shop.server.faults.waiting == 0
    subscription = shop.subscription()
    shop.server.faults.lose_next_answer(path="/v1/subscriptions")
    assert shop.run(shop.provider.cancel_subscription(subscription)).status == "canceled"


def test_a_refused_connection_has_no_effect(shop: Shop) -> None:
    shop.server.faults.refuse_next_connection(times=4)
    with pytest.raises(NetworkError) as caught:
        shop.run(shop.provider.create_customer("a@b.test"))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert shop.server.count("customer") == 0
    shop.server.faults.refuse_next_connection()
    shop.run(shop.provider.create_customer("a@b.test"))
    assert shop.server.count("customer") == 1


def test_a_rate_limit_is_waited_for(shop: Shop) -> None:
    shop.server.faults.answer_next(429, headers={"Retry-After": "7"})
    shop.run(shop.provider.create_customer("a@b.test"))
    assert shop.slept == [7.0]
    shop.server.faults.answer_next(429, headers={"Retry-After": "7"}, times=4)
    with pytest.raises(RateLimited) as caught:
        shop.run(shop.provider.get_customer("cus_1"))
    assert caught.value.retry_after == 7.0


def test_a_server_error_after_the_effect(shop: Shop) -> None:
    customer = shop.customer()
    shop.server.faults.answer_next(500, after_effect=True)
    charge(shop, customer)
    assert shop.server.money_taken() == 1900


def test_a_proxy_answers_with_a_page(shop: Shop) -> None:
    page = {"Content-Type": "text/html"}
    shop.server.faults.answer_next(502, "<html>Bad gateway</html>", page, times=4)
    with pytest.raises(ProviderUnavailable):
        shop.run(shop.provider.get_customer("cus_1"))
    shop.server.faults.answer_next(200, b"<html>Welcome</html>", page)
    with pytest.raises(OutcomeUnknown):
        shop.run(shop.provider.create_customer("a@b.test"))


def test_an_answer_of_the_tests_own(shop: Shop) -> None:
    shop.server.faults.answer_next(200, {"url": OK}, path="/v1/billing_portal")
    customer = shop.customer()
    assert shop.run(shop.provider.create_billing_portal_session(customer, OK)) == OK


def test_faults_that_did_not_happen_can_be_forgotten(shop: Shop) -> None:
    shop.server.faults.lose_next_answer()
    shop.server.faults.refuse_next_connection(times=2)
    assert shop.server.faults.waiting == 3
    shop.server.faults.clear()
    shop.run(shop.provider.create_customer("a@b.test"))
    assert len(shop.server.requests) == 1


def test_a_lost_answer_is_that_of_a_write(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    customer = shop.customer()
    shop.server.forget_requests()
    shop.server.faults.lose_next_answer()
    shop.run(shop.provider.create_checkout_session(customer, "price_pro", OK, OK))
    assert [(request.method, request.status) for request in shop.server.requests] == [
        ("GET", 200),
        ("POST", None),
        ("POST", 200),
    ]
    assert shop.server.count("checkout.session") == 1
