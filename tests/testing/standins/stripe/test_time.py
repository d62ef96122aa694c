"""What happens when time passes."""

from datetime import UTC, datetime, timedelta

import pytest

from paylattice import Money, Subscription
from paylattice.testing.standins import StripeStandIn
from paylattice.testing.standins.stripe.periods import add_months, period_after, share

from .support import NO, NOW, OK, Shop

MONTH = {"interval": "month", "interval_count": 1}


@pytest.fixture
def shop() -> Shop:
    return Shop("blocking")


def read(shop: Shop, subscription: str) -> Subscription:
    found = shop.run(shop.provider.get_subscription(subscription))
    assert found is not None
    return found


def seconds(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def test_the_31st_stays_the_31st_after_a_short_month() -> None:
    anchor = seconds(2026, 1, 31)
    assert add_months(anchor, 1) == seconds(2026, 2, 28)
    assert period_after(anchor, MONTH, anchor) == (anchor, seconds(2026, 2, 28))
    assert period_after(anchor, MONTH, seconds(2026, 2, 28)) == (seconds(2026, 2, 28), seconds(2026, 3, 31))
    week = {"interval": "week", "interval_count": 2}
    assert period_after(anchor, week, anchor) == (anchor, anchor + 14 * 86_400)
    year = {"interval": "year", "interval_count": 1}
    assert period_after(seconds(2028, 2, 29), year, seconds(2028, 2, 29))[1] == seconds(2029, 2, 28)


def test_a_share_of_a_period() -> None:
    assert share(1000, 0, 100, 0) == 1000
    assert share(1000, 0, 100, 50) == 500
    assert share(1000, 0, 100, 100) == share(1000, 0, 100, 200) == 0
    assert share(1, 0, 100, 50) == 1


def test_renewals_take_the_money_every_month(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.advance(months=3)
    found = read(shop, subscription)
    assert found.current_period_start == datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert shop.server.money_taken() == 4 * 1900
    reasons = [invoice["billing_reason"] for invoice in shop.server.objects("invoice")]
    assert reasons == ["subscription_create", *["subscription_cycle"] * 3]


def test_a_failed_renewal_is_tried_again(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.decline_next_payment("insufficient_funds", times=2)
    assert shop.server.renew(subscription)["status"] == "past_due"
    shop.server.advance(days=3)
    assert read(shop, subscription).status == "past_due"
    shop.server.advance(days=5)
    assert read(shop, subscription).status == "active"
    assert shop.server.money_taken() == 3800
    assert [one["status"] for one in shop.server.objects("charge")] == ["succeeded", "failed", "failed", "succeeded"]


@pytest.mark.parametrize("ending", ["canceled", "unpaid", "past_due"])
def test_the_last_retry_ends_as_the_account_wants(ending: str) -> None:
    shop = Shop("blocking", when_retries_fail=ending, retry_days=(1, 2))
    subscription = shop.subscription()
    shop.server.decline_next_payment(times=3)
    shop.server.renew(subscription)
    shop.server.advance(days=10)
    assert read(shop, subscription).status == ending
    if ending == "unpaid":
        shop.server.renew(subscription)
        assert shop.server.objects("invoice")[-1]["status"] == "draft"


def test_an_open_invoice_is_paid_by_hand(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.decline_next_payment()
    shop.server.renew(subscription)
    invoice = shop.server.objects("invoice")[-1]
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    shop.server.decline_next_payment("expired_card")
    refused = shop.raw("POST", f"/v1/invoices/{invoice['id']}/pay")
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "expired_card")
    assert shop.raw("POST", f"/v1/invoices/{invoice['id']}/pay").json()["status"] == "paid"
    assert read(shop, subscription).status == "active"
    assert shop.raw("POST", f"/v1/invoices/{invoice['id']}/pay").status_code == 400


def test_an_invoice_is_taken_back(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.require_authentication()
    shop.server.renew(subscription)
    invoice = shop.server.objects("invoice")[-1]["id"]
    assert "invoice.payment_action_required" in shop.told()
    assert shop.raw("POST", f"/v1/invoices/{invoice}/void").json()["status"] == "void"
    shop.server.advance(days=20)
    assert shop.server.money_taken() == 1900


def test_a_trial_ends_with_a_payment_and_a_warning_before(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"), trial_days=14)
    session = shop.run(shop.provider.create_checkout_session(shop.customer(), "price_pro", OK, NO))
    subscription = str(shop.server.complete_checkout(session.id)["subscription"])
    shop.told()
    shop.server.advance(days=12)
    assert shop.told() == ["customer.subscription.trial_will_end"]
    shop.server.advance(days=2)
    found = read(shop, subscription)
    assert (found.status, found.current_period_start) == ("active", NOW + timedelta(days=14))
    assert shop.server.money_taken() == 1900


def test_a_trial_without_a_card_ends_past_due(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    customer = shop.customer(card=False)
    params = {"customer": customer, "items[0][price]": "price_pro", "trial_period_days": "7"}
    subscription = shop.raw("POST", "/v1/subscriptions", **params).json()["id"]
    shop.server.advance(days=7)
    assert read(shop, subscription).status == "past_due"


def test_a_first_payment_that_never_comes_expires(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    params = {"customer": shop.customer(), "items[0][price]": "price_pro"}
    expand = {"expand[]": "latest_invoice.confirmation_secret"}
    waiting = shop.raw("POST", "/v1/subscriptions", payment_behavior="default_incomplete", **params, **expand).json()
    assert waiting["status"] == "incomplete"
    assert waiting["latest_invoice"]["confirmation_secret"]["client_secret"].startswith("pi_")
    shop.server.advance(hours=24)
    assert read(shop, waiting["id"]).status == "expired"
    assert shop.server.objects("invoice")[-1]["status"] == "void"
    shop.server.decline_next_payment(times=2)
    assert shop.raw("POST", "/v1/subscriptions", **params).json()["status"] == "incomplete"
    refused = shop.raw("POST", "/v1/subscriptions", payment_behavior="error_if_incomplete", **params)
    assert refused.status_code == 402
    assert len(shop.server.objects("subscription")) == 2


def test_a_subscription_needs_something_to_charge(shop: Shop) -> None:
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    params = {"customer": shop.customer(card=False), "items[0][price]": "price_pro"}
    assert shop.raw("POST", "/v1/subscriptions", **params).status_code == 400


def test_a_page_expires(shop: Shop) -> None:
    session = shop.run(shop.provider.create_payment_session(Money(100, "USD"), OK, NO))
    shop.server.advance(days=1)
    found = shop.run(shop.provider.get_checkout_session(session.id))
    assert found is not None
    assert found.status == "expired"
    with pytest.raises(ValueError, match="expired"):
        shop.server.complete_checkout(session.id)
    other = shop.run(shop.provider.create_payment_session(Money(100, "USD"), OK, NO))
    assert shop.raw("POST", f"/v1/checkout/sessions/{other.id}/expire").json()["status"] == "expired"
    assert shop.raw("POST", f"/v1/checkout/sessions/{other.id}/expire").status_code == 400


def test_a_downgrade_leaves_a_credit_that_the_next_invoices_use_up(shop: Shop) -> None:
    subscription = shop.subscription(quantity=10)
    change = {"items[0][id]": str(shop.server.objects("subscription_item")[0]["id"]), "items[0][quantity]": "1"}
    shop.raw("POST", f"/v1/subscriptions/{subscription}", proration_behavior="always_invoice", **change)
    assert shop.server.objects("customer")[0]["balance"] == -17_100
    shop.server.advance(months=10)
    assert shop.server.money_taken() == 19_000 + 1900
    assert shop.server.objects("customer")[0]["balance"] == 0


def test_items_are_added_and_taken_away(shop: Shop) -> None:
    subscription = shop.subscription()
    shop.server.add_plan("extra", Money(100, "USD"))
    path = f"/v1/subscriptions/{subscription}"
    items = shop.raw("POST", path, **{"items[0][price]": "extra"}).json()["items"]["data"]
    assert [item["price"]["id"] for item in items] == ["price_pro", "extra"]
    gone = {"items[0][id]": items[0]["id"], "items[0][deleted]": "true"}
    assert len(shop.raw("POST", path, **gone).json()["items"]["data"]) == 1
    last = {"items[0][id]": items[1]["id"], "items[0][deleted]": "true"}
    assert shop.raw("POST", path, **last).status_code == 400


def test_a_new_price_without_a_quantity_resets_it(shop: Shop) -> None:
    subscription = shop.subscription(quantity=5)
    shop.server.add_plan("other", Money(100, "USD"))
    change = {"items[0][id]": str(shop.server.objects("subscription_item")[0]["id"]), "items[0][price]": "other"}
    changed = shop.raw("POST", f"/v1/subscriptions/{subscription}", **change).json()
    assert changed["items"]["data"][0]["quantity"] == 1


def test_an_ended_subscription_is_not_changed(shop: Shop) -> None:
    subscription = shop.subscription()
    path = f"/v1/subscriptions/{subscription}"
    assert shop.raw("DELETE", path, prorate="true", invoice_now="true").json()["status"] == "canceled"
    assert shop.server.objects("customer")[0]["balance"] == -1900
    assert shop.raw("DELETE", path).status_code == 404
    assert shop.raw("POST", path, cancel_at_period_end="true").status_code == 400
    assert shop.raw("POST", path, **{"metadata[a]": "1"}).json()["metadata"] == {"a": "1"}


def test_a_scheduled_end_is_called_off(shop: Shop) -> None:
    subscription = shop.subscription()
    path = f"/v1/subscriptions/{subscription}"
    shop.raw("POST", path, cancel_at_period_end="true")
    kept = shop.raw("POST", path, cancel_at_period_end="false").json()
    assert (kept["cancel_at"], kept["canceled_at"], kept["cancellation_details"]["reason"]) == (None, None, None)
    shop.raw("POST", path, cancel_at=str(int((NOW + timedelta(days=5)).timestamp())))
    shop.server.advance(days=6)
    assert read(shop, subscription).status == "canceled"
    assert shop.raw("POST", f"/v1/subscriptions/{shop.subscription()}", cancel_at="5").status_code == 400


def test_the_account_must_say_what_becomes_of_unpaid_subscriptions() -> None:
    with pytest.raises(ValueError, match="when_retries_fail"):
        StripeStandIn(when_retries_fail="forgiven")
