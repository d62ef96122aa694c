"""The network as it is: answers that get lost, errors, and finding out what became of a call."""

from typing import Any

import pytest

from paylattice import CheckoutSession, Customer, Payment, Subscription, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason

from .support import PLACES, Shop, usd

BEFORE, AFTER = False, True


def lost(shop: Shop, coroutine: Any, *, after_effect: bool) -> errors.OutcomeUnknown:
    """The error of a call whose answer gets lost."""
    shop.provider.time_out_next_call(after_effect=after_effect)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        run(coroutine)
    assert isinstance(caught.value, errors.NetworkError)
    return caught.value


@pytest.mark.parametrize("after_effect", [BEFORE, AFTER])
def test_a_read_whose_answer_is_lost_is_a_network_error_with_nothing_unknown(after_effect: bool) -> None:
    shop = Shop()
    made = shop.customer()
    shop.provider.time_out_next_call(after_effect=after_effect)
    with pytest.raises(errors.NetworkError) as caught:
        run(shop.provider.get_customer(made.id))
    assert (caught.value.outcome_unknown, caught.value.retryable) == (False, True)
    assert run(shop.provider.get_customer(made.id)) == made


def test_a_call_that_is_lost_before_it_arrives_has_no_effect() -> None:
    shop = Shop()
    lost(shop, shop.provider.create_customer("ada@example.com"), after_effect=BEFORE)
    assert shop.events() == []


def test_an_answer_that_is_lost_on_its_way_back_leaves_the_effect() -> None:
    shop = Shop()
    lost(shop, shop.provider.create_customer("ada@example.com"), after_effect=AFTER)
    assert [str(event.type) for event in shop.events()] == ["customer.created"]


def test_the_error_of_a_lost_write_carries_the_operation_and_its_key() -> None:
    shop = Shop()
    error = lost(shop, shop.provider.create_customer("a@b.co", idempotency_key="key-1"), after_effect=AFTER)
    assert (error.provider, error.operation, error.idempotency_key, error.outcome_unknown) == (
        "memory",
        "create_customer",
        "key-1",
        True,
    )


@pytest.mark.parametrize("after_effect", [BEFORE, AFTER])
def test_recovering_a_customer_returns_the_one_that_exists(after_effect: bool) -> None:
    shop = Shop()
    error = lost(shop, shop.provider.create_customer("ada@example.com"), after_effect=after_effect)
    found = run(shop.provider.recover(error))
    assert isinstance(found, Customer)
    assert found.replayed is after_effect
    assert [event.customer for event in shop.events()] == [found]


@pytest.mark.parametrize("after_effect", [BEFORE, AFTER])
def test_recovering_a_payment_charges_once(after_effect: bool) -> None:
    shop = Shop()
    customer = shop.customer()
    card = shop.card(customer)
    charge = shop.provider.create_payment(usd(500), customer_id=customer.id, payment_method_id=card)
    found = run(shop.provider.recover(lost(shop, charge, after_effect=after_effect)))
    assert isinstance(found, Payment)
    assert [event.payment for event in shop.events() if event.payment] == [found]


@pytest.mark.parametrize("after_effect", [BEFORE, AFTER])
def test_recovering_a_checkout_returns_the_page_that_can_be_completed(after_effect: bool) -> None:
    shop = Shop()
    opening = shop.provider.create_checkout_session(shop.customer().id, "pro", **PLACES)
    found = run(shop.provider.recover(lost(shop, opening, after_effect=after_effect)))
    assert isinstance(found, CheckoutSession)
    assert shop.session(found.id) == found
    assert shop.subscribed(found.id).status == "active"


@pytest.mark.parametrize("after_effect", [BEFORE, AFTER])
def test_recovering_a_cancellation_cancels_once(after_effect: bool) -> None:
    shop = Shop()
    made = shop.subscribe()
    error = lost(shop, shop.provider.cancel_subscription(made.id), after_effect=after_effect)
    assert shop.now(made).status == ("canceled" if after_effect else "active")
    found = run(shop.provider.recover(error))
    assert isinstance(found, Subscription)
    assert found == shop.now(made)
    assert shop.now(made).status == "canceled"
    assert len([event for event in shop.events() if event.type == "subscription.canceled"]) == 1


def test_a_decline_whose_answer_is_lost_is_not_known_until_it_is_recovered() -> None:
    shop = Shop()
    customer = shop.customer()
    card = shop.card(customer)
    shop.provider.decline_next_payment(reason=DeclineReason.EXPIRED_CARD)
    charge = shop.provider.create_payment(usd(500), customer_id=customer.id, payment_method_id=card)
    error = lost(shop, charge, after_effect=AFTER)
    with pytest.raises(errors.Declined) as caught:
        run(shop.provider.recover(error))
    assert shop.payment(caught.value.payment_id).status == "failed"


def test_recovering_can_itself_be_lost_and_be_repeated() -> None:
    shop = Shop()
    error = lost(shop, shop.provider.create_customer("ada@example.com"), after_effect=AFTER)
    again = lost(shop, shop.provider.recover(error), after_effect=AFTER)
    assert isinstance(run(shop.provider.recover(again)), Customer)
    assert len(shop.events()) == 1


@pytest.mark.parametrize(
    "error",
    [
        errors.RateLimited("slow down", retry_after=3),
        errors.ProviderUnavailable("down"),
        errors.AuthenticationError("who are you"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_next_call_ends_in_the_error_that_is_asked_for_without_effect(error: errors.PaymentError) -> None:
    shop = Shop()
    shop.provider.fail_next_call(error)
    with pytest.raises(type(error)) as caught:
        run(shop.provider.create_customer("ada@example.com"))
    assert caught.value is error
    assert (caught.value.provider, caught.value.operation) == ("memory", "create_customer")
    assert shop.events() == []


def test_a_read_ends_in_the_error_that_is_asked_for() -> None:
    shop = Shop()
    shop.provider.fail_next_call(errors.ProviderUnavailable("down"))
    with pytest.raises(errors.ProviderUnavailable):
        run(shop.provider.list_plans())


def test_an_error_that_is_asked_for_is_not_stored_for_the_key() -> None:
    shop = Shop()
    shop.provider.fail_next_call(errors.ProviderUnavailable("down"))
    with pytest.raises(errors.ProviderUnavailable):
        run(shop.provider.create_customer("ada@example.com", idempotency_key="key-1"))
    assert run(shop.provider.create_customer("ada@example.com", idempotency_key="key-1")).replayed is False


def test_a_fault_is_for_one_call_and_the_last_one_asked_for_counts() -> None:
    shop = Shop()
    shop.provider.time_out_next_call()
    shop.provider.fail_next_call(errors.ProviderUnavailable("down"))
    with pytest.raises(errors.ProviderUnavailable):
        run(shop.provider.list_plans())
    assert run(shop.provider.list_plans())


def test_a_call_that_is_refused_here_does_not_use_up_the_fault() -> None:
    shop = Shop()
    shop.provider.time_out_next_call()
    with pytest.raises(errors.InvalidRequest):
        run(shop.provider.create_customer("no address"))
    with pytest.raises(errors.NetworkError):
        run(shop.provider.list_plans())


def test_unless_it_is_said_otherwise_the_answer_is_lost_after_the_effect() -> None:
    shop = Shop()
    shop.provider.time_out_next_call()
    with pytest.raises(errors.OutcomeUnknown):
        shop.customer()
    assert len(shop.events()) == 1
