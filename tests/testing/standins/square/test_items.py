"""Item-based plans, which Square's Dashboard makes: what they cost, and how they are subscribed to and changed to.

https://developer.squareup.com/docs/subscriptions-api/manage-subscriptions#phases-and-order-templates
"""

from typing import Any

import pytest

from paylattice import CheckoutStatus, Money, SubscriptionStatus
from paylattice.errors import InvalidRequest, OutcomeUnknown
from paylattice.models import ScheduledChange

from .support import LOCATION, NO, OK, Market, usd

BOX, BIG = Money(2500, "USD"), Money(4000, "USD")


@pytest.fixture
def market() -> Market:
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_plan("BOX", BOX, item=market.server.add_item("coffee", BOX))
    market.server.add_plan("BIG", BIG, item=market.server.add_item("much coffee", BIG))
    return market


def carded(market: Market) -> tuple[str, str]:
    customer = market.customer()
    return customer, market.server.add_payment_method(customer)


def prices(market: Market) -> list[int]:
    return [each["payment_requests"][0]["computed_amount_money"]["amount"] for each in market.server.objects("invoice")]  # type: ignore[index]  # as the stand-in shows it


def test_a_plan_costs_what_its_item_costs(market: Market) -> None:
    found = market.run(market.provider.get_plan("BOX"))
    assert found is not None
    assert (found.amount, found.interval) == (BOX, "month")
    listed = {plan.id: plan.amount for plan in market.run(market.provider.list_plans())}
    assert listed == {"PRO": Money(1900, "USD"), "BOX": BOX, "BIG": BIG}


def test_reading_plans_takes_two_requests_more_however_many_there_are(market: Market) -> None:
    market.server.forget_requests()
    market.run(market.provider.list_plans())
    assert [seen.path for seen in market.server.requests].count("/v2/catalog/batch-retrieve") == 2


def test_a_location_can_have_a_price_of_its_own(market: Market) -> None:
    (variation,) = market.server._world.all(
        "catalog", lambda row: row.get("item_variation_data", {}).get("item_id") == "coffee"
    )
    about = variation["item_variation_data"]
    about["location_overrides"] = [
        {"location_id": "LNONE", "price_money": usd(1)},
        {"location_id": LOCATION, "price_money": usd(2600)},
    ]
    found = market.run(market.provider.get_plan("BOX"))
    assert found is not None
    assert found.amount == Money(2600, "USD")
    about["location_overrides"] = [{"location_id": LOCATION, "pricing_type": "VARIABLE_PRICING"}]
    found = market.run(market.provider.get_plan("BOX"))
    assert found is not None
    assert found.amount is None


def test_a_discount_makes_the_price_unknown(market: Market) -> None:
    (phase,) = market.server._world.need("catalog", "BOX")["subscription_plan_variation_data"]["phases"]
    phase["pricing"]["discount_ids"] = ["DISCOUNT"]
    found = market.run(market.another().get_plan("BOX"))
    assert found is not None
    assert found.amount is None


def test_a_card_on_file_subscribes_and_is_charged_for_the_item(market: Market) -> None:
    customer, card = carded(market)
    begun = market.run(market.provider.create_subscription(customer, "BOX", payment_method_id=card))
    assert (begun.subscription.plan_id, begun.subscription.plan_overridden) == ("BOX", False)
    market.server.renew(begun.subscription.id)
    assert prices(market) == [2500, 2500]
    found = market.run(market.provider.get_subscription(begun.subscription.id))
    assert found is not None
    assert found.status is SubscriptionStatus.ACTIVE
    (template,) = [each for each in market.server.objects("order") if each["state"] == "DRAFT"]
    assert template["line_items"][0]["catalog_object_id"] == "CATSTANDIN000002"  # type: ignore[index]  # as the stand-in shows it


def test_a_lost_answer_makes_one_subscription_and_one_template(market: Market) -> None:
    customer, card = carded(market)
    for _ in range(2):
        market.server.faults.lose_next_answer()
        market.run(
            market.provider.create_subscription(customer, "BOX", payment_method_id=card, idempotency_key="key-1")
        )
    assert market.server.count("subscription") == 1
    assert len([each for each in market.server.objects("order") if each["state"] == "DRAFT"]) == 1


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/subscriptions"], ids=["the template", "the subscription"])
@pytest.mark.parametrize("operation", ["create_subscription", "change_subscription"])
@pytest.mark.parametrize("in_another_process", [False, True])
def test_when_no_answer_comes_back_to_one_of_the_two_writes_both_are_done_once(
    market: Market, path: str, operation: str, in_another_process: bool
) -> None:
    customer, card = carded(market)
    subscription_id = market.server.add_subscription(customer, "PRO", card=card)

    def call(provider: Any) -> Any:
        if operation == "create_subscription":
            return provider.create_subscription(customer, "BOX", payment_method_id=card, idempotency_key="key-1")
        return provider.change_subscription(subscription_id, plan_id="BOX", idempotency_key="key-1")

    market.server.faults.lose_next_answer(times=4, path=path)
    try:
        market.run(call(market.provider))
    except OutcomeUnknown as error:
        market.server.faults.clear()
        market.run(call(market.another()) if in_another_process else market.provider.recover(error))
    found = market.run(market.provider.list_subscriptions(customer))
    ours = [each for each in found if each.plan_id == "BOX" or each.scheduled_changes]
    assert len(ours) == 1
    assert len([each for each in market.server.objects("order") if each["state"] == "DRAFT"]) == 1


def test_each_relative_phase_has_a_template_and_a_free_one_has_none(market: Market) -> None:
    market.server.add_plan("TRIED", BOX, item="coffee", trial_periods=2)
    customer, card = carded(market)
    begun = market.run(market.provider.create_subscription(customer, "TRIED", payment_method_id=card))
    assert begun.subscription.status is SubscriptionStatus.TRIALING
    (phase,) = market.server.objects("subscription")[0]["phases"]  # type: ignore[misc]  # as the stand-in shows it
    assert phase["ordinal"] == 1
    market.server.advance(days=15)
    assert prices(market) == [2500]


def test_a_plan_is_changed_to_an_item_based_one_and_back(market: Market) -> None:
    customer, card = carded(market)
    subscription_id = market.server.add_subscription(customer, "PRO", card=card)
    change = market.run(market.provider.change_subscription(subscription_id, plan_id="BOX"))
    assert [(each.action, each.plan_id) for each in change.subscription.scheduled_changes] == [("change_plan", "BOX")]
    market.server.renew(subscription_id)
    market.run(market.provider.change_subscription(subscription_id, plan_id="BIG"))
    market.server.renew(subscription_id)
    change = market.run(market.provider.change_subscription(subscription_id, plan_id="PRO"))
    (at,) = change.subscription.scheduled_changes
    assert at == ScheduledChange("change_plan", at.effective_at, "PRO")
    market.server.renew(subscription_id)
    assert prices(market) == [1900, 2500, 4000, 1900]


def test_an_invoice_s_page_sells_it(market: Market) -> None:
    provider = market.another(checkout="invoice")
    session = market.run(provider.create_checkout_session(market.customer(), "BOX", OK, NO))
    market.server.complete_checkout(session.id.removeprefix("subscription:"))
    found = market.run(provider.get_checkout_session(session.id))
    assert found is not None
    assert found.status is CheckoutStatus.COMPLETE
    assert prices(market) == [2500]


def test_a_link_does_not_and_names_what_does(market: Market) -> None:
    """https://developer.squareup.com/forums/t/10361: links sell no itemized subscriptions."""
    with pytest.raises(InvalidRequest, match="create_subscription") as caught:
        market.run(market.provider.create_checkout_session(market.customer(), "BOX", OK, NO))
    assert caught.value.param == "plan_id"
    assert market.server.count("payment_link") == 0


def leaving_a_choice(market: Market, what: str) -> None:
    server = market.server
    match what:
        case "all items":
            server.add_plan("OPEN", BOX, relative=True)
        case "two sizes":
            server.add_plan("OPEN", BOX, item=server.add_item("tea", BOX, BIG))
        case "no price":
            server.add_plan("OPEN", BOX, item=server.add_item("tea", None))
        case "no such item":
            server.add_plan("OPEN", BOX, item="gone")


@pytest.mark.parametrize("what", ["all items", "two sizes", "no price", "no such item"])
def test_a_plan_that_leaves_a_choice_is_not_guessed(market: Market, what: str) -> None:
    leaving_a_choice(market, what)
    found = market.run(market.provider.get_plan("OPEN"))
    assert found is not None
    assert found.amount is None
    customer, card = carded(market)
    subscription_id = market.server.add_subscription(customer, "PRO", card=card)
    for call in (
        market.provider.create_subscription(customer, "OPEN", payment_method_id=card),
        market.provider.change_subscription(subscription_id, plan_id="OPEN"),
    ):
        with pytest.raises(InvalidRequest, match="one eligible item") as caught:
            market.run(call)
        assert caught.value.param == "plan_id"
    assert not [each for each in market.server.objects("order") if each["state"] == "DRAFT"]


# --- what the stand-in refuses -----------------------------------------------------------------------------------


def template(market: Market, item: str, location: str = LOCATION, **about: Any) -> str:
    (sold,) = market.server._world.all("catalog", lambda row: row.get("item_variation_data", {}).get("item_id") == item)
    line = {"quantity": "1", "catalog_object_id": sold["id"]}
    order = {"location_id": location, "line_items": [line], "state": "DRAFT", **about}
    return str(market.ok("POST", "/v2/orders", {"order": order})["order"]["id"])


def test_square_takes_a_draft_of_the_place_with_an_item_of_the_plan(market: Market) -> None:
    market.server.add_location("LOTHER")
    customer, card = carded(market)
    body = {"location_id": LOCATION, "customer_id": customer, "card_id": card, "plan_variation_id": "BOX"}
    refused = {
        "none": None,
        "another item": [{"ordinal": 0, "order_template_id": template(market, "much coffee")}],
        "another place": [{"ordinal": 0, "order_template_id": template(market, "coffee", "LOTHER")}],
        "no draft": [{"ordinal": 0, "order_template_id": template(market, "coffee", state="OPEN")}],
        "another phase": [{"ordinal": 1, "order_template_id": template(market, "coffee")}],
    }
    subscription_id = market.server.add_subscription(customer, "PRO", card=card)
    for why, phases in refused.items():
        given = {} if phases is None else {"phases": phases}
        assert market.refused("POST", "/v2/subscriptions", {**body, **given})[0] == 400, why
        swap = {"new_plan_variation_id": "BOX", **given}
        assert market.refused("POST", f"/v2/subscriptions/{subscription_id}/swap-plan", swap)[0] == 400, why
    good = [{"ordinal": 0, "order_template_id": template(market, "coffee")}]
    market.ok("POST", "/v2/subscriptions", {**body, "phases": good})
    wrong = {"location_id": LOCATION, "line_items": [{"quantity": "1", "catalog_object_id": "BOX"}]}
    assert market.refused("POST", "/v2/orders", {"order": wrong})[1] == "NOT_FOUND"
