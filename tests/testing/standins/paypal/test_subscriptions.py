"""Subscriptions of PayPal's stand-in: consent, states, changes and what is left out of answers."""

from typing import Any

import pytest

from paylattice import Money

from .support import NO, NOW, OK, URLS, PayPalShop, links_of, money

PATH = "/v1/billing/subscriptions"
TIERS = {"pricing_model": "VOLUME", "tiers": [{"starting_quantity": "1", "amount": money("5")}]}


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


# --- consent -----------------------------------------------------------------------------------------------------


def test_a_new_one_waits_for_consent_and_is_told_in_short(shop: PayPalShop) -> None:
    shop.plan()
    answer = shop.raw("POST", PATH, {"plan_id": "P-PRO", "application_context": URLS})
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "status", "links"}
    assert answer.json()["status"] == "APPROVAL_PENDING"
    rels = [link["rel"] for link in answer.json()["links"]]
    assert "approve" in rels
    assert rels[0] != "approve"
    assert "billing_info" not in shop.get(f"{PATH}/{answer.json()['id']}")


def test_consent_activates_it_and_takes_the_first_payment(shop: PayPalShop) -> None:
    identifier = shop.subscription(custom_id="org_1", quantity="2")
    data = shop.subscription_data(identifier)
    assert (data["status"], data["custom_id"], data["quantity"]) == ("ACTIVE", "org_1", "2")
    assert data["billing_info"]["last_payment"]["amount"] == money("38.0")
    assert data["billing_info"]["next_billing_time"] == "2026-11-30T12:00:00Z"
    assert data["billing_info"]["outstanding_balance"] == money("0.0")
    assert data["subscriber"]["payer_id"]
    assert "approve" not in links_of(data)
    (sale,) = shop.server.objects("sale")
    assert (sale["amount"]["total"], sale["custom"], sale["billing_agreement_id"]) == ("38.0", "org_1", identifier)
    assert shop.told() == ["BILLING.SUBSCRIPTION.CREATED", "BILLING.SUBSCRIPTION.ACTIVATED", "PAYMENT.SALE.COMPLETED"]


def test_nobody_consents_twice(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    with pytest.raises(ValueError, match="nobody is asked"):
        shop.server.complete_checkout(identifier)


def test_with_continue_the_merchant_activates_it(shop: PayPalShop) -> None:
    identifier = shop.waiting_subscription(application_context={**URLS, "user_action": "CONTINUE"})
    shop.server.complete_checkout(identifier)
    assert shop.subscription_data(identifier)["status"] == "APPROVED"
    assert shop.server.objects("sale") == []
    assert shop.raw("POST", f"{PATH}/{identifier}/activate", {}).status_code == 204
    assert shop.subscription_data(identifier)["status"] == "ACTIVE"
    assert len(shop.server.objects("sale")) == 1


def test_a_later_start_takes_no_money_before(shop: PayPalShop) -> None:
    identifier = shop.subscription(start_time="2026-11-15T00:00:00Z")
    data = shop.subscription_data(identifier)
    assert (data["status"], data["billing_info"]["next_billing_time"]) == ("ACTIVE", "2026-11-15T00:00:00Z")
    assert shop.server.objects("sale") == []
    shop.server.advance(days=15)
    assert len(shop.server.objects("sale")) == 1
    assert shop.subscription_data(identifier)["billing_info"]["next_billing_time"] == "2026-12-15T00:00:00Z"


def test_the_setup_fee_comes_with_the_first_payment(shop: PayPalShop) -> None:
    shop.plan("P-FEE", setup_fee="5.00")
    identifier = shop.subscription("P-FEE")
    assert shop.subscription_data(identifier)["billing_info"]["last_payment"]["amount"] == money("24.0")


def test_the_setup_fee_comes_alone_where_a_free_trial_begins(shop: PayPalShop) -> None:
    shop.plan("P-FEE", setup_fee="5.00", trial_days=7)
    data = shop.subscription_data(shop.subscription("P-FEE"))
    assert data["billing_info"]["last_payment"]["amount"] == money("5.0")
    assert [each["cycles_completed"] for each in data["billing_info"]["cycle_executions"]] == [0, 0]


def test_a_setup_fee_that_is_not_paid_ends_it(shop: PayPalShop) -> None:
    shop.plan("P-FEE", setup_fee="5.00")
    identifier = shop.waiting_subscription("P-FEE")
    shop.server.decline_next_payment()
    shop.server.complete_checkout(identifier)
    assert shop.subscription_data(identifier)["status"] == "CANCELLED"
    assert shop.server.objects("sale") == []


def test_terms_of_ones_own_replace_the_plans(shop: PayPalShop) -> None:
    cheaper = {"billing_cycles": [{"sequence": 1, "pricing_scheme": {"fixed_price": money("9.90")}, "total_cycles": 2}]}
    identifier = shop.subscription(plan=cheaper)
    data = shop.subscription_data(identifier)
    assert data["plan_overridden"] is True
    assert data["plan"]["billing_cycles"][0]["pricing_scheme"]["fixed_price"] == money("9.90")
    assert data["billing_info"]["last_payment"]["amount"] == money("9.9")
    shop.server.advance(days=70)
    assert shop.subscription_data(identifier)["status"] == "EXPIRED"
    assert shop.get("/v1/billing/plans/P-PRO")["billing_cycles"][0]["total_cycles"] == 0


@pytest.mark.parametrize(
    ("model", "quantity", "total"), [("VOLUME", "12", "48.0"), ("TIERED", "12", "58.0"), ("VOLUME", "10", "50.0")]
)
def test_tiers_make_the_price(shop: PayPalShop, model: str, quantity: str, total: str) -> None:
    shop.server.add_plan("P-ONE", Money(100, "USD"))
    tiers = [
        {"starting_quantity": "1", "ending_quantity": "10", "amount": money("5")},
        {"starting_quantity": "11", "amount": money("4")},
    ]
    cycle = {
        "frequency": {"interval_unit": "MONTH"},
        "tenure_type": "REGULAR",
        "sequence": 1,
        "total_cycles": 0,
        "pricing_scheme": {"pricing_model": model, "tiers": tiers},
    }
    product = shop.server.objects("product")[0]["id"]
    body = {"product_id": product, "name": "T", "billing_cycles": [cycle], "payment_preferences": {}}
    plan = shop.post("/v1/billing/plans", {**body, "quantity_supported": True})["id"]
    waiting = shop.post(PATH, {"plan_id": plan, "quantity": quantity})["id"]
    shop.server.complete_checkout(waiting)
    assert shop.subscription_data(waiting)["billing_info"]["last_payment"]["amount"]["value"] == total


def test_shipping_and_taxes_are_added(shop: PayPalShop) -> None:
    taxed = {"taxes": {"percentage": "10", "inclusive": False}}
    identifier = shop.subscription(plan=taxed, shipping_amount=money("1.00"))
    assert shop.subscription_data(identifier)["billing_info"]["last_payment"]["amount"] == money("22.0")


@pytest.mark.parametrize("currency", ["JPY", "HUF", "TWD"])
def test_some_currencies_have_no_decimals_at_paypal(shop: PayPalShop, currency: str) -> None:
    shop.server.add_plan("P-WHOLE", Money.from_decimal("1900", currency))
    data = shop.subscription_data(shop.subscription("P-WHOLE"))
    assert data["billing_info"]["last_payment"]["amount"] == money("1900", currency)
    assert data["billing_info"]["outstanding_balance"] == money("0", currency)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"plan_id": "P-NONE"}, (404, "INVALID_RESOURCE_ID")),
        ({"plan_id": "P-PRO", "quantity": 2}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"plan_id": "P-PRO", "quantity": "0"}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"plan_id": "P-PRO", "custom_id": "é"}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"plan_id": "P-PRO", "custom_id": "x" * 128}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"plan_id": "P-PRO", "metadata": {}}, (400, "INVALID_PARAMETER")),
        ({"plan_id": "P-PRO", "start_time": "2026-10-31T12:00:00Z"}, (400, "INVALID_PARAMETER_VALUE")),
        ({"plan_id": "P-PRO", "start_time": "soon"}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"plan_id": "P-PRO", "application_context": {"return_url": OK}}, (400, "MISSING_REQUIRED_PARAMETER")),
        (
            {"plan_id": "P-PRO", "application_context": {"return_url": "app.test", "cancel_url": NO}},
            (400, "INVALID_PARAMETER_SYNTAX"),
        ),
        (
            {"plan_id": "P-PRO", "subscriber": {"payment_source": {"card": {}}}},
            (422, "CARD_SUBSCRIPTIONS_NOT_ENABLED"),
        ),
        (
            {"plan_id": "P-PRO", "plan": {"billing_cycles": [{"sequence": 3}]}},
            (422, "INVALID_BILLING_CYCLE_SEQUENCE"),
        ),
        (
            {"plan_id": "P-PRO", "plan": {"billing_cycles": [{"sequence": 1, "pricing_scheme": TIERS}]}},
            (422, "INVALID_PRICING_SCHEME"),
        ),
        ({"plan_id": "P-ONE", "quantity": "2"}, (422, "SUBSCRIPTION_CANNOT_HAVE_QUANTITY")),
    ],
)
def test_what_paypal_does_not_take_is_refused(shop: PayPalShop, body: Any, expected: tuple[int, str]) -> None:
    shop.plan()
    shop.plan("P-ONE", quantity_supported=False)
    assert shop.refused(PATH, body) == expected
    assert shop.server.count("subscription") == 0


# --- reading -----------------------------------------------------------------------------------------------------


def test_the_plan_and_the_failure_are_shown_only_when_asked_for(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    shop.server.fail_payments(identifier)
    shop.server.renew(identifier)
    short = shop.get(f"{PATH}/{identifier}")
    assert "plan" not in short
    assert "last_failed_payment" not in short["billing_info"]
    whole = shop.subscription_data(identifier)
    assert whole["plan"]["billing_cycles"]
    assert whole["billing_info"]["last_failed_payment"]["reason_code"] == "PAYMENT_DENIED"
    assert shop.refused(f"{PATH}/{identifier}?fields=everything", method="GET")[0] == 400


def test_the_list_is_filtered_and_paged(shop: PayPalShop) -> None:
    first, second = shop.subscription(), shop.waiting_subscription()
    shop.server.advance(hours=1)
    third = shop.subscription(plan_id="P-TEAM") if shop.plan("P-TEAM") else ""
    ids = [row["id"] for row in shop.get(PATH)["subscriptions"]]
    assert ids == [third, second, first]
    assert [row["id"] for row in shop.get(PATH, statuses="APPROVAL_PENDING")["subscriptions"]] == [second]
    assert [row["id"] for row in shop.get(PATH, plan_ids="P-TEAM")["subscriptions"]] == [third]
    later = shop.get(PATH, created_after="2026-10-31T12:30:00Z")
    assert [row["id"] for row in later["subscriptions"]] == [third]
    paged = shop.get(PATH, page_size="2")
    assert len(paged["subscriptions"]) == 2
    assert "next" in links_of(paged)


def test_transactions_need_a_window(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    path = f"{PATH}/{identifier}/transactions"
    assert shop.refused(f"{path}?start_time=2026-10-01T00:00:00Z", method="GET") == (400, "MISSING_REQUIRED_PARAMETER")
    shop.server.renew(identifier)
    found = shop.get(path, start_time="2026-11-01T00:00:00Z", end_time="2026-12-01T00:00:00Z")
    (row,) = found["transactions"]
    assert (row["status"], row["amount_with_breakdown"]["gross_amount"]) == ("COMPLETED", money("19.0"))
    assert row["time"] == "2026-11-30T12:00:00.000Z"


# --- changes -----------------------------------------------------------------------------------------------------


def test_cancel_is_at_once_and_for_good(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    assert shop.raw("POST", f"{PATH}/{identifier}/cancel", {"reason": "Enough"}).content == b""
    data = shop.subscription_data(identifier)
    assert (data["status"], data["status_change_note"]) == ("CANCELLED", "Enough")
    assert "next_billing_time" not in data["billing_info"]
    for step in ("cancel", "suspend", "activate"):
        assert shop.refused(f"{PATH}/{identifier}/{step}", {"reason": "x"}) == (422, "SUBSCRIPTION_STATUS_INVALID")
    shop.server.advance(days=60)
    assert len(shop.server.objects("sale")) == 1


@pytest.mark.parametrize("step", ["cancel", "suspend"])
def test_a_reason_is_needed_and_short(shop: PayPalShop, step: str) -> None:
    identifier = shop.subscription()
    assert shop.refused(f"{PATH}/{identifier}/{step}") == (400, "MISSING_REQUIRED_PARAMETER")
    assert shop.refused(f"{PATH}/{identifier}/{step}", {"reason": "x" * 129}) == (400, "INVALID_STRING_MAX_LENGTH")


@pytest.mark.parametrize("step", ["cancel", "suspend", "revise"])
def test_what_waits_for_consent_cannot_be_changed(shop: PayPalShop, step: str) -> None:
    identifier = shop.waiting_subscription()
    body = {} if step == "revise" else {"reason": "x"}
    assert shop.refused(f"{PATH}/{identifier}/{step}", body) == (422, "SUBSCRIPTION_STATUS_INVALID")


def test_a_pause_charges_nothing_and_says_no_date(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    assert shop.raw("POST", f"{PATH}/{identifier}/suspend", {"reason": "Holiday"}).status_code == 204
    data = shop.subscription_data(identifier)
    assert (data["status"], "next_billing_time" in data["billing_info"]) == ("SUSPENDED", False)
    shop.server.advance(days=75)
    assert len(shop.server.objects("sale")) == 1
    assert shop.raw("POST", f"{PATH}/{identifier}/activate", {}).status_code == 204
    assert shop.subscription_data(identifier)["billing_info"]["next_billing_time"] == "2027-01-31T12:00:00Z"
    shop.server.advance(days=20)
    assert len(shop.server.objects("sale")) == 2


def test_a_revision_waits_for_consent_and_bills_from_the_next_period(shop: PayPalShop) -> None:
    shop.plan("P-TEAM", "49.00")
    identifier = shop.subscription()
    answer = shop.post(f"{PATH}/{identifier}/revise", {"plan_id": "P-TEAM", "quantity": "2"})
    assert "approve" in links_of(answer)
    assert shop.subscription_data(identifier)["plan_id"] == "P-PRO"
    shop.server.approve_change(identifier)
    data = shop.subscription_data(identifier)
    assert (data["plan_id"], data["quantity"], len(shop.server.objects("sale"))) == ("P-TEAM", "2", 1)
    shop.server.renew(identifier)
    assert shop.subscription_data(identifier)["billing_info"]["last_payment"]["amount"] == money("98.0")
    with pytest.raises(ValueError, match="nobody asked"):
        shop.server.approve_change(identifier)


def test_a_revision_without_consent_changes_nothing(shop: PayPalShop) -> None:
    shop.plan("P-TEAM", "49.00")
    identifier = shop.subscription()
    shop.post(f"{PATH}/{identifier}/revise", {"plan_id": "P-TEAM"})
    shop.server.renew(identifier)
    assert shop.subscription_data(identifier)["billing_info"]["last_payment"]["amount"] == money("19.0")


def test_a_new_plan_with_another_frequency_begins_with_the_next_period(shop: PayPalShop) -> None:
    shop.plan("P-YEAR", "190.00", interval="year", trial_days=30)
    identifier = shop.subscription()
    shop.post(f"{PATH}/{identifier}/revise", {"plan_id": "P-YEAR"})
    shop.server.approve_change(identifier)
    shop.server.renew(identifier)
    data = shop.subscription_data(identifier)
    assert data["billing_info"]["last_payment"]["amount"] == money("190.0")
    assert data["billing_info"]["next_billing_time"] == "2027-11-30T12:00:00Z"


def test_a_revision_stays_within_the_product(shop: PayPalShop) -> None:
    shop.plan("P-OTHER", "9.00", product="ANOTHER-PRODUCT")
    path = f"{PATH}/{shop.subscription()}/revise"
    assert shop.refused(path, {"plan_id": "P-OTHER"}) == (422, "PLAN_PRODUCT_NOT_COMPATIBLE")
    assert shop.refused(path, {"plan_id": "P-NONE"}) == (404, "INVALID_RESOURCE_ID")


def test_only_the_debt_is_captured(shop: PayPalShop) -> None:
    path = f"{PATH}/{shop.subscription()}/capture"
    body = {"note": "Pay", "capture_type": "EVERYTHING", "amount": money("1.00")}
    assert shop.refused(path, body) == (400, "INVALID_PARAMETER_VALUE")


def test_changes_take_no_idempotency_key(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    path = f"{PATH}/{identifier}/suspend"
    assert shop.raw("POST", path, {"reason": "x"}, key="same").status_code == 204
    assert shop.refused(path, {"reason": "x"}, key="same") == (422, "SUBSCRIPTION_STATUS_INVALID")
    assert shop.server.now == NOW
