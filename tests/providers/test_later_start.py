"""A subscription that is charged for the first time later: at every provider, or in the way that it names instead."""

from datetime import timedelta

import pytest

from paylattice import Capability, Money, SubscriptionStatus
from paylattice.driving import run
from paylattice.errors import InvalidRequest, UnsupportedOperation
from paylattice.providers.memory import InMemoryProvider

from ..testing.standins.paypal.support import PayPalShop
from ..testing.standins.square.support import Market
from ..testing.standins.stripe.support import NO, NOW, OK, Shop

USD = Money(1900, "USD")
START = NOW + timedelta(days=20)


def memory() -> tuple[InMemoryProvider, str]:
    provider = InMemoryProvider(now=NOW)
    provider.add_plan("pro", USD, trial_days=3)
    return provider, run(provider.create_customer("ada@example.com")).id


@pytest.mark.parametrize("with_page", [True, False])
def test_the_embedded_provider_charges_then_and_not_before(with_page: bool) -> None:
    provider, customer = memory()
    if with_page:
        page = run(provider.create_checkout_session(customer, "pro", OK, NO, start_at=START))
        subscription_id = str(provider.complete_checkout(page.id).subscription_id)
    else:
        provider.add_payment_method(customer)
        subscription_id = run(provider.create_subscription(customer, "pro", start_at=START)).subscription.id
    found = run(provider.get_subscription(subscription_id))
    assert found is not None
    assert (found.status, found.trial_end) == (SubscriptionStatus.TRIALING, START)
    provider.advance(days=19, hours=23)
    assert run(provider.get_invoices(customer)) == []
    provider.advance(hours=1)
    (invoice,) = run(provider.get_invoices(customer))
    assert (invoice.amount, invoice.created_at) == (USD, START)


def test_a_page_that_is_finished_after_the_start_begins_at_once() -> None:
    provider, customer = memory()
    page = run(provider.create_checkout_session(customer, "pro", OK, NO, start_at=NOW + timedelta(hours=1)))
    provider.advance(hours=2)
    found = run(provider.get_subscription(str(provider.complete_checkout(page.id).subscription_id)))
    assert found is not None
    assert found.status is SubscriptionStatus.ACTIVE


def test_the_embedded_provider_refuses_a_start_in_the_past_and_a_second_word_for_it() -> None:
    provider, customer = memory()
    provider.add_payment_method(customer)
    for more in ({"start_at": NOW}, {"start_at": START, "trial_days": 0}):
        with pytest.raises(InvalidRequest) as caught:
            run(provider.create_checkout_session(customer, "pro", OK, NO, **more))  # type: ignore[arg-type]  # either
        assert caught.value.param == "start_at"
    with pytest.raises(InvalidRequest, match="give one of them"):
        run(provider.create_subscription(customer, "pro", start_at=START, trial_end=START))


@pytest.mark.parametrize("with_page", [True, False])
def test_stripe_charges_then_and_not_before(with_page: bool) -> None:
    shop = Shop("blocking")
    shop.server.add_plan("price_pro", USD, trial_days=3)
    customer = shop.customer()
    if with_page:
        page = shop.run(shop.provider.create_checkout_session(customer, "price_pro", OK, NO, start_at=START))
        subscription_id = str(shop.server.complete_checkout(page.id)["subscription"])
    else:
        begun = shop.run(shop.provider.create_subscription(customer, "price_pro", start_at=START, idempotency_key="k"))
        again = shop.run(shop.provider.create_subscription(customer, "price_pro", start_at=START, idempotency_key="k"))
        assert (begun.is_pending, again.subscription.id) == (False, begun.subscription.id)
        subscription_id = begun.subscription.id
    found = shop.run(shop.provider.get_subscription(subscription_id))
    assert found is not None
    assert (found.status, found.trial_end) == (SubscriptionStatus.TRIALING, START)
    shop.server.advance(days=19, hours=23)
    assert shop.server.money_taken() == 0
    shop.server.advance(hours=2)
    assert shop.server.money_taken() == 1900
    found = shop.run(shop.provider.get_subscription(subscription_id))
    assert found is not None
    assert (found.status, found.current_period_start) == (SubscriptionStatus.ACTIVE, START)


def test_stripes_page_takes_no_start_within_two_days_and_what_it_names_instead_does() -> None:
    shop = Shop("blocking")
    shop.server.add_plan("price_pro", USD)
    customer, soon = shop.customer(card=False), NOW + timedelta(hours=30)
    with pytest.raises(InvalidRequest, match=r"create_setup_session.*create_subscription") as caught:
        shop.run(shop.provider.create_checkout_session(customer, "price_pro", OK, NO, start_at=soon))
    assert caught.value.param == "start_at"
    page = shop.run(shop.provider.create_setup_session(customer, OK, NO))
    shop.server.complete_checkout(page.id)
    card = shop.run(shop.provider.save_payment_method(customer, page.id))
    call = shop.provider.create_subscription(customer, "price_pro", payment_method_id=card.id, start_at=soon)
    assert shop.run(call).subscription.trial_end == soon
    shop.server.advance(hours=32)
    assert shop.server.money_taken() == 1900


def test_stripe_takes_one_word_for_the_first_payment_only() -> None:
    shop = Shop("blocking")
    shop.server.add_plan("price_pro", USD)
    customer = shop.customer()
    with pytest.raises(InvalidRequest, match="give one of them"):
        shop.run(shop.provider.create_checkout_session(customer, "price_pro", OK, NO, start_at=START, trial_days=3))
    with pytest.raises(InvalidRequest, match="give one of them"):
        shop.run(shop.provider.create_subscription(customer, "price_pro", start_at=START, trial_end=START))
    with pytest.raises(InvalidRequest):
        shop.run(shop.provider.create_subscription(customer, "price_pro", start_at=NOW))
    assert shop.server.count("subscription") == 0


def test_paypals_page_charges_then_and_not_before() -> None:
    shop = PayPalShop()
    shop.plan()
    page = shop.run(shop.provider.create_checkout_session("org_1", "P-PRO", OK, NO, start_at=START))
    shop.server.complete_checkout(page.id)
    found = shop.run(shop.provider.get_subscription(page.id))
    assert found is not None
    assert (found.status, found.trial_end) == (SubscriptionStatus.TRIALING, START)
    shop.server.advance(days=19, hours=23)
    assert shop.server.money_taken() == 0
    shop.server.advance(hours=2)
    assert shop.server.money_taken() == 19
    found = shop.run(shop.provider.get_subscription(page.id))
    assert found is not None
    assert (found.status, found.current_period_start) == (SubscriptionStatus.ACTIVE, START)


def test_paypal_refuses_a_start_where_the_plan_would_charge_later_and_one_without_a_page() -> None:
    shop = PayPalShop()
    shop.plan("P-TRIAL", trial_days=14)
    with pytest.raises(InvalidRequest, match="start_at= cannot take away"):
        shop.run(shop.provider.create_checkout_session("org_1", "P-TRIAL", OK, NO, start_at=START))
    with pytest.raises(InvalidRequest, match="give one of them"):
        shop.run(shop.provider.create_checkout_session("org_1", "P-TRIAL", OK, NO, start_at=START, trial_days=3))
    with pytest.raises(UnsupportedOperation, match="create_checkout_session"):
        shop.run(shop.provider.create_subscription("org_1", "P-TRIAL", start_at=START))
    reason = shop.provider.unsupported[Capability.CREATE_SUBSCRIPTION]
    assert "create_checkout_session" in str(reason.alternative)


def test_squares_page_takes_no_start_and_what_it_names_instead_does() -> None:
    market = Market()
    market.server.add_plan("PRO", USD)
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace")).id
    with pytest.raises(InvalidRequest, match=r"save_payment_method.*create_subscription") as caught:
        market.run(market.provider.create_checkout_session(customer, "PRO", OK, NO, start_at=START))
    assert caught.value.param == "start_at"
    card = market.run(market.provider.save_payment_method(customer, "cnon:new")).id
    call = market.provider.create_subscription(customer, "PRO", payment_method_id=card, start_at=START)
    begun = market.run(call).subscription
    assert begun.status is SubscriptionStatus.INCOMPLETE
    market.server.advance(days=19)
    assert market.server.money_taken() == 0
    market.server.advance(days=2)
    assert market.server.money_taken() == 1900
