"""Buyers on the pages of payment links: who they become, what comes of it, and what nothing says."""

import json
from typing import Any

import pytest

from paylattice import Money

from .support import LOCATION, NO, OK, Market, usd


@pytest.fixture
def market() -> Market:
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    return market


def test_a_paid_link_is_a_payment_a_new_customer_and_a_subscription(market: Market) -> None:
    started = market.customer(phone="+12125550100")
    link = market.link(pre_populated_data={"buyer_email": "ada@example.com"})
    market.told()
    payment = market.server.complete_checkout(link["id"], phone="+12125550177")
    assert payment is not None
    assert (payment["status"], payment["order_id"]) == ("COMPLETED", link["order_id"])
    buyer = payment["customer_id"]
    assert buyer != started
    assert market.ok("GET", f"/v2/customers/{buyer}")["customer"]["phone_number"] == "+12125550177"
    (subscription,) = market.server.objects("subscription")
    assert (subscription["customer_id"], subscription["plan_variation_id"]) == (buyer, "PRO")
    assert str(subscription["card_id"]).startswith("ccof:")
    invoice = market.invoice(str(subscription["id"]))
    assert (invoice["status"], invoice["primary_recipient"]["customer_id"]) == ("PAID", buyer)
    assert invoice["order_id"] != link["order_id"]
    assert market.server.money_taken() == 1900


def test_nothing_that_is_told_names_the_link(market: Market) -> None:
    link = market.link(description="who started it")
    market.told()
    market.server.complete_checkout(link["id"])
    bodies = market.bodies()
    assert [body["type"] for body in bodies if body["type"] != "order.updated"] == [
        "customer.created",
        "payment.created",
        "payment.updated",
        "payment.updated",
        "card.created",
        "subscription.created",
        "order.created",
        "invoice.created",
        "invoice.published",
        "invoice.payment_made",
    ]
    text = json.dumps(bodies)
    assert link["id"] not in text
    assert "who started it" not in text
    about_payment = [body for body in bodies if body["type"].startswith("payment.")]
    assert {body["data"]["object"]["payment"]["order_id"] for body in about_payment} == {link["order_id"]}
    others = [body for body in bodies if body["type"].split(".")[0] in {"subscription", "invoice"}]
    assert link["order_id"] not in json.dumps(others)


def test_the_buyer_is_whoever_has_the_phone_number(market: Market) -> None:
    known = market.customer(phone="+12125550100")

    def buyer(**how: Any) -> Any:
        payment = market.server.complete_checkout(market.link()["id"], **how)
        assert payment is not None
        return payment["customer_id"]

    assert buyer(phone="+12125550100") == known
    assert buyer(phone="+12125550100", as_new_customer=False) == known
    assert buyer(phone="+12125550100", as_new_customer=True) != known
    usual = buyer()
    assert usual != known
    assert buyer() == usual
    with pytest.raises(ValueError, match="no customer"):
        market.server.complete_checkout(market.link()["id"], phone="+12125550199", as_new_customer=False)


def test_the_number_that_the_link_filled_in_is_what_the_buyer_types(market: Market) -> None:
    known = market.customer(phone="+12125550100")
    link = market.link(pre_populated_data={"buyer_phone_number": "+12125550100"})
    payment = market.server.complete_checkout(link["id"])
    assert payment is not None
    assert payment["customer_id"] == known


def test_a_link_sells_once(market: Market) -> None:
    link = market.link()
    market.server.complete_checkout(link["id"])
    with pytest.raises(ValueError, match="once"):
        market.server.complete_checkout(link["id"])
    assert market.ok("DELETE", f"/v2/online-checkout/payment-links/{link['id']}") == {"id": link["id"]}


def test_a_refused_buyer_can_try_again(market: Market) -> None:
    link = market.link()
    market.server.decline_next_payment("INSUFFICIENT_FUNDS")
    failed = market.server.complete_checkout(link["id"])
    assert failed is not None
    assert failed["status"] == "FAILED"
    order = market.ok("GET", f"/v2/orders/{link['order_id']}")["order"]
    assert (order["state"], "tenders" in order) == ("DRAFT", False)
    assert market.server.objects("subscription") == []
    market.server.complete_checkout(link["id"])
    assert len(market.server.objects("subscription")) == 1


def test_the_order_of_a_paid_link_stays_open_and_names_the_payment(market: Market) -> None:
    link = market.link()
    payment = market.server.complete_checkout(link["id"])
    assert payment is not None
    order = market.ok("GET", f"/v2/orders/{link['order_id']}")["order"]
    assert order["state"] == "OPEN"
    assert [tender["payment_id"] for tender in order["tenders"]] == [payment["id"]]


def test_the_order_of_the_first_invoice_may_name_the_payment_or_not(market: Market) -> None:
    for traceable in (True, False):
        link = market.link()
        payment = market.server.complete_checkout(link["id"], traceable=traceable)
        assert payment is not None
        invoice = market.server.objects("invoice")[-1]
        order = market.ok("GET", f"/v2/orders/{invoice['order_id']}")["order"]
        named = [tender["payment_id"] for tender in order.get("tenders", [])]
        assert named == ([payment["id"]] if traceable else [])


def test_in_the_sandbox_no_subscription_comes_of_a_link(market: Market) -> None:
    market.server.variants.links_subscribe = False
    assert market.server.complete_checkout(market.link()["id"]) is not None
    assert market.server.objects("subscription") == []
    assert market.server.objects("invoice") == []


def test_another_price_in_the_link_is_what_the_subscription_costs(market: Market) -> None:
    market.server.complete_checkout(market.link(amount=900)["id"])
    (subscription,) = market.server.objects("subscription")
    market.server.renew(str(subscription["id"]))
    assert market.server.money_taken() == 1800


def test_a_trial_takes_nothing_and_leaves_no_payment(market: Market) -> None:
    market.server.add_plan("TRY", Money(1900, "USD"), trial_periods=1)
    link = market.link("TRY")
    assert market.server.complete_checkout(link["id"]) is None
    order = market.ok("GET", f"/v2/orders/{link['order_id']}")["order"]
    assert (order["state"], "tenders" in order) == ("COMPLETED", False)
    (subscription,) = market.server.objects("subscription")
    market.server.renew(str(subscription["id"]))
    assert market.server.money_taken() == 1900


def test_a_checkout_that_begins_with_a_free_trial_is_complete_without_a_payment(market: Market) -> None:
    market.server.add_plan("TRY", Money(1900, "USD"), trial_periods=1)
    customer = market.customer()
    session = market.run(market.provider.create_checkout_session(customer, "TRY", OK, NO))
    market.server.complete_checkout(session.id)
    found = market.run(market.provider.get_checkout_session(session.id))
    (subscription,) = market.server.objects("subscription")
    assert (found.status, found.subscription_id, found.payment_id) == ("complete", subscription["id"], None)


def test_a_one_off_link_is_paid_or_only_authorized(market: Market) -> None:
    now, later = market.link(None), market.link(None, payment_note="a book")
    assert market.server.complete_checkout(now["id"]) is not None
    held = market.server.complete_checkout(later["id"], capture=False)
    assert held is not None
    assert (held["status"], held["note"]) == ("APPROVED", "a book")
    assert market.server.money_taken() == 1900
    market.ok("POST", f"/v2/payments/{held['id']}/complete", {})
    assert market.server.money_taken() == 3800
    order = market.ok("GET", f"/v2/orders/{later['order_id']}")["order"]
    assert order["tenders"][0]["card_details"]["status"] == "CAPTURED"


def test_a_canceled_authorization_leaves_the_order_unpaid(market: Market) -> None:
    link = market.link(None)
    held = market.server.complete_checkout(link["id"], capture=False)
    assert held is not None
    market.ok("POST", f"/v2/payments/{held['id']}/cancel")
    order = market.ok("GET", f"/v2/orders/{link['order_id']}")["order"]
    assert ("tenders" in order, order["net_amount_due_money"]) == (False, usd(1900))


def test_a_renewal_of_what_a_link_sold_may_be_declined(market: Market) -> None:
    market.server.complete_checkout(market.link()["id"], declines="CARD_EXPIRED")
    (subscription,) = market.server.objects("subscription")
    market.server.renew(str(subscription["id"]))
    assert market.invoice(str(subscription["id"]))["status"] == "UNPAID"


def test_orders_keep_what_they_were_given(market: Market) -> None:
    item = {"name": "Book", "quantity": "2", "base_price_money": usd(450)}
    order = {"location_id": LOCATION, "line_items": [item], "metadata": {"cart": "7"}, "reference_id": "r-1"}
    link = market.link(None, order=order)
    held = market.ok("GET", f"/v2/orders/{link['order_id']}")["order"]
    assert (held["metadata"], held["reference_id"], held["total_money"]) == ({"cart": "7"}, "r-1", usd(900))
