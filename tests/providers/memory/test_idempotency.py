"""One key, one effect: below the ledger of the core, which only knows the calls of its own process."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import attrs
import pytest

from paylattice import SubscriptionChange, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason
from paylattice.idempotency import KeyLedger
from paylattice.operations import OPERATIONS
from paylattice.providers.memory import InMemoryProvider, api

from .support import PLACES, START, Shop, usd

Arrange = Callable[[Shop], Mapping[str, Any]]


def _changed_places(shop: Shop) -> Mapping[str, Any]:
    return {"customer_id": shop.customer().id, "plan_id": "pro", **PLACES}


def _saved(shop: Shop) -> Mapping[str, Any]:
    customer = shop.customer()
    return {"amount": usd(500), "customer_id": customer.id, "payment_method_id": shop.card(customer)}


def _ending(shop: Shop) -> Mapping[str, Any]:
    made = shop.subscribe()
    run(shop.provider.cancel_subscription(made.id, at_period_end=True))
    return {"subscription_id": made.id}


def _another_card(shop: Shop) -> Mapping[str, Any]:
    made = shop.subscribe()
    card = run(shop.provider.save_payment_method(made.customer_id or "", "tok_another"))
    return {"subscription_id": made.id, "payment_method_id": card.id}


def _second_card(shop: Shop) -> Mapping[str, Any]:
    customer = shop.customer()
    shop.card(customer)
    card = run(shop.provider.save_payment_method(customer.id, "tok_another"))
    return {"customer_id": customer.id, "payment_method_id": card.id}


def _a_card_to_subscribe_with(shop: Shop) -> Mapping[str, Any]:
    customer = shop.customer()
    return {"customer_id": customer.id, "plan_id": "pro", "payment_method_id": shop.card(customer)}


def _owing(shop: Shop) -> Mapping[str, Any]:
    made = shop.subscribe()
    shop.provider.decline_next_payment()
    shop.provider.renew(made.id)
    return {"subscription_id": made.id}


def _in_trial(shop: Shop) -> Mapping[str, Any]:
    customer = shop.customer()
    shop.card(customer)
    begun = run(shop.provider.create_subscription(customer.id, "pro", start_at=START + timedelta(days=10)))
    return {"subscription_id": begun.subscription.id, "until": START + timedelta(days=20)}


def _scheduled(shop: Shop) -> Mapping[str, Any]:
    made = shop.subscribe()
    run(shop.provider.change_subscription(made.id, plan_id="team", when="period_end"))
    return {"subscription_id": made.id}


def _paused(shop: Shop) -> Mapping[str, Any]:
    made = shop.subscribe()
    shop.pause(made)
    return {"subscription_id": made.id}


def _owing_an_invoice(shop: Shop) -> Mapping[str, Any]:
    _owing(shop)
    (invoice_id,) = (each.id for each in shop.provider._world.store.invoices.values() if each.status == "open")
    return {"invoice_id": invoice_id}


WRITES: Mapping[str, tuple[Arrange, Mapping[str, Any]]] = {
    "create_customer": (lambda _: {"email": "ada@example.com", "metadata": {"a": "b"}}, {"metadata": {"a": "c"}}),
    "update_customer": (lambda shop: {"customer_id": shop.customer().id, "name": "Ada"}, {"name": "Eve"}),
    "delete_customer": (lambda shop: {"customer_id": shop.customer().id}, {"customer_id": "cus_other"}),
    "create_checkout_session": (_changed_places, {"quantity": 2}),
    "create_payment_session": (lambda _: {"amount": usd(500), **PLACES}, {"capture": False}),
    "expire_checkout_session": (lambda shop: {"session_id": shop.checkout().id}, {"session_id": "cs_other"}),
    "cancel_subscription": (lambda shop: {"subscription_id": shop.subscribe().id}, {"at_period_end": True}),
    "bill_outstanding": (_owing, {"subscription_id": "sub_other"}),
    "pay_invoice": (_owing_an_invoice, {"payment_method_id": "pm_other"}),
    "void_invoice": (_owing_an_invoice, {"invoice_id": "in_other"}),
    "create_subscription": (_a_card_to_subscribe_with, {"quantity": 2}),
    "uncancel_subscription": (_ending, {"subscription_id": "sub_other"}),
    "change_subscription": (
        lambda shop: {"subscription_id": shop.subscribe().id, "plan_id": "team"},
        {"prorate": False},
    ),
    "extend_trial": (_in_trial, {"until": START + timedelta(days=30)}),
    "cancel_scheduled_change": (_scheduled, {"subscription_id": "sub_other"}),
    "pause_subscription": (lambda shop: {"subscription_id": shop.subscribe().id}, {"subscription_id": "sub_other"}),
    "resume_subscription": (_paused, {"subscription_id": "sub_other"}),
    "create_usage_record": (
        lambda shop: {"subscription_item_id": shop.subscribe("calls").items[0].id, "quantity": 5},
        {"timestamp": START},
    ),
    "capture_payment": (lambda shop: {"payment_id": shop.pay(capture=False).id}, {"amount": usd(1)}),
    "cancel_payment": (lambda shop: {"payment_id": shop.pay(capture=False).id}, {"payment_id": "pay_other"}),
    "create_payment": (_saved, {"description": "Setup"}),
    "refund_payment": (lambda shop: {"payment_id": shop.pay().id, "amount": usd(100)}, {"reason": "goodwill"}),
    "set_payment_method": (_another_card, {"payment_method_id": "pm_other"}),
    "create_setup_session": (
        lambda shop: {"customer_id": shop.customer().id, **PLACES},
        {"success_url": "https://shop.example/other"},
    ),
    "save_payment_method": (
        lambda shop: {"customer_id": shop.customer().id, "token": "tok_new"},
        {"token": "tok_other"},
    ),
    "set_default_payment_method": (_second_card, {"payment_method_id": "pm_other"}),
    "remove_payment_method": (
        lambda shop: {"payment_method_id": shop.card(shop.customer())},
        {"payment_method_id": "pm_other"},
    ),
}


def call(shop: Shop, name: str, arguments: Mapping[str, Any], key: str | None = "key-1") -> Any:
    """The operation, as from another process: the core has no memory of what the key was used for."""
    shop.provider.key_ledger = KeyLedger()
    return run(getattr(shop.provider, name)(**arguments, idempotency_key=key))


def test_every_write_of_the_protocol_is_among_these() -> None:
    has = InMemoryProvider.capabilities
    assert set(WRITES) == {name for name, row in OPERATIONS.items() if row.writes and row.capability in {None, *has}}


@pytest.mark.parametrize("name", WRITES)
def test_the_same_key_has_one_effect_and_the_same_answer(name: str) -> None:
    shop = Shop()
    arguments = WRITES[name][0](shop)
    first = call(shop, name, arguments)
    told = shop.events()
    again = call(shop, name, arguments)
    assert again == first
    assert shop.events() == told


@pytest.mark.parametrize("name", WRITES)
def test_an_answer_that_is_repeated_says_so(name: str) -> None:
    shop = Shop()
    arguments = WRITES[name][0](shop)
    answers = call(shop, name, arguments), call(shop, name, arguments)
    models = [each.subscription if isinstance(each, SubscriptionChange) else each for each in answers]
    if hasattr(models[0], "replayed"):
        assert [model.replayed for model in models] == [False, True]
    else:
        assert models[0] in {None, True}


@pytest.mark.parametrize("name", WRITES)
def test_the_same_key_with_other_parameters_is_refused_and_has_no_effect(name: str) -> None:
    shop = Shop()
    arrange, other = WRITES[name]
    arguments = arrange(shop)
    call(shop, name, arguments)
    told = shop.events()
    with pytest.raises(errors.IdempotencyMismatch) as caught:
        call(shop, name, {**arguments, **other})
    assert (caught.value.operation, caught.value.idempotency_key) == (name, "key-1")
    assert shop.events() == told


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("create_checkout_session", {"success_url": "https://shop.example/other"}),
        ("create_checkout_session", {"cancel_url": "https://shop.example/other"}),
        ("create_checkout_session", {"customer_email": "eve@example.com"}),
        ("create_checkout_session", {"metadata": {"a": "b"}}),
        ("create_checkout_session", {"trial_days": 3}),
        ("create_payment_session", {"success_url": "https://shop.example/other"}),
        ("create_payment_session", {"cancel_url": "https://shop.example/other"}),
        ("create_payment_session", {"description": "Setup"}),
        ("cancel_subscription", {"reason": "too dear"}),
        ("create_customer", {"name": "Ada"}),
    ],
)
def test_every_parameter_counts(name: str, other: Mapping[str, Any]) -> None:
    shop = Shop()
    arguments = WRITES[name][0](shop)
    call(shop, name, arguments)
    with pytest.raises(errors.IdempotencyMismatch):
        call(shop, name, {**arguments, **other})


def test_the_same_key_for_another_operation_is_refused() -> None:
    shop = Shop()
    made = shop.subscribe()
    call(shop, "pause_subscription", {"subscription_id": made.id})
    with pytest.raises(errors.IdempotencyMismatch):
        call(shop, "resume_subscription", {"subscription_id": made.id})


def test_without_a_key_every_call_is_a_new_one() -> None:
    shop = Shop()
    first, second = shop.customer(), shop.customer()
    assert first.id != second.id
    assert not second.replayed


def test_a_stored_answer_is_what_was_answered_then() -> None:
    shop = Shop()
    made = shop.subscribe()
    paused = call(shop, "pause_subscription", {"subscription_id": made.id})
    shop.resume(made)
    again = call(shop, "pause_subscription", {"subscription_id": made.id})
    assert (again.status, again) == ("paused", paused)
    assert shop.now(made).status == "active"


def test_a_stored_decline_is_repeated_for_its_key_and_a_new_key_tries_again() -> None:
    shop = Shop()
    arguments = _saved(shop)
    shop.provider.decline_next_payment(reason=DeclineReason.EXPIRED_CARD)
    with pytest.raises(errors.Declined) as first:
        call(shop, "create_payment", arguments)
    with pytest.raises(errors.Declined) as again:
        call(shop, "create_payment", arguments)
    assert (again.value.reason, again.value.payment_id, again.value.idempotency_key) == (
        DeclineReason.EXPIRED_CARD,
        first.value.payment_id,
        "key-1",
    )
    assert again.value is not first.value
    assert call(shop, "create_payment", arguments, "key-2").status == "succeeded"


def test_a_stored_demand_to_authenticate_is_repeated_with_its_url() -> None:
    shop = Shop()
    arguments = _saved(shop)
    shop.provider.decline_next_payment(reason=DeclineReason.AUTHENTICATION_REQUIRED)
    caught = []
    for _ in range(2):
        with pytest.raises(errors.ActionRequired) as each:
            call(shop, "create_payment", arguments)
        caught.append((each.value.url, each.value.payment_id))
    assert caught[0] == caught[1]


def test_a_stored_refusal_is_repeated_although_the_call_would_be_good_now() -> None:
    shop = Shop()
    arguments = {"customer_id": shop.customer().id, "plan_id": "gold", **PLACES}
    with pytest.raises(errors.InvalidRequest):
        call(shop, "create_checkout_session", arguments)
    shop.provider.add_plan("gold", usd(1))
    with pytest.raises(errors.InvalidRequest):
        call(shop, "create_checkout_session", arguments)
    assert call(shop, "create_checkout_session", arguments, "key-2").status == "open"


def test_the_last_10_000_keys_are_remembered() -> None:
    way = api.Calls()
    made = iter(range(100_000))
    for number in range(10_001):
        way.write(f"key-{number}", None, lambda: next(made))
    assert way.write("key-1", None, lambda: next(made)) == 1
    assert way.write("key-0", None, lambda: next(made)) == 10_001


def test_a_call_without_a_key_is_not_mistaken_for_another_one_without() -> None:
    way = api.Calls()
    made = iter(range(10))
    assert [way.write(None, None, lambda: next(made)) for _ in range(3)] == [0, 1, 2]


def test_two_providers_do_not_share_their_keys() -> None:
    first, second = InMemoryProvider(), InMemoryProvider()
    made = [run(each.create_customer("ada@example.com", idempotency_key="key-1")) for each in (first, second)]
    assert made[0].id != made[1].id
    assert not made[1].replayed


def test_an_answer_that_is_repeated_is_equal_but_for_saying_so() -> None:
    shop = Shop()
    first = call(shop, "create_customer", {"email": "ada@example.com"})
    again = call(shop, "create_customer", {"email": "ada@example.com"})
    assert attrs.evolve(again, replayed=False) == first
    assert run(shop.provider.get_customer(first.id)).replayed is False
