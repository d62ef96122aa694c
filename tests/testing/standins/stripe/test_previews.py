"""Previews of invoices: what the stand-in takes, what it refuses, and that it keeps nothing of them."""

from typing import Any

import pytest

from paylattice import Money
from paylattice.errors import InvalidResponse, NetworkError, OutcomeUnknown, ProviderUnavailable

from .support import Shop

PREVIEW = "/v1/invoices/create_preview"
ITEM = "subscription_details[items][0]"


@pytest.fixture
def shop() -> Shop:
    """A subscription, half way through its month."""
    shop = Shop("blocking", attempts=2)
    shop.server.add_plan("price_max", Money(4900, "USD"))
    shop.subscription()
    shop.server.advance(days=15)
    return shop


def preview(shop: Shop, **details: Any) -> Any:
    named = {f"subscription_details[{name}]": value for name, value in details.items()}
    found = {f"{ITEM}[id]": "si_standin000001", f"{ITEM}[price]": "price_max"} if "items" not in details else {}
    return shop.raw("POST", PREVIEW, subscription="sub_standin000001", **found, **named).json()


def test_a_preview_is_a_draft_that_nobody_finds(shop: Shop) -> None:
    before = shop.server.snapshot()
    found = preview(shop, proration_behavior="always_invoice")
    assert (found["status"], found["billing_reason"], found["number"]) == ("draft", "upcoming", None)
    assert found["id"].startswith("upcoming_in")
    assert (found["total"], found["amount_due"], found["amount_paid"]) == (1500, 1500, 0)
    assert shop.server.snapshot() == before
    assert shop.raw("GET", f"/v1/invoices/{found['id']}").status_code == 404


def test_without_an_invoice_of_its_own_the_change_comes_with_the_next_one(shop: Shop) -> None:
    amounts = [line["amount"] for line in preview(shop)["lines"]["data"]]
    assert amounts == [4900, -950, 2450]
    recurring = shop.raw("POST", PREVIEW, subscription="sub_standin000001", preview_mode="recurring").json()
    assert [line["amount"] for line in recurring["lines"]["data"]] == [1900]


def test_a_date_of_the_proration_is_kept_to(shop: Shop) -> None:
    begin = int(shop.server.now.timestamp()) - 15 * 86_400
    assert preview(shop, proration_behavior="always_invoice", proration_date=begin)["total"] == 3000
    refused = [
        preview(shop, proration_date=begin - 1),
        preview(shop, proration_date=begin, proration_behavior="none"),
        shop.raw(
            "POST",
            PREVIEW,
            subscription="sub_standin000001",
            **{"subscription_details[proration_date]": str(begin)},
        ).json(),
    ]
    assert [each["error"]["param"] for each in refused] == ["subscription_details[proration_date]"] * 3


def test_at_most_twenty_items_are_taken(shop: Shop) -> None:
    items = {f"subscription_details[items][{number}][price]": "price_max" for number in range(21)}
    found = shop.raw("POST", PREVIEW, subscription="sub_standin000001", **items).json()
    assert found["error"]["param"] == "subscription_details[items]"


def test_what_has_ended_has_no_next_invoice(shop: Shop) -> None:
    shop.raw("DELETE", "/v1/subscriptions/sub_standin000001")
    assert preview(shop)["error"]["code"] == "invoice_upcoming_none"


def test_what_waits_for_an_invoice_is_asked_for_when_the_subscription_ends_with_its_period(shop: Shop) -> None:
    subscription = "sub_standin000001"
    shop.run(shop.provider.change_subscription(subscription, plan_id="price_max"))
    shop.run(shop.provider.cancel_subscription(subscription, at_period_end=True))
    taken = shop.server.money_taken()
    shop.server.advance(days=16)
    assert shop.server.money_taken() - taken == 1500


def test_a_preview_is_repeated_and_its_failure_leaves_nothing_open(shop: Shop) -> None:
    ask = shop.provider.preview_change
    shop.server.faults.lose_next_answer(path=PREVIEW)
    assert shop.run(ask("sub_standin000001", plan_id="price_max")).due_now == Money(0, "USD")
    shop.server.faults.lose_next_answer(path=PREVIEW, times=2)
    with pytest.raises(NetworkError) as lost:
        shop.run(ask("sub_standin000001", plan_id="price_max"))
    shop.server.faults.answer_next(503, path=PREVIEW, times=2)
    with pytest.raises(ProviderUnavailable) as down:
        shop.run(ask("sub_standin000001", plan_id="price_max"))
    shop.server.faults.answer_next(200, b"{}", path=PREVIEW)
    with pytest.raises(InvalidResponse) as broken:
        shop.run(ask("sub_standin000001", plan_id="price_max"))
    for each in (lost, down, broken):
        assert not isinstance(each.value, OutcomeUnknown)
