"""Checkout by payment link: what is sent, and how what came of it is found."""

import json
from typing import Any

import pytest

from paylattice import CheckoutStatus, Money
from paylattice.errors import InvalidRequest, OutcomeUnknown
from paylattice.providers.square.requests import mark_of

from .samples import (
    customer,
    invoice,
    link,
    order,
    paid_order,
    payment,
    phase,
    plan,
    subscription,
    usd,
    variation,
)
from .support import World, configuration, location, missing

THANKS, BACK = "https://shop.example/thanks", "https://shop.example/plans"
LINKS = "/v2/online-checkout/payment-links"


def started(world: World, plan: dict[str, Any] | None = None, made: dict[str, Any] | None = None, **more: Any) -> Any:
    world.always("GET", "/v2/catalog/object/VAR1", {"object": plan or variation()})
    world.always("GET", "/v2/customers/CUST1", {"customer": customer()})
    world.always("POST", LINKS, {"payment_link": made or link()})
    return world.run(world.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK, {"org_id": "org-1"}, **more))


def test_a_link_charges_what_the_plan_costs_and_says_nothing_to_the_buyer(world: World) -> None:
    session = started(world, customer_email="billing@example.com", idempotency_key="k1")
    assert world.server.writes[0].body == {
        "idempotency_key": "k1",
        "description": '{"customer_id":"CUST1","plan_id":"VAR1","metadata":{"org_id":"org-1"}}',
        "quick_pay": {"name": "Monthly", "price_money": usd(1900), "location_id": "L88917AVBK2S5"},
        "checkout_options": {"subscription_plan_id": "VAR1", "redirect_url": THANKS},
        "payment_note": mark_of("k1"),
        "pre_populated_data": {"buyer_email": "billing@example.com", "buyer_phone_number": "+12125550100"},
    }
    assert (session.id, session.url, session.status) == ("LINK1", "https://square.link/u/abc", CheckoutStatus.OPEN)
    assert (session.customer_id, session.reference) == ("CUST1", "ORDER1")
    assert dict(session.metadata) == {"org_id": "org-1"}


def test_the_price_is_that_of_the_first_paid_phase(world: World) -> None:
    started(world, variation(phase(2500, ordinal=1), phase(0, "WEEKLY", ordinal=0, periods=2)))
    assert world.server.writes[0].body["quick_pay"]["price_money"] == usd(2500)


@pytest.mark.parametrize(
    ("phases", "why"),
    [
        ([phase(1000, periods=3), phase(2000, ordinal=1)], "one paid phase"),
        ([phase(0, periods=1), phase(0, ordinal=1)], "one paid phase"),
        ([{"cadence": "MONTHLY", "pricing": {"type": "RELATIVE"}}], "item-based"),
        ([phase(0)], "one paid phase"),
    ],
)
def test_a_plan_that_links_do_not_take_is_refused(world: World, phases: list[Any], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        started(world, variation(*phases))
    assert caught.value.param == "plan_id"
    assert world.server.writes == []


def test_a_plan_is_told_from_its_variations(world: World) -> None:
    with pytest.raises(InvalidRequest, match="only its variations can be subscribed to: VAR1, VAR2"):
        started(world, plan(variation(), variation(id="VAR2")))
    with pytest.raises(InvalidRequest, match="this is ITEM"):
        started(world, {"type": "ITEM", "id": "ITEM1"})


@pytest.mark.parametrize(("argument", "value"), [("quantity", 2), ("trial_days", 14)])
def test_what_square_has_not_is_refused(world: World, argument: str, value: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        started(world, **{argument: value})
    assert caught.value.param == argument
    assert world.server.writes == []


def test_the_plan_s_own_trial_may_be_named(world: World) -> None:
    free = variation(phase(0, "WEEKLY", ordinal=0, periods=2), phase(1900, ordinal=1))
    assert started(world, free, trial_days=14).id == "LINK1"
    with pytest.raises(InvalidRequest):
        started(world, free, trial_days=0)


def test_a_plan_or_customer_that_does_not_exist_is_refused(world: World) -> None:
    world.always("GET", "/v2/customers/CUST1", missing())
    world.on("GET", "/v2/catalog/object/VAR1", missing(), {"object": variation()})
    for param in ("plan_id", "customer_id"):
        with pytest.raises(InvalidRequest) as caught:
            world.run(world.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK))
        assert caught.value.param == param


def test_a_plan_in_another_currency_than_the_location_s_is_refused(world: World) -> None:
    world.always("GET", "/v2/locations/L88917AVBK2S5", {"location": location(currency="GBP")})
    with pytest.raises(InvalidRequest, match="sells in GBP, not in USD"):
        started(world)


def test_what_does_not_fit_the_form_is_left_out_of_it(world: World) -> None:
    world.on(
        "GET", "/v2/customers/CUST1", {"customer": customer(phone_number="+1 212 555 0100 ext 77", email_address=None)}
    )
    started(world)
    assert "pre_populated_data" not in world.server.writes[0].body


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://square.link/u/abc", "", None, 7])
def test_a_link_without_an_https_address_is_an_unreadable_answer(world: World, address: object) -> None:
    with pytest.raises(OutcomeUnknown):
        started(world, made=link(url=address, long_url=address))


def test_metadata_that_is_too_long_is_refused(world: World) -> None:
    world.always("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    world.always("GET", "/v2/customers/CUST1", {"customer": customer()})
    with pytest.raises(InvalidRequest, match="too long"):
        world.run(world.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK, {"note": "x" * 4100}))


# --- one-off -------------------------------------------------------------------------------------------------------


def test_a_one_off_link_has_an_order_with_the_metadata(world: World) -> None:
    world.on("GET", "/v2/customers/CUST1", {"customer": customer()})
    world.on("POST", LINKS, {"payment_link": link(checkout_options={})})
    session = world.run(
        world.provider.create_payment_session(
            Money(4200, "USD"), THANKS, BACK, customer_id="CUST1", description="Boots", metadata={"org_id": "org-1"}
        )
    )
    body = world.server.writes[0].body
    assert body["order"] == {
        "location_id": "L88917AVBK2S5",
        "line_items": [{"name": "Boots", "quantity": "1", "base_price_money": usd(4200)}],
        "customer_id": "CUST1",
        "metadata": {"org_id": "org-1"},
    }
    assert body["checkout_options"] == {"redirect_url": THANKS}
    assert (session.customer_id, dict(session.metadata)) == ("CUST1", {"org_id": "org-1"})


def test_metadata_that_an_order_does_not_take_is_kept_with_the_link(world: World) -> None:
    world.on("POST", LINKS, {"payment_link": link(checkout_options={})})
    metadata = {"größe": "x" * 300}
    session = world.run(world.provider.create_payment_session(Money(4200, "USD"), THANKS, BACK, metadata=metadata))
    body = world.server.writes[0].body
    assert "metadata" not in body["order"]
    assert json.loads(body["description"])["metadata"] == metadata
    assert dict(session.metadata) == metadata


def test_a_link_cannot_only_authorize(world: World) -> None:
    with pytest.raises(InvalidRequest, match="create_payment") as caught:
        world.run(world.provider.create_payment_session(Money(4200, "USD"), THANKS, BACK, capture=False))
    assert caught.value.param == "capture"
    assert world.server.writes == []


# --- what came of it -------------------------------------------------------------------------------------------------


def laid_out(world: World, *, made: Any = None, bill: Any = None, paid: Any = None, bought: Any = None) -> World:
    world.always("GET", f"{LINKS}/LINK1", {"payment_link": made or link()})
    world.always("GET", "/v2/orders/ORDER1", {"order": bill or paid_order()})
    world.always("GET", "/v2/payments/PAY1", {"payment": paid or payment(customer_id="NEW1")})
    world.always("POST", "/v2/subscriptions/search", {"subscriptions": bought or []})
    return world.always("GET", "/v2/customers/NEW1", {"customer": customer(id="NEW1")})


def sub(name: str, created: str, **changes: Any) -> dict[str, Any]:
    return subscription(**{"id": name, "customer_id": "NEW1", "created_at": created, "invoice_ids": [], **changes})


def read(world: World) -> Any:
    return world.run(world.provider.get_checkout_session("LINK1"))


def test_an_unpaid_link_is_open(world: World) -> None:
    session = read(laid_out(world, bill=order()))
    assert (session.status, session.url) == (CheckoutStatus.OPEN, "https://square.link/u/abc")
    assert (session.customer_id, session.subscription_id, session.payment_id) == ("CUST1", None, None)
    assert session.raw_status == "DRAFT"


def test_a_link_that_does_not_exist_is_none(world: World) -> None:
    world.on("GET", f"{LINKS}/LINK1", missing())
    assert read(world) is None


def test_a_link_whose_order_was_canceled_is_expired(world: World) -> None:
    session = read(laid_out(world, bill=order(state="CANCELED")))
    assert (session.status, session.url) == (CheckoutStatus.EXPIRED, None)


def test_a_paid_link_leads_to_the_subscription_of_the_buyer_s_new_profile(world: World) -> None:
    session = read(laid_out(world, bought=[sub("SUB7", "2026-09-21T10:05:03Z")]))
    assert session.status is CheckoutStatus.COMPLETE
    assert (session.subscription_id, session.payment_id) == ("SUB7", "PAY1")
    assert session.customer_id == "CUST1"
    assert dict(session.metadata) == {"org_id": "org-1"}
    assert session.raw["subscription"]["customer_id"] == "NEW1"
    assert session.raw["payment"]["order_id"] == session.raw["payment_link"]["order_id"] == "ORDER1"
    search = world.server.seen[-1].body
    assert search["query"]["filter"] == {"customer_ids": ["NEW1"]}


def test_other_subscriptions_of_the_buyer_are_not_taken_for_it(world: World) -> None:
    old = sub("OLD", "2026-09-20T10:00:00Z")
    other = sub("OTHER", "2026-09-21T10:05:03Z", plan_variation_id="VAR2")
    session = read(laid_out(world, bought=[old, other]))
    assert (session.status, session.subscription_id) == (CheckoutStatus.PENDING, None)


def test_until_the_subscription_is_there_the_checkout_is_pending(world: World) -> None:
    assert read(laid_out(world)).status is CheckoutStatus.PENDING
    assert read(laid_out(world, bought=[sub("SUB7", "2026-09-21T10:05:03Z")])).status is CheckoutStatus.COMPLETE


def test_the_subscription_of_a_buyer_who_was_merged_since_is_the_new_profile_s(world: World) -> None:
    """Subscriptions move to the new profile, payments do not: https://developer.squareup.com/forums/t/7609."""
    laid_out(world, bought=[])
    world.always("GET", "/v2/customers/NEW1", {"customer": customer(id="NEW2")})
    moved = sub("SUB7", "2026-09-21T10:05:03Z", customer_id="NEW2")
    world.on("POST", "/v2/subscriptions/search", {}, {"subscriptions": [moved]})
    session = read(world)
    assert (session.status, session.subscription_id) == (CheckoutStatus.COMPLETE, "SUB7")


def test_in_the_sandbox_a_paid_link_makes_no_subscription_and_is_complete() -> None:
    world = World(config=configuration(environment="sandbox"))
    session = read(laid_out(world))
    assert (session.status, session.subscription_id, session.payment_id) == (CheckoutStatus.COMPLETE, None, "PAY1")


@pytest.mark.parametrize(
    ("status", "expected", "payment_id"),
    [
        ("APPROVED", CheckoutStatus.COMPLETE, "PAY1"),
        ("PENDING", CheckoutStatus.PENDING, "PAY1"),
        ("COMPLETED", CheckoutStatus.COMPLETE, "PAY1"),
        ("FAILED", CheckoutStatus.OPEN, None),
        ("CANCELED", CheckoutStatus.OPEN, None),
    ],
)
def test_a_one_off_link_is_as_its_payment(
    world: World, status: str, expected: CheckoutStatus, payment_id: str | None
) -> None:
    one_off = link(checkout_options={}, description='{"customer_id":"CUST1"}')
    session = read(laid_out(world, made=one_off, paid=payment(status=status)))
    assert (session.status, session.payment_id, session.subscription_id) == (expected, payment_id, None)


def test_a_link_that_was_made_elsewhere_is_nobody_s(world: World) -> None:
    session = read(laid_out(world, made=link(description="Spring sale"), bill=order()))
    assert (session.customer_id, dict(session.metadata)) == (None, {})


def test_of_two_paid_links_each_leads_to_its_own_subscription_by_time(world: World) -> None:
    both = [sub("SUB-A", "2026-09-21T10:05:02Z"), sub("SUB-B", "2026-09-21T10:06:40Z")]
    assert read(laid_out(world, bought=both)).subscription_id == "SUB-A"
    later = payment(customer_id="NEW1", created_at="2026-09-21T10:06:38Z")
    assert read(laid_out(world, paid=later, bought=both)).subscription_id == "SUB-B"


def test_the_other_link_s_subscription_is_not_taken_while_the_own_is_not_there(world: World) -> None:
    later = payment(customer_id="NEW1", created_at="2026-09-21T10:09:00Z")
    session = read(laid_out(world, paid=later, bought=[sub("SUB-A", "2026-09-21T10:05:02Z")]))
    assert (session.status, session.subscription_id) == (CheckoutStatus.PENDING, None)


def billed(world: World, number: int, order_id: str, payment_id: str | None) -> None:
    tenders = [{"payment_id": payment_id}] if payment_id else []
    made = invoice(id=f"inv:{number}", order_id=order_id, created_at="2026-09-21T10:05:02Z")
    world.always("GET", f"/v2/invoices/inv%3A{number}", {"invoice": made})
    world.always("GET", f"/v2/orders/{order_id}", {"order": order(id=order_id, tenders=tenders)})


def test_an_invoice_that_names_the_payment_decides(world: World) -> None:
    both = [
        sub("SUB-A", "2026-09-21T10:05:02Z", invoice_ids=["inv:1"]),
        sub("SUB-B", "2026-09-21T10:05:03Z", invoice_ids=["inv:2"]),
    ]
    laid_out(world, bought=both)
    billed(world, 1, "ORDER-A", "PAY-OF-SOMEBODY")
    billed(world, 2, "ORDER-B", "PAY1")
    assert read(world).subscription_id == "SUB-B"
    billed(world, 2, "ORDER-B", None)
    assert read(world).subscription_id == "SUB-B"
    laid_out(world, bought=both[:1])
    assert (read(world).status, read(world).subscription_id) == (CheckoutStatus.PENDING, None)


def test_an_invoice_over_the_link_s_own_order_decides(world: World) -> None:
    laid_out(
        world,
        bought=[sub("SUB-A", "2026-09-21T10:05:01Z"), sub("SUB-B", "2026-09-21T10:07:03Z", invoice_ids=["inv:2"])],
    )
    billed(world, 2, "ORDER2", None)
    world.always("GET", "/v2/invoices/inv%3A2", {"invoice": invoice(id="inv:2", order_id="ORDER1")})
    assert read(world).subscription_id == "SUB-B"


# --- by invoice --------------------------------------------------------------------------------------------------------


def by_invoice(mode: str = "blocking", **more: Any) -> World:
    world = World(mode, config=configuration(checkout="invoice"), **more)
    world.always("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    world.always("GET", "/v2/customers/CUST1", {"customer": customer()})
    made = subscription(invoice_ids=[], card_id=None)
    world.always("POST", "/v2/subscriptions", {"subscription": made})
    world.always("GET", "/v2/subscriptions/SUB1", {"subscription": {**made, "invoice_ids": ["inv:0-1"]}})
    world.always("GET", "/v2/invoices/inv%3A0-1", {"invoice": invoice(status="UNPAID")})
    return world


def subscribe(world: World, **more: Any) -> Any:
    return world.run(world.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK, **more))


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_an_invoice_s_page_keeps_the_customer(mode: str) -> None:
    world = by_invoice(mode)
    session = subscribe(world, idempotency_key="k1")
    assert world.server.writes[0].body == {
        "idempotency_key": "k1",
        "location_id": "L88917AVBK2S5",
        "customer_id": "CUST1",
        "plan_variation_id": "VAR1",
    }
    assert (session.id, session.status) == ("subscription:SUB1", CheckoutStatus.OPEN)
    assert session.url == "https://squareup.com/pay-invoice/inv:0-1"
    assert (session.customer_id, session.subscription_id) == ("CUST1", "SUB1")
    assert world.run(world.provider.get_checkout_session(session.id)) == session


def test_which_way_keeps_the_customer_is_told() -> None:
    assert by_invoice().provider.preserves_customer
    assert not World().provider.preserves_customer


def test_the_first_invoice_is_waited_for() -> None:
    world = by_invoice()
    without = {"subscription": subscription(invoice_ids=[], card_id=None)}
    draft = {"invoice": invoice(status="DRAFT", public_url=None)}
    world.on("GET", "/v2/subscriptions/SUB1", without, without)
    world.on("GET", "/v2/invoices/inv%3A0-1", draft)
    assert subscribe(world).url is not None
    assert world.slept == [0.3, 0.7, 1.0, 2.0]


def test_an_invoice_that_does_not_come_is_an_unknown_outcome_that_is_recovered_with_the_same_subscription() -> None:
    world = by_invoice()
    there = world.server._always["GET", "/v2/subscriptions/SUB1"]
    world.always("GET", "/v2/subscriptions/SUB1", {"subscription": subscription(invoice_ids=[], card_id=None)})
    with pytest.raises(OutcomeUnknown) as caught:
        subscribe(world)
    assert sum(world.slept) < 10
    world.always("GET", "/v2/subscriptions/SUB1", there)
    session = world.run(world.provider.recover(caught.value))
    assert getattr(session, "id", None) == "subscription:SUB1"
    first, second = world.server.writes
    assert first.body == second.body


def test_an_invoice_that_cannot_be_read_does_not_undo_the_subscription() -> None:
    import httpx

    world = by_invoice()
    world.always("GET", "/v2/invoices/inv%3A0-1", httpx.Response(403, json={}))
    with pytest.raises(OutcomeUnknown):
        subscribe(world)


@pytest.mark.parametrize("wrong", ["../../v2/merchants", "", 7])
def test_a_subscription_with_an_impossible_id_is_an_unreadable_answer(wrong: object) -> None:
    world = by_invoice()
    world.always("POST", "/v2/subscriptions", {"subscription": subscription(id=wrong)})
    with pytest.raises(OutcomeUnknown):
        subscribe(world)


@pytest.mark.parametrize("lacking", [{"email_address": None}, {"given_name": None, "family_name": None}])
def test_without_a_name_and_an_address_there_is_no_invoice(lacking: dict[str, Any]) -> None:
    world = by_invoice()
    world.always("GET", "/v2/customers/CUST1", {"customer": customer(**lacking)})
    with pytest.raises(InvalidRequest, match="name and e-mail") as caught:
        subscribe(world)
    assert caught.value.param == "customer_id"
    assert world.server.writes == []


def test_a_free_phase_has_nothing_to_pay_yet() -> None:
    world = by_invoice()
    world.always(
        "GET", "/v2/catalog/object/VAR1", {"object": variation(phase(0, "WEEKLY", periods=4), phase(ordinal=1))}
    )
    world.always("GET", "/v2/subscriptions/SUB1", world.server._always["POST", "/v2/subscriptions"])
    session = subscribe(world)
    assert (session.status, session.url, session.subscription_id) == (CheckoutStatus.COMPLETE, None, "SUB1")
    assert world.run(world.provider.get_checkout_session(session.id)) == session


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("DRAFT", CheckoutStatus.OPEN),
        ("UNPAID", CheckoutStatus.OPEN),
        ("PARTIALLY_PAID", CheckoutStatus.OPEN),
        ("PAYMENT_PENDING", CheckoutStatus.PENDING),
        ("PAID", CheckoutStatus.COMPLETE),
        ("REFUNDED", CheckoutStatus.COMPLETE),
        ("CANCELED", CheckoutStatus.EXPIRED),
        ("FAILED", CheckoutStatus.EXPIRED),
        ("A_WORD_OF_2031", CheckoutStatus.UNKNOWN),
    ],
)
def test_the_checkout_is_as_its_first_invoice(status: str, expected: CheckoutStatus) -> None:
    world = by_invoice()
    world.always("GET", "/v2/subscriptions/SUB1", {"subscription": subscription(invoice_ids=["inv:9", "inv:0-1"])})
    world.always("GET", "/v2/invoices/inv%3A0-1", {"invoice": invoice(status=status)})
    world.always("GET", "/v2/orders/ORDER-INV", {"order": paid_order(id="ORDER-INV")})
    session = world.run(world.provider.get_checkout_session("subscription:SUB1"))
    assert session is not None
    assert session.status is expected
    assert (session.payment_id == "PAY1") is (expected is CheckoutStatus.COMPLETE)
    assert (session.url is not None) is (expected is CheckoutStatus.OPEN)


def test_a_subscription_that_was_given_up_is_an_expired_checkout() -> None:
    world = by_invoice()
    world.always("GET", "/v2/subscriptions/SUB1", {"subscription": subscription(status="CANCELED")})
    session = world.run(world.provider.get_checkout_session("subscription:SUB1"))
    assert session is not None
    assert (session.status, session.url) == (CheckoutStatus.EXPIRED, None)


@pytest.mark.parametrize("wrong", ["subscription:", "subscription:.."])
def test_what_names_no_subscription_is_none(wrong: str) -> None:
    world = by_invoice()
    assert world.run(world.provider.get_checkout_session(wrong)) is None


def test_a_link_made_for_a_merged_customer_stays_with_the_one_that_was_asked_for(world: World) -> None:
    world.always("GET", "/v2/customers/CUST1", {"customer": customer(id="CUST9")})
    world.on("GET", "/v2/catalog/object/VAR1", {"object": variation()})
    world.on("POST", LINKS, {"payment_link": link()})
    session = world.run(world.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK))
    assert session.customer_id == "CUST1"


def test_an_invoice_for_a_merged_customer_goes_to_the_new_profile() -> None:
    world = by_invoice()
    world.always("GET", "/v2/customers/CUST1", {"customer": customer(id="CUST9")})
    made = subscription(customer_id="CUST9", invoice_ids=["inv:0-1"], card_id=None)
    world.always("POST", "/v2/subscriptions", {"subscription": made})
    session = subscribe(world)
    assert session.customer_id == "CUST9"
    assert world.server.writes[0].body["customer_id"] == "CUST9"
