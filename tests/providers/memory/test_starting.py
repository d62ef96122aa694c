"""A subscription begins without a page: paid, free for a while, waiting for the payer, or not at all."""

from datetime import timedelta

import pytest

from paylattice import InvoiceStatus, SubscriptionStatus, errors
from paylattice.driving import run
from paylattice.errors import DeclineReason

from .support import START, Shop


def test_the_first_period_is_paid_and_the_next_ones_follow() -> None:
    shop = Shop()
    customer = shop.customer()
    card = shop.card(customer)
    begun = run(shop.provider.create_subscription(customer.id, "pro", payment_method_id=card, metadata={"a": "b"}))
    assert (begun.is_pending, begun.subscription.status) == (False, SubscriptionStatus.ACTIVE)
    assert dict(begun.subscription.metadata) == {"a": "b"}
    shop.provider.advance(months=1)
    invoices = run(shop.provider.get_invoices(customer.id, subscription_id=begun.subscription.id))
    assert [each.status for each in invoices] == [InvoiceStatus.PAID] * 2


def test_a_trial_ends_when_it_was_said_to() -> None:
    shop = Shop()
    customer = shop.customer()
    shop.card(customer)
    end = START + timedelta(days=10)
    begun = run(shop.provider.create_subscription(customer.id, "pro", trial_end=end))
    assert (begun.subscription.status, begun.subscription.trial_end) == (SubscriptionStatus.TRIALING, end)
    with pytest.raises(errors.InvalidRequest, match="over already"):
        run(shop.provider.create_subscription(customer.id, "pro", trial_end=START))


def test_a_payment_that_waits_for_the_payer_begins_it_once_they_authenticate() -> None:
    shop = Shop()
    customer = shop.customer()
    card = shop.card(customer)
    shop.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
    begun = run(shop.provider.create_subscription(customer.id, "pro", payment_method_id=card))
    assert (begun.is_pending, begun.subscription.status) == (True, SubscriptionStatus.INCOMPLETE)
    payment_id = (begun.approval_url or "").rpartition("/")[2]
    shop.provider.authenticate_payment(payment_id)
    found = run(shop.provider.get_subscription(begun.subscription.id))
    assert found is not None
    assert (found.status, found.paid_through) == (SubscriptionStatus.ACTIVE, found.current_period_end)


def test_one_that_nobody_authenticates_expires_and_a_declined_one_never_is() -> None:
    shop = Shop()
    customer = shop.customer()
    card = shop.card(customer)
    shop.provider.decline_next_payment(DeclineReason.AUTHENTICATION_REQUIRED)
    begun = run(shop.provider.create_subscription(customer.id, "pro", payment_method_id=card))
    shop.provider.advance(days=2)
    found = run(shop.provider.get_subscription(begun.subscription.id))
    assert found is not None
    assert found.status.is_terminal
    before = run(shop.provider.list_subscriptions(customer.id))
    shop.provider.decline_next_payment()
    with pytest.raises(errors.Declined):
        run(shop.provider.create_subscription(customer.id, "pro", payment_method_id=card))
    assert run(shop.provider.list_subscriptions(customer.id)) == before
