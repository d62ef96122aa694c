"""Plans, invoices, events, and paging."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from paylattice import EventType, Invoice, InvoiceStatus, Money, Plan
from paylattice.errors import InvalidRequest, InvalidResponse
from paylattice.providers.stripe import api

from .samples import START, event, invoice, metered_price, price, subscription
from .support import World, listing, missing, refusal

product = {"id": "prod_1", "object": "product", "name": "Pro", "active": True}


def test_a_plan_is_a_price_with_its_product(world: World) -> None:
    world.on("GET", "/v1/prices/price_pro", price(product=product))
    assert world.run(world.provider.get_plan("price_pro")) == Plan(
        id="price_pro",
        name="Pro",
        amount=Money(1900, "USD"),
        interval="month",
        product_id="prod_1",
        metadata={"tier": "pro"},
        provider="stripe",
    )
    assert world.server.only("GET").query == {"expand[0]": "product"}


def test_a_missing_plan_is_none(world: World) -> None:
    world.on("GET", "/v1/prices/price_pro", missing())
    assert world.run(world.provider.get_plan("price_pro")) is None


@pytest.mark.parametrize(
    ("changes", "attribute", "expected"),
    [
        ({"nickname": "Monthly"}, "name", "Monthly"),
        ({"product": None}, "name", None),
        ({"unit_amount": None, "unit_amount_decimal": "0.5"}, "amount", None),
        ({"currency": "doubloons"}, "amount", None),
        ({"transform_quantity": {"divide_by": 100, "round": "up"}}, "amount", None),
        ({"unit_amount": 500, "currency": "jpy"}, "amount", Money(500, "JPY")),
        ({"recurring": {"interval": "week", "interval_count": 2}}, "interval_count", 2),
        ({"recurring": {"interval": "month", "trial_period_days": 14}}, "trial_days", 14),
        ({"recurring": None}, "interval", None),
        ({"recurring": {"usage_type": "metered"}}, "metered", True),
        ({"active": False}, "active", False),
        ({"product": {**product, "active": False}}, "active", False),
        ({"active": None}, "active", True),
    ],
)
def test_every_kind_of_price_is_a_plan(world: World, changes: dict[str, Any], attribute: str, expected: object) -> None:
    world.on("GET", "/v1/prices/price_pro", price(**changes))
    assert getattr(world.run(world.provider.get_plan("price_pro")), attribute) == expected


def test_plans_that_can_be_subscribed_to_are_listed(world: World) -> None:
    retired = price(id="price_old", product={**product, "active": False})
    world.on("GET", "/v1/prices", listing(price(product=product), retired, more=True), listing(metered_price()))
    assert [plan.id for plan in world.run(world.provider.list_plans())] == ["price_pro", "price_calls"]
    assert world.server.seen[0].query == {
        "active": "true",
        "type": "recurring",
        "expand[0]": "data.product",
        "limit": "100",
    }


def test_an_invoice_is_read(world: World) -> None:
    world.on("GET", "/v1/invoices", listing(invoice()))
    (found,) = world.run(world.provider.get_invoices("cus_1"))
    assert found == Invoice(
        id="in_1",
        customer_id="cus_1",
        amount=Money(1900, "USD"),
        status=InvoiceStatus.PAID,
        paid_at=datetime.fromtimestamp(START + 5, UTC),
        amount_due=Money(1900, "USD"),
        amount_paid=Money(1900, "USD"),
        subscription_id="sub_1",
        number="A-1",
        hosted_url="https://invoice.stripe.com/i/1",
        pdf_url="https://pay.stripe.com/invoice/1/pdf",
        created_at=datetime.fromtimestamp(START, UTC),
        raw_status="paid",
        provider="stripe",
    )
    assert world.server.only("GET").query == {"customer": "cus_1", "limit": "10", "expand[0]": "data.payments"}


@pytest.mark.parametrize(
    ("changes", "attribute", "expected"),
    [
        ({"subscription": "sub_9", "parent": None}, "subscription_id", "sub_9"),
        ({"subscription": {"id": "sub_9"}}, "subscription_id", "sub_9"),
        ({"parent": {"subscription_details": {"subscription": subscription(id="sub_8")}}}, "subscription_id", "sub_8"),
        ({"parent": None}, "subscription_id", None),
        ({"status": "draft"}, "status", InvoiceStatus.DRAFT),
        ({"status": "open"}, "status", InvoiceStatus.OPEN),
        ({"status": "void"}, "status", InvoiceStatus.VOID),
        ({"status": "uncollectible"}, "status", InvoiceStatus.UNCOLLECTIBLE),
        ({"status": "in_orbit"}, "status", InvoiceStatus.UNKNOWN),
        ({"status": None}, "status", InvoiceStatus.UNKNOWN),
        ({"total": -500}, "amount", Money(-500, "USD")),
        ({"due_date": START}, "due_date", datetime.fromtimestamp(START, UTC)),
        ({"due_date": 10**30}, "due_date", None),
    ],
)
def test_invoices_of_all_versions_are_read(
    world: World, changes: dict[str, Any], attribute: str, expected: object
) -> None:
    world.on("GET", "/v1/invoices", listing(invoice(**changes)))
    (found,) = world.run(world.provider.get_invoices("cus_1"))
    assert getattr(found, attribute) == expected


@pytest.mark.parametrize("changes", [{"total": None}, {"total": "1900"}, {"currency": None}, {"id": ""}])
def test_an_invoice_without_identity_or_money_is_an_invalid_response(world: World, changes: dict[str, Any]) -> None:
    world.on("GET", "/v1/invoices", listing(invoice(**changes)))
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_invoices("cus_1"))


def test_invoices_are_paged_up_to_the_limit(world: World) -> None:
    first = [invoice(id=f"in_{number}") for number in range(100)]
    second = [invoice(id=f"in_{number}") for number in range(100, 150)]
    world.on("GET", "/v1/invoices", listing(*first, more=True), listing(*second, more=True))
    found = world.run(world.provider.get_invoices("cus_1", 150, subscription_id="sub_1"))
    assert [one.id for one in found] == [f"in_{number}" for number in range(150)]
    assert [request.query for request in world.server.seen] == [
        {"customer": "cus_1", "subscription": "sub_1", "expand[0]": "data.payments", **page}
        for page in ({"limit": "100"}, {"limit": "50", "starting_after": "in_99"})
    ]


def test_no_more_than_the_limit_is_returned_whatever_stripe_sends(world: World) -> None:
    world.on("GET", "/v1/invoices", listing(invoice(id="in_1"), invoice(id="in_2"), invoice(id="in_3"), more=True))
    assert len(world.run(world.provider.get_invoices("cus_1", 2))) == 2


def test_a_page_that_brings_nothing_new_ends_the_list(world: World) -> None:
    again = listing(invoice(), more=True)
    world.on("GET", "/v1/invoices", again, again)
    assert [one.id for one in world.run(world.provider.get_invoices("cus_1", 500))] == ["in_1"]


@pytest.mark.parametrize("more", ["true", 1, None])
def test_only_true_means_that_there_is_more(world: World, more: object) -> None:
    world.on("GET", "/v1/invoices", {**listing(invoice()), "has_more": more})
    assert len(world.run(world.provider.get_invoices("cus_1", 500))) == 1


def test_a_list_without_end_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_MOST_PAGES", 3)
    world.on("GET", "/v1/prices", *[listing(price(id=f"price_{number}"), more=True) for number in range(3)])
    with pytest.raises(InvalidResponse, match="pages"):
        world.run(world.provider.list_plans())


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [None]}, {"data": "abc"}])
def test_what_is_no_list_is_an_invalid_response(world: World, body: dict[str, object]) -> None:
    world.on("GET", "/v1/invoices", body)
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_invoices("cus_1"))


def test_a_list_for_an_unknown_customer_is_an_invalid_request(world: World) -> None:
    world.on("GET", "/v1/invoices", refusal(400, "resource_missing", param="customer"))
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.get_invoices("cus_404"))
    assert caught.value.param == "customer"


def test_events_are_listed_oldest_first(world: World) -> None:
    newest, middle, oldest = (event(id=f"evt_{number}", created=START + number) for number in (3, 2, 1))
    world.on("GET", "/v1/events", listing(newest, middle, more=True), listing(oldest))
    since = datetime.fromtimestamp(START, UTC)
    found = world.run(world.provider.list_events(since))
    assert [one.id for one in found] == ["evt_1", "evt_2", "evt_3"]
    assert found[0].type is EventType.CUSTOMER_UPDATED
    assert world.server.seen[0].query == {"created[gte]": str(START), "limit": "100"}
    assert world.server.seen[1].query["starting_after"] == "evt_2"


def test_the_limit_keeps_the_oldest_events(world: World) -> None:
    events = [event(id=f"evt_{number}", created=START + number) for number in range(5, 0, -1)]
    world.on("GET", "/v1/events", listing(*events))
    found = world.run(world.provider.list_events(datetime.fromtimestamp(START, UTC), 2))
    assert [one.id for one in found] == ["evt_1", "evt_2"]


def test_an_event_that_cannot_be_read_does_not_hide_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.on("GET", "/v1/events", listing(event(id="evt_2"), event(type=None)))
    found = world.run(world.provider.list_events(datetime.fromtimestamp(START, UTC)))
    assert [one.id for one in found] == ["evt_2"]
    assert "cannot be read" in caplog.text


def test_a_list_on_an_error_page_is_an_invalid_response(world: World) -> None:
    world.on("GET", "/v1/prices", httpx.Response(200, text="<html>maintenance</html>"))
    with pytest.raises(InvalidResponse):
        world.run(world.provider.list_plans())


# https://docs.stripe.com/api/plans/object: what was sold before there were prices, and what old versions embed


@pytest.mark.parametrize(
    ("changes", "amount", "metered"),
    [
        ({}, Money(1900, "USD"), False),
        ({"amount": 0}, Money(0, "USD"), False),
        ({"amount": None, "billing_scheme": "tiered", "usage_type": "metered"}, None, True),
        ({"transform_usage": {"divide_by": 10, "round": "up"}}, None, False),
    ],
)
def test_a_plan_of_the_old_kind_is_read_like_a_price(
    world: World, changes: dict[str, Any], amount: Money | None, metered: bool
) -> None:
    plan = {
        "id": "gold",
        "object": "plan",
        "active": True,
        "amount": 1900,
        "currency": "usd",
        "interval": "month",
        "interval_count": 3,
        "name": "Gold",
        "product": "prod_1",
        "trial_period_days": 14,
        "usage_type": "licensed",
        **changes,
    }
    world.on("GET", "/v1/prices/gold", plan)
    found = world.run(world.provider.get_plan("gold"))
    assert found is not None
    assert (found.id, found.name, found.amount, found.metered) == ("gold", "Gold", amount, metered)
    assert (found.interval, found.interval_count, found.trial_days) == ("month", 3, 14)
