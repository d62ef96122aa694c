"""Customers and their payment methods."""

import pytest

from paylattice import EventType, errors
from paylattice.driving import run

from .support import PLACES, Shop, usd


def test_a_customer_is_created_with_what_was_given() -> None:
    shop = Shop()
    made = run(shop.provider.create_customer("ada@example.com", "Ada", {"org": "1"}))
    assert (made.email, made.name, dict(made.metadata), made.created_at) == (
        "ada@example.com",
        "Ada",
        {"org": "1"},
        shop.provider.now,
    )
    assert run(shop.provider.get_customer(made.id)) == made


def test_an_unknown_customer_is_none() -> None:
    assert run(Shop().provider.get_customer("cus_nobody")) is None


def test_an_update_changes_what_is_given_and_merges_metadata() -> None:
    shop = Shop()
    made = run(shop.provider.create_customer("ada@example.com", "Ada", {"org": "1", "tier": "a"}))
    changed = run(shop.provider.update_customer(made.id, email="eve@example.com", metadata={"tier": "b"}))
    assert (changed.email, changed.name, dict(changed.metadata)) == (
        "eve@example.com",
        "Ada",
        {"org": "1", "tier": "b"},
    )
    assert run(shop.provider.get_customer(made.id)) == changed


def test_updating_an_unknown_customer_is_not_found() -> None:
    with pytest.raises(errors.NotFound) as caught:
        run(Shop().provider.update_customer("cus_nobody", name="Nobody"))
    assert (caught.value.provider, caught.value.operation) == ("memory", "update_customer")


def test_customers_are_told_about_in_typed_events() -> None:
    shop = Shop()
    made = shop.customer()
    changed = run(shop.provider.update_customer(made.id, name="Ada"))
    run(shop.provider.delete_customer(made.id))
    told = shop.told(EventType.CUSTOMER_CREATED, EventType.CUSTOMER_UPDATED, EventType.CUSTOMER_DELETED)
    assert [event.customer for event in told] == [made, changed, changed]


def test_deleting_a_customer_twice_is_no_error_and_told_once() -> None:
    shop = Shop()
    made = shop.customer()
    run(shop.provider.delete_customer(made.id))
    run(shop.provider.delete_customer(made.id))
    assert run(shop.provider.get_customer(made.id)) is None
    assert len(shop.told(EventType.CUSTOMER_DELETED)) == 1


def test_deleting_a_customer_ends_the_subscriptions_at_once() -> None:
    shop = Shop()
    customer = shop.customer()
    first, second = shop.subscribe(customer=customer), shop.subscribe("trial", customer)
    run(shop.provider.delete_customer(customer.id))
    assert [shop.now(each).status for each in (first, second)] == ["canceled", "canceled"]


def test_deleting_a_customer_forgets_the_payment_methods() -> None:
    shop = Shop()
    customer = shop.customer()
    shop.card(customer)
    run(shop.provider.delete_customer(customer.id))
    assert run(shop.provider.get_payment_methods(customer.id)) == []
    assert len(shop.told(EventType.PAYMENT_METHOD_DETACHED)) == 1


@pytest.mark.parametrize("kind", ["subscription", "payment"])
def test_a_page_of_a_customer_who_was_deleted_cannot_be_completed(kind: str) -> None:
    shop = Shop()
    customer = shop.customer()
    session = shop.checkout(customer=customer) if kind == "subscription" else shop.payment_page(customer_id=customer.id)
    run(shop.provider.delete_customer(customer.id))
    with pytest.raises(errors.NotFound):
        shop.provider.complete_checkout(session.id)
    assert shop.told(EventType.PAYMENT_SUCCEEDED) == []


def test_a_page_of_a_customer_who_was_deleted_still_expires() -> None:
    shop = Shop()
    customer = shop.customer()
    session = shop.checkout(customer=customer)
    run(shop.provider.delete_customer(customer.id))
    shop.provider.advance(days=1)
    assert shop.session(session.id).status == "expired"


def test_checkout_for_an_unknown_customer_is_not_found() -> None:
    shop = Shop()
    with pytest.raises(errors.NotFound):
        run(shop.provider.create_checkout_session("cus_nobody", "pro", **PLACES))
    with pytest.raises(errors.NotFound):
        run(shop.provider.create_payment_session(usd(100), **PLACES, customer_id="cus_nobody"))


def test_a_checkout_saves_one_card_however_often_the_customer_subscribes() -> None:
    shop = Shop()
    customer = shop.customer()
    shop.subscribe(customer=customer)
    shop.subscribe("team", customer)
    [card] = run(shop.provider.get_payment_methods(customer.id))
    assert (card.type, card.last4, card.customer_id, card.exp_year) == ("card", "4242", customer.id, 2029)
    assert len(shop.told(EventType.PAYMENT_METHOD_ATTACHED)) == 1


def test_a_declined_checkout_saves_no_card() -> None:
    shop = Shop()
    customer = shop.customer()
    shop.provider.complete_checkout(shop.checkout(customer=customer).id, declined=errors.DeclineReason.ISSUER_DECLINED)
    assert run(shop.provider.get_payment_methods(customer.id)) == []


def test_removing_a_payment_method_twice_is_no_error_and_told_once() -> None:
    shop = Shop()
    customer = shop.customer()
    card = shop.card(customer)
    run(shop.provider.remove_payment_method(card))
    run(shop.provider.remove_payment_method(card))
    assert run(shop.provider.get_payment_methods(customer.id)) == []
    [told] = shop.told(EventType.PAYMENT_METHOD_DETACHED)
    assert told.customer_id == customer.id


def test_payment_methods_and_subscriptions_of_an_unknown_customer_are_none() -> None:
    shop = Shop()
    assert run(shop.provider.get_payment_methods("cus_nobody")) == []
    assert run(shop.provider.list_subscriptions("cus_nobody")) == []
    assert run(shop.provider.get_invoices("cus_nobody")) == []
