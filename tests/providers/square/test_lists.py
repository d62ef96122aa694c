"""Lists: pages, cursors, order; invoices, plans, events."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from paylattice import EventType, InvoiceStatus, Money, Plan, SubscriptionStatus
from paylattice.errors import InvalidRequest, InvalidResponse
from paylattice.providers.square.catalog import plan_from
from paylattice.providers.square.wire import invoice_from

from .samples import customer, event, invoice, payment_request, phase, plan, subscription, unpaid, usd, variation
from .support import LOCATION, World, configuration, missing, refusal

SEARCH = "/v2/invoices/search"


def bills(world: World, *pages: object, **arguments: Any) -> list[Any]:
    world.on("POST", SEARCH, *pages)
    gone = httpx.Response(404, json={"errors": [{"category": "INVALID_REQUEST_ERROR", "code": "NOT_FOUND"}]})
    world.always("GET", "/v2/subscriptions/SUB1", gone).always("GET", "/v2/subscriptions/SUB2", gone)
    return world.run(world.provider.get_invoices("CUST1", **arguments))


def test_invoices_are_those_of_the_customer_at_the_location_newest_first(world: World) -> None:
    found = bills(
        world,
        {
            "invoices": [
                invoice(id="inv:2", created_at="2026-09-02T00:00:00Z"),
                invoice(id="inv:3", created_at="2026-09-03T00:00:00Z"),
            ]
        },
    )
    assert [one.id for one in found] == ["inv:3", "inv:2"]
    assert world.server.only("POST").body == {
        "query": {
            "filter": {"location_ids": [LOCATION], "customer_ids": ["CUST1"]},
            "sort": {"field": "INVOICE_SORT_DATE", "order": "DESC"},
        },
        "limit": 100,
    }


def test_pages_are_read_until_there_are_enough(world: World) -> None:
    found = bills(
        world,
        {"invoices": [invoice(id="inv:1")], "cursor": "a"},
        {"cursor": "b"},
        {"invoices": [invoice(id="inv:1"), invoice(id="inv:2"), invoice(id="inv:3")], "cursor": "c"},
        limit=2,
    )
    assert [one.id for one in found] == ["inv:1", "inv:2"]
    assert [seen.body.get("cursor") for seen in world.server.seen if seen.method == "POST"] == [None, "a", "b"]


def test_only_a_missing_cursor_ends_a_list(world: World) -> None:
    found = bills(world, {"cursor": "a"}, {"invoices": [], "cursor": "b"}, {"invoices": [invoice()], "cursor": ""})
    assert [one.id for one in found] == ["inv:0-1"]


def test_an_empty_list_of_a_customer_that_exists_is_empty(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()})
    assert bills(world, {}) == []


def test_a_cursor_that_is_too_old_begins_the_list_anew_once(world: World) -> None:
    old = refusal(400, "INVALID_CURSOR")
    first = {"invoices": [invoice(id="inv:1")], "cursor": "a"}
    found = bills(world, first, old, first, {"invoices": [invoice(id="inv:2")]})
    assert [one.id for one in found] == ["inv:1", "inv:2"]
    with pytest.raises(InvalidRequest) as caught:
        bills(world, first, old, first, old)
    assert caught.value.code == "INVALID_CURSOR"


def test_a_list_that_does_not_end_is_given_up(world: World) -> None:
    world.always("POST", SEARCH, {"invoices": [], "cursor": "again"})
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_invoices("CUST1"))
    count = iter(range(10**6))
    world.always("POST", SEARCH, lambda _seen: _json({"cursor": f"c{next(count)}"}))
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_invoices("CUST1"))


def test_what_is_no_list_is_no_answer(world: World) -> None:
    with pytest.raises(InvalidResponse):
        bills(world, {"invoices": {"id": 1}})


def test_a_search_is_a_read_and_tried_again(world: World) -> None:
    found = bills(world, httpx.Response(503), httpx.ReadTimeout("late"), {"invoices": [invoice()]})
    assert len(found) == 1
    assert len(world.slept) == 2


def test_invoices_of_one_subscription_are_told_apart(world: World) -> None:
    page = {
        "invoices": [
            invoice(id="inv:1", subscription_id="SUB2"),
            invoice(id="inv:2"),
            invoice(id="inv:3", subscription_id=None),
        ]
    }
    assert [one.id for one in bills(world, page, subscription_id="SUB1")] == ["inv:2"]


def test_an_invoice_is_the_sum_of_its_payment_requests() -> None:
    deposit = payment_request(
        computed_amount_money=usd(500), total_completed_amount_money=usd(500), due_date="2026-09-01"
    )
    balance = payment_request(
        computed_amount_money=usd(1500), total_completed_amount_money=usd(200), due_date="2026-10-01"
    )
    requests = [{**one, "automatic_payment_source": "NONE"} for one in (deposit, balance)]
    found = invoice_from(invoice(status="PARTIALLY_PAID", payment_requests=requests))
    assert (found.amount, found.amount_due, found.amount_paid) == (
        Money(2000, "USD"),
        Money(2000, "USD"),
        Money(700, "USD"),
    )
    assert found.due_date == datetime(2026, 10, 1, 7, tzinfo=UTC)
    assert (found.number, found.hosted_url) == ("0001", "https://squareup.com/pay-invoice/inv:0-1")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("DRAFT", InvoiceStatus.DRAFT),
        ("SCHEDULED", InvoiceStatus.OPEN),
        ("UNPAID", InvoiceStatus.OPEN),
        ("PARTIALLY_PAID", InvoiceStatus.OPEN),
        ("PAYMENT_PENDING", InvoiceStatus.OPEN),
        ("PAID", InvoiceStatus.PAID),
        ("REFUNDED", InvoiceStatus.PAID),
        ("PARTIALLY_REFUNDED", InvoiceStatus.PAID),
        ("CANCELED", InvoiceStatus.VOID),
        ("FAILED", InvoiceStatus.VOID),
        ("A_WORD_OF_2031", InvoiceStatus.UNKNOWN),
    ],
)
def test_an_invoice_s_status(word: str, status: InvoiceStatus) -> None:
    assert invoice_from(invoice(status=word)).status is status


def test_a_draft_that_asks_for_nothing_is_zero(world: World) -> None:
    (found,) = bills(world, {"invoices": [invoice(status="DRAFT", payment_requests=None)]})
    assert found.amount == Money(0, "USD")


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://squareup.com/x", 7])
def test_an_invoice_s_page_is_https_or_none(address: object) -> None:
    assert invoice_from(invoice(public_url=address)).hosted_url is None


# --- subscriptions -----------------------------------------------------------------------------------------------------


def test_subscriptions_are_listed_newest_first_each_with_its_state(world: World) -> None:
    old = subscription(id="SUB0", created_at="2026-01-01T00:00:00Z", status="CANCELED", invoice_ids=["inv:9"])
    owing = subscription(id="SUB2", created_at="2026-09-06T00:00:00Z", invoice_ids=["inv:2", "inv:1"])
    unknown = subscription(id="SUB3", created_at=None, status="PAUSED")
    world.on(
        "POST", "/v2/subscriptions/search", {"subscriptions": [old], "cursor": "a"}, {"subscriptions": [owing, unknown]}
    )
    world.on("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    world.on("GET", "/v2/invoices/inv%3A2", {"invoice": unpaid(id="inv:2")})
    world.on("GET", "/v2/invoices/inv%3A1", {"invoice": invoice(id="inv:1")})
    found = world.run(world.provider.list_subscriptions("CUST1"))
    assert [(one.id, one.status) for one in found] == [
        ("SUB2", SubscriptionStatus.PAST_DUE),
        ("SUB0", SubscriptionStatus.CANCELED),
        ("SUB3", SubscriptionStatus.PAUSED),
    ]
    assert world.server.seen[0].body == {"query": {"filter": {"customer_ids": ["CUST1"]}}, "include": ["actions"]}


# --- plans -------------------------------------------------------------------------------------------------------------


def test_a_plan_is_a_variation(world: World) -> None:
    free = variation(phase(0, "WEEKLY", ordinal=0, periods=2), phase(2900, "QUARTERLY", ordinal=1))
    world.on("GET", "/v2/catalog/object/VAR1", {"object": free})
    assert world.run(world.provider.get_plan("VAR1")) == Plan(
        id="VAR1",
        name="Monthly",
        amount=Money(2900, "USD"),
        interval="month",
        interval_count=3,
        trial_days=14,
        product_id="PLAN1",
        provider="square",
    )


@pytest.mark.parametrize(
    "answer",
    [missing(), {"object": plan()}, {"object": {"type": "ITEM", "id": "VAR1"}}, {"object": variation(is_deleted=True)}],
)
def test_what_is_no_plan_variation_is_none(world: World, answer: object) -> None:
    world.on("GET", "/v2/catalog/object/VAR1", answer)
    assert world.run(world.provider.get_plan("VAR1")) is None


def test_plans_are_listed_once_wherever_they_stand(world: World) -> None:
    elsewhere = variation(id="VAR3", present_at_all_locations=False, present_at_location_ids=["L2"])
    here = variation(id="VAR4", present_at_all_locations=False, present_at_location_ids=[LOCATION])
    absent = variation(id="VAR5", absent_at_location_ids=[LOCATION])
    world.on(
        "GET",
        "/v2/catalog/list",
        {"objects": [plan(variation(), variation(id="VAR2", is_deleted=True))], "cursor": "a"},
        {"objects": [variation(), elsewhere, here, absent]},
    )
    found = world.run(world.provider.list_plans())
    assert [one.id for one in found] == ["VAR1", "VAR4"]
    assert world.server.seen[0].query == {"types": "SUBSCRIPTION_PLAN,SUBSCRIPTION_PLAN_VARIATION"}


def test_a_plan_reads_the_same_alone_and_in_the_list(world: World) -> None:
    world.on("GET", "/v2/catalog/list", {"objects": [plan(variation()), variation()]})
    world.on("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    (listed,) = world.run(world.provider.list_plans())
    assert world.run(world.provider.get_plan("VAR1")) == listed


@pytest.mark.parametrize(
    ("cadence", "interval", "count"),
    [
        ("DAILY", "day", 1),
        ("EVERY_TWO_WEEKS", "week", 2),
        ("NINETY_DAYS", "day", 90),
        ("ANNUAL", "year", 1),
        ("NEVER", None, 1),
    ],
)
def test_a_cadence_is_an_interval(cadence: str, interval: str | None, count: int) -> None:
    found = plan_from(variation(phase(cadence=cadence)))
    assert (found.interval, found.interval_count) == (interval, count)


def test_old_and_relative_prices() -> None:
    old = plan_from(variation({"cadence": "MONTHLY", "recurring_price_money": usd(1500)}))
    assert old.amount == Money(1500, "USD")
    assert plan_from(variation({"cadence": "MONTHLY", "pricing": {"type": "RELATIVE"}})).amount is None


# --- events ------------------------------------------------------------------------------------------------------------


def test_events_are_listed_oldest_first_since_a_time(world: World) -> None:
    since = datetime(2026, 9, 20, tzinfo=UTC)
    pages = (
        {
            "events": [
                event(event_id="e1", created_at="2026-09-20T00:00:00Z"),
                event(event_id="e0", created_at="2026-09-19T23:59:59Z"),
            ],
            "cursor": "a",
        },
        {
            "events": [
                event(event_id="e3", created_at="2026-09-21T02:00:00Z"),
                event(event_id="e2", created_at="2026-09-21T01:00:00Z"),
            ]
        },
    )
    world.on("POST", "/v2/events", *pages)
    found = world.run(world.provider.list_events(since))
    assert [one.id for one in found] == ["e1", "e2", "e3"]
    assert found[0].type is EventType.CUSTOMER_UPDATED
    assert found[0].livemode is True
    assert world.server.seen[0].body == {
        "query": {
            "filter": {"created_at": {"start_at": "2026-09-20T00:00:00.000Z"}},
            "sort": {"field": "DEFAULT", "order": "ASC"},
        },
        "limit": 100,
    }


def test_events_are_kept_for_28_days(world: World) -> None:
    world.on("POST", "/v2/events", {})
    assert world.run(world.provider.list_events(datetime(2020, 1, 1, tzinfo=UTC))) == []
    start = datetime.fromisoformat(world.server.seen[0].body["query"]["filter"]["created_at"]["start_at"])
    now = datetime.fromtimestamp(world.now, UTC)
    assert timedelta(days=27) < now - start < timedelta(days=28)


def test_there_are_no_events_from_the_future(world: World) -> None:
    assert world.run(world.provider.list_events(datetime(2030, 1, 1, tzinfo=UTC))) == []
    assert world.server.seen == []


def test_an_event_that_cannot_be_read_does_not_hide_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    since = datetime(2026, 9, 20, tzinfo=UTC)
    world.on("POST", "/v2/events", {"events": [event(type=None), event(event_id="e2")]})
    assert [one.id for one in world.run(world.provider.list_events(since))] == ["e2"]
    assert "cannot be read" in caplog.text


def test_events_are_as_many_as_asked_for(world: World) -> None:
    since = datetime(2026, 9, 20, tzinfo=UTC)
    world.on("POST", "/v2/events", {"events": [event(event_id=f"e{n}") for n in range(5)], "cursor": "a"})
    assert len(world.run(world.provider.list_events(since, limit=3))) == 3


def test_sandbox_events_are_no_live_ones() -> None:
    world = World(config=configuration(environment="sandbox"))
    world.on("POST", "/v2/events", {"events": [event()]})
    (found,) = world.run(world.provider.list_events(datetime(2026, 9, 20, tzinfo=UTC)))
    assert found.livemode is False


def _json(value: object) -> Any:
    return httpx.Response(200, json=value)
