"""Square's stand-in through time: what is billed, what is scheduled, and what non-payment does not change."""

from typing import Any

import pytest

from paylattice import Money

from .support import LOCATION, Market, usd

UNABLE = "Le paiement par carte a échoué."
"""Square writes in the seller's language."""


@pytest.fixture
def market() -> Market:
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_plan("TEAM", Money(4900, "USD"))
    return market


def history(market: Market, identifier: str) -> list[str]:
    events = market.ok("GET", f"/v2/subscriptions/{identifier}/events")["subscription_events"]
    return [event["subscription_event_type"] for event in events]


def test_a_new_subscription_is_billed_a_moment_after_the_answer(market: Market) -> None:
    customer = market.customer()
    card = market.server.add_payment_method(customer)
    body = {"location_id": LOCATION, "customer_id": customer, "plan_variation_id": "PRO", "card_id": card}
    answered = market.ok("POST", "/v2/subscriptions", body)["subscription"]
    assert answered["status"] == "ACTIVE"
    assert not {"invoice_ids", "charged_through_date", "actions", "canceled_date"} & set(answered)
    held = market.subscription(answered["id"])
    assert (held["start_date"], held["charged_through_date"], len(held["invoice_ids"])) == (
        "2026-10-31",
        "2026-11-29",
        1,
    )
    assert held["version"] > answered["version"]
    assert market.server.money_taken(customer=customer) == 1900


def test_the_31st_comes_back_after_a_short_month(market: Market) -> None:
    identifier = market.subscribed()
    through: list[str] = []
    for _ in range(5):
        through.append(market.subscription(identifier)["charged_through_date"])
        market.server.renew(identifier)
    assert through == ["2026-11-29", "2026-12-30", "2027-01-30", "2027-02-27", "2027-03-30"]


def test_the_date_may_be_the_next_billing_date_too(market: Market) -> None:
    market.server.variants.charged_through_next = True
    identifier = market.subscribed()
    assert market.subscription(identifier)["charged_through_date"] == "2026-11-30"
    canceled = market.ok("POST", f"/v2/subscriptions/{identifier}/cancel")["subscription"]
    assert canceled["canceled_date"] == "2026-11-30"
    assert market.server.renew(identifier)["status"] == "CANCELED"


def test_days_are_those_of_the_location(market: Market) -> None:
    identifier = market.subscribed()
    market.server.renew(identifier)
    assert market.server.now.isoformat() == "2026-11-30T08:00:00+00:00"  # midnight in Los Angeles
    assert market.server.advance(months=1, hours=1).day == 30
    assert len(market.subscription(identifier)["invoice_ids"]) == 2


def test_a_renewal_tells_of_its_invoice_and_not_of_the_subscription(market: Market) -> None:
    identifier = market.subscribed()
    market.told()
    market.server.renew(identifier)
    bodies = market.bodies()
    assert [body["type"] for body in bodies] == [
        "order.created",
        "invoice.created",
        "invoice.published",
        "payment.created",
        "order.updated",
        "payment.updated",
        "order.updated",
        "payment.updated",
        "order.updated",
        "invoice.payment_made",
    ]
    invoices = [body["data"]["object"]["invoice"] for body in bodies if body["type"].startswith("invoice.")]
    assert [invoice["status"] for invoice in invoices] == ["DRAFT", "UNPAID", "PAID"]
    assert {invoice["subscription_id"] for invoice in invoices} == {identifier}
    payments = [body["data"]["object"]["payment"] for body in bodies if body["type"].startswith("payment.")]
    assert [payment["status"] for payment in payments] == ["APPROVED", "COMPLETED", "COMPLETED"]
    assert {payment["order_id"] for payment in payments} == {invoices[0]["order_id"]}
    assert not any("subscription_id" in payment or "invoice_id" in payment for payment in payments)


def test_a_charge_that_fails_changes_the_invoice_and_nothing_else(market: Market) -> None:
    market.server.variants.charge_failed_in_words = UNABLE
    identifier = market.subscribed()
    market.told()
    market.server.decline_next_payment("INSUFFICIENT_FUNDS")
    market.server.renew(identifier)
    assert market.subscription(identifier)["status"] == "ACTIVE"
    invoice = market.invoice(identifier)
    (asked,) = invoice["payment_requests"]
    assert (invoice["status"], invoice["description"]) == ("UNPAID", UNABLE)
    assert (asked["automatic_payment_source"], "card_id" in asked) == ("NONE", False)
    assert invoice["next_payment_amount_money"] == usd(1900)
    assert market.told()[-2:] == ["invoice.scheduled_charge_failed", "invoice.updated"]
    market.server.renew(identifier)
    assert [row["status"] for row in market.server.objects("invoice")] == ["PAID", "UNPAID", "PAID"]
    market.server.pay_invoice(invoice["id"])
    assert market.invoice(identifier, 1)["description"] == UNABLE
    assert market.invoice(identifier, 1)["status"] == "PAID"


def test_the_event_of_a_failed_charge_may_not_come(market: Market) -> None:
    market.server.variants.tells_failed_charges = False
    identifier = market.subscribed()
    market.told()
    market.server.decline_next_payment()
    market.server.renew(identifier)
    assert market.told()[-1] == "invoice.updated"


def test_a_disabled_card_is_a_charge_that_fails(market: Market) -> None:
    identifier = market.subscribed()
    market.ok("POST", f"/v2/cards/{market.subscription(identifier)['card_id']}/disable")
    market.server.renew(identifier)
    assert market.invoice(identifier)["status"] == "UNPAID"


def test_without_a_card_an_invoice_with_a_page_is_sent(market: Market) -> None:
    identifier = market.subscribed(card=False)
    invoice = market.invoice(identifier)
    assert (invoice["status"], invoice["delivery_method"]) == ("UNPAID", "EMAIL")
    assert invoice["public_url"].startswith("https://squareupsandbox.com/pay-invoice/")
    assert invoice["payment_requests"][0]["automatic_payment_source"] == "NONE"
    half = market.server.pay_invoice(invoice["id"], amount=900)
    assert half["amount_money"] == usd(900)
    partly = market.invoice(identifier)
    assert (partly["status"], partly["next_payment_amount_money"]) == ("PARTIALLY_PAID", usd(1000))
    market.server.decline_next_payment()
    assert market.server.pay_invoice(identifier)["status"] == "FAILED"
    market.server.pay_invoice(identifier)
    paid = market.invoice(identifier)
    assert (paid["status"], "next_payment_amount_money" in paid) == ("PAID", False)
    assert market.ok("GET", f"/v2/orders/{paid['order_id']}")["order"]["state"] == "COMPLETED"
    with pytest.raises(ValueError, match="nothing to pay"):
        market.server.pay_invoice(identifier)


def test_the_first_invoice_may_take_its_time(market: Market) -> None:
    market.server.variants.invoice_after = 2
    identifier = market.subscribed(card=False)
    assert ["invoice_ids" in market.subscription(identifier) for _ in range(4)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("about", "code"),
    [
        ({"email_address": None}, "CUSTOMER_MISSING_EMAIL"),
        ({"given_name": None, "family_name": None}, "CUSTOMER_MISSING_NAME"),
    ],
)
def test_without_a_card_the_customer_must_have_name_and_address(market: Market, about: Any, code: str) -> None:
    customer = market.customer(phone="+12125550100")
    market.ok("PUT", f"/v2/customers/{customer}", about)
    body = {"location_id": LOCATION, "customer_id": customer, "plan_variation_id": "PRO"}
    assert market.refused("POST", "/v2/subscriptions", body)[1] == code


def test_a_nameless_customer_is_subscribed_and_then_not_billed(market: Market) -> None:
    customer = market.customer(name=None)
    card = market.server.add_payment_method(customer)
    body = {"location_id": LOCATION, "customer_id": customer, "plan_variation_id": "PRO", "card_id": card}
    answered = market.ok("POST", "/v2/subscriptions", body)["subscription"]
    assert answered["status"] == "ACTIVE"
    assert market.subscription(answered["id"])["status"] == "DEACTIVATED"
    events = market.ok("GET", f"/v2/subscriptions/{answered['id']}/events")["subscription_events"]
    assert events[-1]["info"]["code"] == "CUSTOMER_NO_NAME"
    market.ok("PUT", f"/v2/customers/{customer}", {"given_name": "Ada"})
    market.ok("POST", f"/v2/subscriptions/{answered['id']}/resume", {"resume_change_timing": "IMMEDIATE"})
    assert market.subscription(answered["id"])["status"] == "ACTIVE"
    assert market.server.money_taken() == 1900


def test_a_trial_is_free_and_has_no_date(market: Market) -> None:
    identifier = market.subscribed("TRY", 1900, trial_periods=2)
    held = market.subscription(identifier)
    assert (held["status"], "charged_through_date" in held, "invoice_ids" in held) == ("ACTIVE", False, False)
    market.server.advance(days=13)
    assert market.server.money_taken() == 0
    market.server.advance(days=1)
    assert market.server.money_taken() == 1900
    assert market.subscription(identifier)["charged_through_date"] == "2026-12-13"


def test_a_plan_with_an_end_is_completed(market: Market) -> None:
    identifier = market.subscribed("THRICE", 1000, periods=3)
    assert market.subscription(identifier)["completed_date"] == "2027-01-31"
    market.server.advance(months=6)
    assert market.subscription(identifier)["status"] == "COMPLETED"
    assert market.server.money_taken() == 3000


def test_a_subscription_that_starts_later_is_pending(market: Market) -> None:
    customer = market.customer()
    body = {"location_id": LOCATION, "customer_id": customer, "plan_variation_id": "PRO", "start_date": "2026-11-15"}
    identifier = market.ok("POST", "/v2/subscriptions", body)["subscription"]["id"]
    assert market.subscription(identifier)["status"] == "PENDING"
    market.told()
    market.server.renew(identifier)
    assert market.subscription(identifier)["charged_through_date"] == "2026-12-14"
    assert market.told()[0] == "subscription.updated"


def test_taxes_overrides_and_order_templates_make_the_price(market: Market) -> None:
    customer = market.customer()
    body = {"location_id": LOCATION, "customer_id": customer, "plan_variation_id": "PRO"}
    market.ok("POST", "/v2/subscriptions", {**body, "price_override_money": usd(1000), "tax_percentage": "7.5"})
    market.server.add_plan("ITEMS", Money(0, "USD"), relative=True)
    item = {"name": "x", "quantity": "3", "base_price_money": usd(250)}
    order = {"location_id": LOCATION, "line_items": [item], "state": "DRAFT"}
    template = market.ok("POST", "/v2/orders", {"order": order})["order"]["id"]
    phases = [{"ordinal": 0, "order_template_id": template}]
    market.ok("POST", "/v2/subscriptions", {**body, "plan_variation_id": "ITEMS", "phases": phases})
    amounts = [
        row["payment_requests"][0]["computed_amount_money"]["amount"] for row in market.server.objects("invoice")
    ]  # type: ignore[index]
    assert amounts == [1075, 750]


# --- what is scheduled -------------------------------------------------------------------------------------------


def test_a_cancellation_is_a_date_and_the_status_stays(market: Market) -> None:
    identifier = market.subscribed()
    path = f"/v2/subscriptions/{identifier}"
    answer = market.ok("POST", f"{path}/cancel")
    assert (answer["subscription"]["status"], answer["subscription"]["canceled_date"]) == ("ACTIVE", "2026-11-29")
    assert "actions" not in answer["subscription"]
    assert [(a["type"], a["effective_date"]) for a in answer["actions"]] == [("CANCEL", "2026-11-29")]
    assert "actions" not in market.ok("GET", path)["subscription"]
    assert market.subscription(identifier)["actions"] == answer["actions"]
    assert market.refused("POST", f"{path}/cancel")[0] == 400
    market.server.advance(days=29)
    assert market.subscription(identifier)["status"] == "ACTIVE"
    market.server.advance(days=1)
    held = market.subscription(identifier)
    assert (held["status"], "actions" in held) == ("CANCELED", False)
    assert len(held["invoice_ids"]) == 1
    assert market.refused("POST", f"{path}/resume", {})[0] == 400
    assert history(market, identifier) == ["START_SUBSCRIPTION", "STOP_SUBSCRIPTION"]


@pytest.mark.parametrize("how", ["the action is deleted", "the date is cleared"])
def test_a_cancellation_is_taken_back(market: Market, how: str) -> None:
    identifier = market.subscribed()
    path = f"/v2/subscriptions/{identifier}"
    (action,) = market.ok("POST", f"{path}/cancel")["actions"]
    version = market.subscription(identifier)["version"]
    if how == "the action is deleted":
        answer = market.ok("DELETE", f"{path}/actions/{action['id']}")
        assert market.refused("DELETE", f"{path}/actions/{action['id']}")[0] == 404
    else:
        stale = {"subscription": {"version": version - 1, "canceled_date": None}}
        assert market.refused("PUT", path, stale)[1] == "VERSION_MISMATCH"
        answer = market.ok("PUT", path, {"subscription": {"version": version, "canceled_date": None}})
        other = {"subscription": {"canceled_date": "2027-01-01"}}
        assert market.refused("PUT", path, other)[1] == "INVALID_VALUE"
    assert not {"canceled_date", "actions"} & set(answer["subscription"])
    assert market.server.renew(identifier)["status"] == "ACTIVE"


def test_a_pause_begins_with_the_next_cycle_and_ends_when_it_was_said(market: Market) -> None:
    identifier = market.subscribed()
    path = f"/v2/subscriptions/{identifier}"
    answer = market.ok("POST", f"{path}/pause", {"pause_cycle_duration": 2})
    assert [(a["type"], a["effective_date"]) for a in answer["actions"]] == [
        ("PAUSE", "2026-11-30"),
        ("RESUME", "2027-01-31"),
    ]
    assert answer["subscription"]["status"] == "ACTIVE"
    assert market.server.renew(identifier)["status"] == "PAUSED"
    assert market.refused("POST", f"{path}/pause", {})[0] == 400
    market.told()
    assert market.server.renew(identifier)["status"] == "ACTIVE"
    assert market.told()[0] == "subscription.updated"
    assert market.subscription(identifier)["charged_through_date"] == "2027-02-27"
    assert market.server.money_taken() == 3800
    assert history(market, identifier) == ["START_SUBSCRIPTION", "PAUSE_SUBSCRIPTION", "RESUME_SUBSCRIPTION"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"pause_cycle_duration": 0}, "INVALID_PAUSE_LENGTH"),
        ({"pause_cycle_duration": 1, "resume_effective_date": "2027-06-01"}, "CONFLICTING_PARAMETERS"),
        ({"resume_effective_date": "2026-12-01"}, "INVALID_PAUSE_LENGTH"),
        ({"pause_effective_date": "soon"}, "INVALID_DATE"),
        ({"resume_change_timing": "LATER"}, "INVALID_ENUM_VALUE"),
    ],
)
def test_a_pause_that_cannot_be_is_refused(market: Market, sent: Any, code: str) -> None:
    path = f"/v2/subscriptions/{market.subscribed()}"
    assert market.refused("POST", f"{path}/pause", sent)[1] == code


def test_a_paused_subscription_is_resumed_at_once_or_with_a_cycle(market: Market) -> None:
    first, second = market.subscribed(), market.subscribed()
    for identifier in (first, second):
        market.ok("POST", f"/v2/subscriptions/{identifier}/pause", {})
    market.server.advance(days=40)
    assert market.subscription(first)["status"] == "PAUSED"
    assert (
        market.refused("POST", f"/v2/subscriptions/{first}/resume", {"resume_effective_date": "2026-12-01"})[1]
        == "INVALID_DATE"
    )
    at_once = {"resume_effective_date": "2026-12-10", "resume_change_timing": "IMMEDIATE"}
    answer = market.ok("POST", f"/v2/subscriptions/{first}/resume", at_once)
    assert (answer["subscription"]["status"], answer["actions"][0]["effective_date"]) == ("PAUSED", "2026-12-10")
    assert market.subscription(first)["status"] == "ACTIVE"
    assert market.subscription(first)["charged_through_date"] == "2027-01-09"
    with_a_cycle = {"resume_effective_date": "2026-12-10", "resume_change_timing": "END_OF_BILLING_CYCLE"}
    answer = market.ok("POST", f"/v2/subscriptions/{second}/resume", with_a_cycle)
    assert answer["actions"][0]["effective_date"] == "2026-12-31"
    assert market.subscription(second)["status"] == "PAUSED"
    assert market.refused("POST", f"/v2/subscriptions/{second}/resume", at_once)[0] == 400
    assert market.server.renew(second)["status"] == "ACTIVE"


def test_a_paused_subscription_can_be_canceled(market: Market) -> None:
    identifier = market.subscribed()
    market.ok("POST", f"/v2/subscriptions/{identifier}/pause", {})
    market.server.advance(days=40)
    assert market.ok("POST", f"/v2/subscriptions/{identifier}/cancel")["subscription"]["status"] == "PAUSED"
    assert market.server.renew(identifier)["status"] == "CANCELED"
    assert market.server.money_taken() == 1900


def test_another_plan_begins_with_the_next_cycle_without_proration(market: Market) -> None:
    identifier = market.subscribed()
    path = f"/v2/subscriptions/{identifier}/swap-plan"
    answer = market.ok("POST", path, {"new_plan_variation_id": "TEAM"})
    assert answer["subscription"]["plan_variation_id"] == "PRO"
    (action,) = answer["actions"]
    assert (action["type"], action["new_plan_variation_id"], action["effective_date"]) == (
        "SWAP_PLAN",
        "TEAM",
        "2026-11-30",
    )
    for again in ("TEAM", "PRO"):
        assert market.refused("POST", path, {"new_plan_variation_id": again})[0] == 400
    renewed = market.server.renew(identifier)
    assert (renewed["plan_variation_id"], renewed["charged_through_date"]) == ("TEAM", "2026-12-29")
    assert market.server.money_taken() == 1900 + 4900
    assert history(market, identifier)[-1] == "PLAN_CHANGE"


def test_a_swap_takes_variations_only(market: Market) -> None:
    identifier = market.subscribed()
    for plan_id in ("none", "CATSTANDIN000001"):
        body = {"new_plan_variation_id": plan_id}
        assert market.refused("POST", f"/v2/subscriptions/{identifier}/swap-plan", body)[1] == "INVALID_VALUE"


def test_everything_that_is_due_at_once_happens_in_order(market: Market) -> None:
    first = market.subscribed()
    market.server.advance(days=1)
    second = market.subscribed()
    market.server.advance(months=3)
    made = [row["subscription_id"] for row in market.server.objects("invoice")]
    assert made == [first, second] * 4


def test_a_card_that_is_changed_is_charged_next(market: Market) -> None:
    identifier = market.subscribed()
    held = market.subscription(identifier)
    new = market.server.add_payment_method(held["customer_id"], last4="4242")
    market.ok("POST", f"/v2/cards/{held['card_id']}/disable")
    stranger = market.server.add_payment_method(market.customer())
    path = f"/v2/subscriptions/{identifier}"
    assert market.refused("PUT", path, {"subscription": {"card_id": stranger}})[1] == "INVALID_CARD"
    market.ok("PUT", path, {"subscription": {"card_id": new}})
    market.server.renew(identifier)
    assert market.invoice(identifier)["status"] == "PAID"
    assert market.server.objects("payment")[-1]["card_details"]["card"]["last_4"] == "4242"  # type: ignore[index]


def test_a_refunded_payment_shows_in_its_invoice(market: Market) -> None:
    identifier = market.subscribed()
    payment = market.server.objects("payment")[0]["id"]
    for number, amount in enumerate((400, 1500)):
        body = {"payment_id": payment, "amount_money": usd(amount), "idempotency_key": f"r{number}"}
        market.ok("POST", "/v2/refunds", body)
        market.settle_refunds()
        market.told()
        assert market.invoice(identifier)["status"] == ("PARTIALLY_REFUNDED", "REFUNDED")[number]
