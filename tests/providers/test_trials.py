"""A trial lasts longer: at the providers that can, and in the way that the others name."""

from datetime import timedelta

import pytest

from paylattice import Money, SubscriptionStatus
from paylattice.driving import run
from paylattice.errors import Conflict, InvalidRequest, NotFound, UnsupportedOperation
from paylattice.providers.memory import InMemoryProvider

from ..testing.standins.paypal.support import PayPalShop
from ..testing.standins.square.support import Market
from ..testing.standins.stripe.support import NO, NOW, OK, Shop

USD = Money(1900, "USD")
FIRST, LATER = NOW + timedelta(days=10), NOW + timedelta(days=20)


def test_the_embedded_provider_charges_when_the_longer_trial_ends() -> None:
    provider = InMemoryProvider(now=NOW)
    provider.add_plan("pro", USD)
    provider.add_plan("basic", Money(900, "USD"))
    customer = run(provider.create_customer("ada@example.com")).id
    provider.add_payment_method(customer)
    begun = run(provider.create_subscription(customer, "pro", start_at=FIRST)).subscription
    run(provider.change_subscription(begun.id, plan_id="basic", when="period_end"))
    longer = run(provider.extend_trial(begun.id, LATER))
    assert (longer.trial_end, longer.paid_through, longer.scheduled_changes[0].effective_at) == (LATER, LATER, LATER)
    provider.deliveries()
    provider.advance(days=10)
    assert (run(provider.get_invoices(customer)), provider.deliveries()) == ([], [])
    provider.advance(days=10)
    assert [each.type for each in provider.deliveries()].count("subscription.trial_ending") == 1
    (invoice,) = run(provider.get_invoices(customer))
    assert (invoice.amount.amount, invoice.created_at) == (900, LATER)
    with pytest.raises(Conflict, match="no trial"):
        run(provider.extend_trial(begun.id, LATER + timedelta(days=20)))


def test_stripe_charges_when_the_longer_trial_ends() -> None:
    shop = Shop("blocking")
    shop.server.add_plan("price_pro", USD)
    shop.server.add_plan("price_basic", Money(900, "USD"))
    customer = shop.customer()
    begun = shop.run(shop.provider.create_subscription(customer, "price_pro", start_at=FIRST)).subscription
    for _ in range(2):
        longer = shop.run(shop.provider.extend_trial(begun.id, LATER, idempotency_key="more"))
        assert (longer.status, longer.trial_end) == (SubscriptionStatus.TRIALING, LATER)
    with pytest.raises(InvalidRequest, match="ends on"):
        shop.run(shop.provider.extend_trial(begun.id, FIRST))
    with pytest.raises(InvalidRequest):
        shop.run(shop.provider.extend_trial(begun.id, NOW + timedelta(days=2000)))
    shop.run(shop.provider.change_subscription(begun.id, plan_id="price_basic", when="period_end"))
    with pytest.raises(Conflict, match="cancel_scheduled_change"):
        shop.run(shop.provider.extend_trial(begun.id, LATER + timedelta(days=1)))
    shop.run(shop.provider.cancel_scheduled_change(begun.id))
    shop.server.advance(days=19, hours=23)
    assert shop.server.money_taken() == 0
    shop.server.advance(hours=3)
    assert shop.server.money_taken() == 1900
    with pytest.raises(Conflict, match="no trial"):
        shop.run(shop.provider.extend_trial(begun.id, LATER + timedelta(days=20)))
    with pytest.raises(NotFound):
        shop.run(shop.provider.extend_trial("sub_other", LATER))


def test_what_paypal_names_instead_works() -> None:
    shop = PayPalShop()
    shop.plan("P-TRIAL", trial_days=10)
    shop.plan("P-PRO", "19.00")
    old = shop.subscription("P-TRIAL")
    with pytest.raises(UnsupportedOperation, match=r"start_at.*cancel_subscription"):
        shop.run(shop.provider.extend_trial(old, LATER))
    page = shop.run(shop.provider.create_checkout_session("org_1", "P-PRO", OK, NO, start_at=LATER))
    shop.server.complete_checkout(page.id)
    shop.run(shop.provider.cancel_subscription(old))
    shop.server.advance(days=19)
    assert shop.server.money_taken() == 0
    shop.server.advance(days=2)
    assert shop.server.money_taken() == 19


def test_what_square_names_instead_works() -> None:
    market = Market()
    market.server.add_plan("TRIAL", USD, trial_days=10)
    market.server.add_plan("PRO", USD)
    customer = market.run(market.provider.create_customer("ada@example.com", "Ada Lovelace")).id
    card = market.run(market.provider.save_payment_method(customer, "cnon:new")).id
    begin = market.provider.create_subscription
    old = market.run(begin(customer, "TRIAL", payment_method_id=card)).subscription.id
    with pytest.raises(UnsupportedOperation, match=r"start_at.*at_period_end"):
        market.run(market.provider.extend_trial(old, LATER))
    market.run(begin(customer, "PRO", payment_method_id=card, start_at=LATER))
    market.run(market.provider.cancel_subscription(old, at_period_end=True))
    market.server.advance(days=19)
    assert market.server.money_taken() == 0
    market.server.advance(days=2)
    assert market.server.money_taken() == 1900
