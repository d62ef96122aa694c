"""Events: their words, what they carry, what counts once, and what PayPal itself has to say about them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import EventType, InvoiceStatus, Money, PaymentStatus, SubscriptionStatus
from paylattice.errors import (
    ConfigurationError,
    InvalidRequest,
    InvalidResponse,
    MalformedPayload,
    VerificationUnavailable,
)
from paylattice.providers.paypal.api import PayPalAPI
from paylattice.providers.paypal.events import EVENT_TYPES, REREAD, event_from
from paylattice.providers.paypal.verification.transmission import Signed, transmission_from
from paylattice.storable import is_keepable_json
from tests.kit import NOW

from .certificates_support import NOW as SIGNED_AT
from .certificates_support import delivery
from .samples import (
    authorization,
    billing,
    capture,
    event,
    invoice,
    link,
    order,
    refund,
    sale,
    sale_refund,
    subscription,
    transaction,
    usd,
    v1,
    waiting_order,
)
from .scenarios import CAPTURE, ORDER, SALE, SUB, SUBS
from .support import World, configuration, missing, refusal

WHEN = datetime.fromtimestamp(NOW, UTC)
USD19 = Money(1900, "USD")


def signed(transmission_id: str = "T-1", body: bytes = b"{}") -> Signed:
    transmission = transmission_from(delivery(body, identity=transmission_id))
    return Signed(attrs.evolve(transmission, sent_at=WHEN.timestamp()), body)


def read(kind: str, resource: object = None, **changes: Any) -> Any:
    return event_from(event(kind, resource, **changes), WHEN, signed("T-1"))


# --- words -------------------------------------------------------------------------------------------------------------

PAID_ORDER = order(captures=[capture()])
WORDS: list[tuple[str, Any, str, str | None]] = [
    ("BILLING.SUBSCRIPTION.CREATED", subscription(status="APPROVAL_PENDING"), "subscription.created", "subscription"),
    ("BILLING.SUBSCRIPTION.ACTIVATED", subscription(), "subscription.active", "subscription"),
    ("BILLING.SUBSCRIPTION.RE-ACTIVATED", subscription(), "subscription.resumed", "subscription"),
    ("BILLING.SUBSCRIPTION.UPDATED", subscription(), "subscription.updated", "subscription"),
    ("BILLING.SUBSCRIPTION.SUSPENDED", subscription(status="SUSPENDED"), "subscription.paused", "subscription"),
    (
        "BILLING.SUBSCRIPTION.SUSPENDED",
        subscription(status="SUSPENDED", billing_info=billing(failed_payments_count=2)),
        "subscription.unpaid",
        "subscription",
    ),
    ("BILLING.SUBSCRIPTION.SUSPENDED", subscription(status="ACTIVE"), "subscription.paused", "subscription"),
    ("BILLING.SUBSCRIPTION.SUSPENDED", {"id": SUB}, "subscription.paused", "subscription"),
    ("BILLING.SUBSCRIPTION.SUSPENDED", {}, "subscription.paused", None),
    ("BILLING.SUBSCRIPTION.CANCELLED", subscription(status="CANCELLED"), "subscription.canceled", "subscription"),
    ("BILLING.SUBSCRIPTION.EXPIRED", subscription(status="EXPIRED"), "subscription.expired", "subscription"),
    ("BILLING.SUBSCRIPTION.PAYMENT.FAILED", subscription(), "invoice.payment_failed", "subscription"),
    ("PAYMENT.SALE.COMPLETED", sale(), "invoice.paid", "payment invoice"),
    ("PAYMENT.SALE.PENDING", sale(state="pending"), "payment.processing", "payment invoice"),
    ("PAYMENT.SALE.DENIED", sale(state="denied"), "payment.failed", "payment invoice"),
    ("PAYMENT.SALE.REFUNDED", sale_refund(), "refund.succeeded", "refund"),
    ("PAYMENT.SALE.REVERSED", sale(amount=v1("-19.00")), "dispute.funds_withdrawn", None),
    ("CHECKOUT.ORDER.APPROVED", order("APPROVED"), "checkout.pending", "checkout_session"),
    ("CHECKOUT.ORDER.COMPLETED", PAID_ORDER, "checkout.completed", "checkout_session"),
    ("CHECKOUT.ORDER.PROCESSED", PAID_ORDER, "checkout.completed", "checkout_session"),
    ("CHECKOUT.ORDER.COMPLETED", order("COMPLETED"), "checkout.completed", "checkout_session"),
    ("CHECKOUT.ORDER.COMPLETED", order(captures=[capture(status="PENDING")]), "checkout.pending", "checkout_session"),
    ("CHECKOUT.ORDER.COMPLETED", order(captures=[capture(status="DECLINED")]), "checkout.failed", "checkout_session"),
    ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": ORDER}, "checkout.expired", "checkout_session"),
    ("PAYMENT.AUTHORIZATION.CREATED", authorization(), "payment.authorized", "payment"),
    ("PAYMENT.AUTHORIZATION.VOIDED", authorization(status="VOIDED"), "payment.canceled", "payment"),
    ("PAYMENT.CAPTURE.COMPLETED", capture(), "payment.succeeded", "payment"),
    ("PAYMENT.CAPTURE.PENDING", capture(status="PENDING"), "payment.processing", "payment"),
    ("PAYMENT.CAPTURE.DECLINED", capture(status="DECLINED"), "payment.failed", "payment"),
    ("PAYMENT.CAPTURE.DENIED", capture(status="DECLINED"), "payment.failed", "payment"),
    ("PAYMENT.CAPTURE.REFUNDED", refund(), "refund.succeeded", "refund"),
    ("PAYMENT.CAPTURE.REVERSED", refund(), "dispute.funds_withdrawn", None),
    ("PAYMENT.REFUND.PENDING", refund(status="PENDING"), "refund.created", "refund"),
    ("PAYMENT.REFUND.FAILED", refund(status="FAILED"), "refund.failed", "refund"),
    ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}, "dispute.opened", "dispute"),
    ("CUSTOMER.DISPUTE.UPDATED", {"dispute_id": "PP-D-1"}, "dispute.updated", "dispute"),
    ("CUSTOMER.DISPUTE.RESOLVED", {"dispute_id": "PP-D-1"}, "dispute.closed", "dispute"),
    ("RISK.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}, "dispute.opened", "dispute"),
    ("INVOICING.INVOICE.CREATED", {"invoice": invoice(status="DRAFT")}, "invoice.created", "invoice"),
    ("INVOICING.INVOICE.SCHEDULED", {"invoice": invoice(status="SCHEDULED")}, "invoice.updated", "invoice"),
    ("INVOICING.INVOICE.UPDATED", invoice(), "invoice.updated", "invoice"),
    ("INVOICING.INVOICE.PAID", {"invoice": invoice()}, "invoice.paid", "invoice"),
    ("INVOICING.INVOICE.CANCELLED", {"invoice": invoice(status="CANCELLED")}, "invoice.voided", "invoice"),
    ("VAULT.PAYMENT-TOKEN.CREATED", {"id": "8kk8451t"}, "payment_method.attached", "payment_method"),
    ("VAULT.PAYMENT-TOKEN.DELETED", {"id": "8kk8451t"}, "payment_method.detached", "payment_method"),
    ("BILLING.PLAN.CREATED", {"id": "P-1"}, "paypal:BILLING.PLAN.CREATED", None),
    ("CATALOG.PRODUCT.UPDATED", {"id": "PROD-1"}, "paypal:CATALOG.PRODUCT.UPDATED", None),
    ("A.WORD.OF.2031", {"id": "X"}, "paypal:A.WORD.OF.2031", None),
]
CARRIED = (
    *("subscription", "payment", "refund", "invoice", "dispute", "payment_method"),
    *("checkout_session", "customer"),
)


@pytest.mark.parametrize(("kind", "resource", "word", "carries"), WORDS)
def test_every_event_has_its_word_and_carries_what_it_is_about(
    kind: str, resource: Any, word: str, carries: str | None
) -> None:
    found = read(kind, resource)
    assert found.type == word
    assert found.provider_type == kind
    assert [name for name in CARRIED if getattr(found, name) is not None] == (carries or "").split()
    assert (type(found.type) is EventType) is (kind in EVENT_TYPES)


def test_the_table_is_tested_whole() -> None:
    assert {kind for kind, *_ in WORDS} >= set(EVENT_TYPES)
    assert set(REREAD) <= set(EVENT_TYPES)


def test_a_failed_payment_carries_the_subscription_and_a_refunded_capture_the_refund() -> None:
    failed = read("BILLING.SUBSCRIPTION.PAYMENT.FAILED", subscription(billing_info=billing(failed_payments_count=1)))
    assert (failed.subscription_id, failed.customer_id) == (SUB, "cus_1")
    assert failed.subscription.status is SubscriptionStatus.PAST_DUE
    given_back = read("PAYMENT.CAPTURE.REFUNDED", refund()).refund
    assert (given_back.payment_id, given_back.amount) == (CAPTURE, USD19)
    of_an_order = refund(supplementary_data={"related_ids": {"order_id": ORDER}})
    assert read("PAYMENT.CAPTURE.REFUNDED", of_an_order).refund.payment_id == ORDER


def test_the_end_of_a_dispute_is_told_by_its_own_event() -> None:
    """PayPal may send an update beside it: the money would be lost twice."""
    lost = {"dispute_id": "PP-D-1", "status": "RESOLVED", "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"}}
    assert read("CUSTOMER.DISPUTE.RESOLVED", lost).type == "dispute.lost"
    assert read("CUSTOMER.DISPUTE.UPDATED", lost).type == "dispute.updated"
    asked = {"dispute_id": "PP-D-1", "status": "WAITING_FOR_SELLER_RESPONSE"}
    updated, opened = (read(f"CUSTOMER.DISPUTE.{word}", asked) for word in ("UPDATED", "CREATED"))
    assert (updated.type, updated.also) == ("dispute.updated", ("dispute.needs_response:PP-D-1:",))
    assert opened.also == updated.also, "which is told once"
    assert opened.dedupe_key == read("RISK.DISPUTE.CREATED", asked).dedupe_key


def test_a_sale_names_its_subscription_and_its_customer() -> None:
    found = read("PAYMENT.SALE.COMPLETED", sale())
    assert (found.subscription_id, found.customer_id, found.payment.amount) == (SUB, "cus_1", USD19)
    alone = sale()
    del alone["billing_agreement_id"]
    assert read("PAYMENT.SALE.COMPLETED", alone).subscription_id is None


def test_a_capture_is_the_payment_of_its_order() -> None:
    assert read("PAYMENT.CAPTURE.COMPLETED", capture()).payment.id == ORDER
    assert read("PAYMENT.CAPTURE.COMPLETED", capture(supplementary_data=None)).payment.id == CAPTURE


# --- odd shapes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["id", "event_type"])
@pytest.mark.parametrize("value", [None, "", 7, [], {}])
def test_what_has_no_id_or_no_name_is_no_event(field: str, value: Any) -> None:
    with pytest.raises(InvalidResponse):
        event_from(event(**{field: value}), WHEN, signed())


@pytest.mark.parametrize("value", [None, "", 7, [], {}, "2018-19-12T22:20:32.000Z", "2018-12-19T22:20:32", "now"])
def test_an_event_of_no_time_that_there_is_happened_when_it_was_sent(value: Any) -> None:
    assert event_from(event(create_time=value), WHEN, signed()).created_at == WHEN
    with pytest.raises(InvalidResponse):
        event_from(event(create_time=value), WHEN)


NEEDED = {"id", "event_type"}


@pytest.mark.parametrize(
    "kind", ["PAYMENT.SALE.COMPLETED", "BILLING.SUBSCRIPTION.ACTIVATED", "CUSTOMER.DISPUTE.CREATED"]
)
def test_nothing_else_of_the_envelope_is_needed(kind: str) -> None:
    whole = {**event(kind), "summary": "x", "event_version": "1.0", "resource_version": "2.0", "resource_type": "x"}
    for field in whole.keys() - NEEDED:
        for value in (None, "", 7, [], {}, "x"):
            found = event_from({**whole, field: value}, WHEN, signed())
            assert (found.id, found.provider_type) == (whole["id"], kind)
        without = {name: kept for name, kept in whole.items() if name != field}
        assert event_from(without, WHEN, signed()).id == whole["id"]
    assert event_from({name: whole[name] for name in NEEDED}, WHEN, signed()).created_at == WHEN


@pytest.mark.parametrize("resource", [[], 7, "x", {"id": 7}, {"id": []}, {"amount": []}, {"id": "X", "amount": {}}])
@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in WORDS}))
def test_a_resource_of_an_odd_shape_leaves_an_event_without_it(kind: str, resource: Any) -> None:
    found = read(kind, resource)
    assert found.id
    assert found.dedupe_key


def test_links_of_an_odd_shape_name_nothing() -> None:
    for href in ("https://api.paypal.com/v2/payments/captures/../x", "", 7, None, "https://api.paypal.com/v2/a?b=c"):
        found = read("PAYMENT.CAPTURE.REFUNDED", refund(links=[{"rel": "up", "href": href}]))
        assert found.refund.payment_id is None


# --- counted once --------------------------------------------------------------------------------------------------------


def test_one_sale_counts_once_whatever_number_of_events_tells_of_it() -> None:
    first = event_from(event(), WHEN, signed("T-1"))
    second = event_from(event(id="WH-OTHER", resource=sale(payment_hold_status="RELEASED")), WHEN, signed("T-2"))
    assert first.dedupe_key == second.dedupe_key == f"invoice.paid:{SALE}"
    assert event_from(event("PAYMENT.SALE.PENDING"), WHEN, signed("T-3")).dedupe_key != first.dedupe_key
    assert event_from(event(resource=sale(id="SALE2")), WHEN, signed("T-1")).dedupe_key != first.dedupe_key


OTHERS = (
    "BILLING.SUBSCRIPTION.ACTIVATED",
    "CHECKOUT.ORDER.COMPLETED",
    "CUSTOMER.DISPUTE.CREATED",
    "INVOICING.INVOICE.PAID",
)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_events_are_known_by_their_id_and_the_signed_checksum(kind: str) -> None:
    data = event(kind, {})
    first, again = event_from(data, WHEN, signed("T-1")), event_from(data, WHEN, signed("T-2"))
    assert first.dedupe_key == again.dedupe_key == f"{data['id']}:{crc32(b'{}'):08x}"
    assert (first.delivery_id, again.delivery_id) == ("T-1", "T-2")
    assert first.known_as == (data["id"],)


@pytest.mark.parametrize("kind", OTHERS)
def test_the_same_id_under_another_checksum_is_another_key(kind: str) -> None:
    """So whoever puts a genuine event's id into another body does not keep the genuine one out."""
    genuine, other = (event_from(event(kind, {}), WHEN, signed("T-1", body)) for body in (b"{}", b"{ }"))
    assert genuine.dedupe_key != other.dedupe_key


@pytest.mark.parametrize("kind", OTHERS)
def test_a_listed_event_is_known_by_its_id_and_by_all_its_transmissions(kind: str) -> None:
    sent = [{"transmission_id": "T-1"}, {}, {"transmission_id": "T-2"}, {"transmission_id": 7}]
    listed = event(kind, {}, transmissions=sent)
    found = event_from(listed, WHEN)
    assert (found.dedupe_key, found.delivery_id, found.known_as) == (listed["id"], "T-1", ("T-1", "T-2"))
    for odd in ("x", None, [], [3]):
        found = event_from({**listed, "transmissions": odd}, WHEN)
        assert (found.dedupe_key, found.delivery_id, found.known_as) == (listed["id"], None, ())


def test_an_event_about_money_needs_no_other_key() -> None:
    listed = event(transmissions=[{"transmission_id": "T-1"}])
    for found in (event_from(listed, WHEN), event_from(listed, WHEN, signed())):
        assert (found.dedupe_key, found.delivery_id, found.known_as) == (f"invoice.paid:{SALE}", "T-1", ())


def test_an_event_about_money_without_an_id_is_known_like_any_other() -> None:
    found = read("PAYMENT.SALE.COMPLETED", {"amount": v1()})
    assert found.dedupe_key == f"{found.id}:{crc32(b'{}'):08x}"


# --- lists -----------------------------------------------------------------------------------------------------------------


def test_events_are_listed_oldest_first_from_the_time_on(world: World) -> None:
    path = "/v1/notifications/webhooks-events"
    events = [
        event(id="WH-3", create_time="2026-09-21T03:00:00Z"),
        event(id="WH-1b", create_time="2026-09-21T01:00:00Z"),
        event(id="WH-1a", create_time="2026-09-21T01:00:00Z"),
        event(id="WH-0", create_time="2026-09-20T00:00:00Z"),
    ]
    following = link("next", f"https://api.paypal.com{path}?start_time=2026-09-21T00:00:00Z&page_size=100&marker=x")
    world.on(
        "GET",
        path,
        {"events": events, "links": [following]},
        {"events": [event(id="WH-2", create_time="2026-09-21T02:00:00Z")]},
    )
    since = datetime(2026, 9, 21, tzinfo=UTC)
    found = world.run(world.provider.list_events(since))
    assert [one.id for one in found] == ["WH-1a", "WH-1b", "WH-2", "WH-3"]
    assert {one.livemode for one in found} == {False}
    first, second = world.server.asked
    assert first.query == {"page_size": "100", "start_time": "2026-09-21T00:00:00Z", "end_time": "2026-09-21T14:18:20Z"}
    assert second.query["marker"] == "x"


def test_a_listed_event_of_no_time_that_there_is_keeps_its_place(world: World) -> None:
    events = [
        event(id="WH-3", create_time="2026-09-21T03:00:00Z"),
        event(id="WH-2", create_time="2026-19-21T02:00:00Z"),
        event(id="WH-1", create_time="2026-09-21T01:00:00Z"),
        event(id="WH-0", create_time=None),
    ]
    world.on("GET", "/v1/notifications/webhooks-events", {"events": events})
    since = datetime(2026, 9, 21, tzinfo=UTC)
    found = world.run(world.provider.list_events(since))
    assert [one.id for one in found] == ["WH-0", "WH-1", "WH-2", "WH-3"]
    assert [one.created_at.hour for one in found] == [0, 1, 1, 3]


def test_events_that_paypal_no_longer_has_are_not_asked_for(world: World) -> None:
    world.on("GET", "/v1/notifications/webhooks-events", {"events": []})
    assert world.run(world.provider.list_events(datetime(2020, 8, 1, tzinfo=UTC))) == []
    [asked] = world.server.asked
    now = datetime.fromtimestamp(world.now, UTC)
    start = datetime.fromisoformat(asked.query["start_time"])
    assert timedelta(days=29, hours=22) < now - start < timedelta(days=30)


def test_a_clock_that_is_behind_paypal_s_asks_for_a_later_time_where_the_earliest_is_refused(world: World) -> None:
    path = "/v1/notifications/webhooks-events"
    refused = httpx.Response(
        400, json={"name": "VALIDATION_ERROR", "details": [{"field": "start_time", "issue": "OLD"}]}
    )
    world.on("GET", path, refused, refused, {"events": [event(id="WH-1", create_time="2026-09-21T01:00:00Z")]})
    assert [one.id for one in world.run(world.provider.list_events(datetime(2020, 8, 1, tzinfo=UTC)))] == ["WH-1"]
    starts = [datetime.fromisoformat(each.query["start_time"]) for each in world.server.asked]
    assert [later - starts[0] for later in starts[1:]] == [timedelta(hours=3), timedelta(days=2)]


def test_a_time_that_is_not_too_long_ago_and_is_refused_all_the_same_raises(world: World) -> None:
    refused = httpx.Response(400, json={"name": "VALIDATION_ERROR"})
    world.on("GET", "/v1/notifications/webhooks-events", refused)
    with pytest.raises(InvalidRequest):
        world.run(world.provider.list_events(datetime.fromtimestamp(world.now, UTC) - timedelta(days=1)))


def test_an_event_of_the_list_that_cannot_be_read_does_not_hide_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.on("GET", "/v1/notifications/webhooks-events", {"events": [event(id="WH-2"), event(event_type=None)]})
    found = world.run(world.provider.list_events(datetime(2026, 9, 1, tzinfo=UTC)))
    assert [one.id for one in found] == ["WH-2"]
    assert "cannot be read" in caplog.text


GARBAGE = st.one_of(
    st.none(),
    st.integers(),
    st.booleans(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.just({"a": 1}),
).filter(is_keepable_json)


@given(
    st.sampled_from(
        [event(), event("PAYMENT.CAPTURE.COMPLETED", capture()), event("CHECKOUT.ORDER.COMPLETED", PAID_ORDER)]
    ),
    st.data(),
)
def test_an_event_lacks_whatever_names_neither_it_nor_its_kind(sample: dict[str, Any], data: st.DataObject) -> None:
    damaged = dict(sample)
    for name in data.draw(st.sets(st.sampled_from(sorted(set(sample) - {"id", "event_type"})))):
        if data.draw(st.booleans()):
            del damaged[name]
        else:
            damaged[name] = data.draw(GARBAGE)
    found = event_from(damaged, WHEN, signed("T-1"))
    assert (found.id, found.provider_type) == (sample["id"], sample["event_type"])
    assert found.created_at.tzinfo is not None


# --- confirmed -------------------------------------------------------------------------------------------------------------

LISTED = "/v1/notifications/webhooks-events"
SALES, CAPTURES, REFUNDS, ORDERS, INVOICES = (
    "/v1/payments/sale",
    "/v2/payments/captures",
    "/v2/payments/refunds",
    "/v2/checkout/orders",
    "/v2/invoicing/invoices",
)


def confirm(world: World, kind: str, told: Any, path: str, answer: Any) -> Any:
    world.on("GET", path, answer)
    return world.run(
        world.provider.verify_with_provider(event_from(event(kind, told), WHEN, signed("T-1"), livemode=False))
    )


def test_what_a_forged_body_says_of_money_is_replaced_by_what_paypal_has(world: World) -> None:
    forged = sale(amount=v1("9999.00"), custom="cus_attacker", billing_agreement_id="I-ATTACKER")
    found = confirm(world, "PAYMENT.SALE.COMPLETED", forged, f"{SALES}/{SALE}", sale())
    assert found.payment.amount == USD19
    assert (found.customer_id, found.subscription_id) == ("cus_1", SUB)
    assert found.dedupe_key == f"invoice.paid:{SALE}"
    assert found.livemode is False


CONFIRMED: list[tuple[str, Any, str, Any]] = [
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", sale(state="refunded")),
    ("PAYMENT.SALE.PENDING", sale(state="pending"), f"{SALES}/{SALE}", sale()),
    ("PAYMENT.SALE.REFUNDED", sale_refund(), "/v1/payments/refund/6GT49317R31573457", sale_refund()),
    ("CHECKOUT.ORDER.APPROVED", order("APPROVED"), f"{ORDERS}/{ORDER}", order("APPROVED")),
    ("CHECKOUT.ORDER.COMPLETED", PAID_ORDER, f"{ORDERS}/{ORDER}", PAID_ORDER),
    (
        "PAYMENT.AUTHORIZATION.CREATED",
        authorization(),
        "/v2/payments/authorizations/0AW2184448108334S",
        authorization(),
    ),
    ("PAYMENT.CAPTURE.COMPLETED", capture(), f"{CAPTURES}/{CAPTURE}", capture(status="PARTIALLY_REFUNDED")),
    ("PAYMENT.CAPTURE.DECLINED", capture(status="DECLINED"), f"{CAPTURES}/{CAPTURE}", capture(status="DECLINED")),
    ("PAYMENT.CAPTURE.REFUNDED", refund(), f"{REFUNDS}/58K15806CS993444T", refund()),
    ("PAYMENT.REFUND.FAILED", refund(status="FAILED"), f"{REFUNDS}/58K15806CS993444T", refund(status="FAILED")),
    ("INVOICING.INVOICE.PAID", {"invoice": invoice()}, f"{INVOICES}/INV2-Z56S-5LLA-Q52L-CPZ5", invoice()),
]


@pytest.mark.parametrize(("kind", "told", "path", "answer"), CONFIRMED)
def test_what_paypal_bears_out_is_confirmed(world: World, kind: str, told: Any, path: str, answer: Any) -> None:
    if path.startswith(REFUNDS):
        world.on("GET", f"{CAPTURES}/{CAPTURE}", missing())
    if kind == "PAYMENT.SALE.REFUNDED":
        world.on("GET", f"{SALES}/{SALE}", missing())
    found = confirm(world, kind, told, path, answer)
    assert found.type == EVENT_TYPES[kind]
    assert found.raw["resource"] == answer


TAKEN_BACK = {"status_details": {"reason": "CHARGEBACK"}}
FOLLOWING: list[tuple[str, Any, str, list[Any]]] = [
    (
        "PAYMENT.AUTHORIZATION.CREATED",
        authorization(),
        "/v2/payments/authorizations/0AW2184448108334S",
        [
            authorization(status=word)
            for word in ("CAPTURED", "PARTIALLY_CAPTURED", "VOIDED", "EXPIRED", "A_WORD_OF_2031")
        ],
    ),
    (
        "PAYMENT.CAPTURE.PENDING",
        capture(status="PENDING"),
        f"{CAPTURES}/{CAPTURE}",
        [capture(status=word) for word in ("COMPLETED", "DECLINED", "FAILED", "PARTIALLY_REFUNDED", "REFUNDED")],
    ),
    (
        "PAYMENT.CAPTURE.COMPLETED",
        capture(),
        f"{CAPTURES}/{CAPTURE}",
        [
            capture(status="REFUNDED"),
            capture(status="PENDING", **TAKEN_BACK),
            capture(status="PENDING", status_details={"reason": "BUYER_COMPLAINT"}),
        ],
    ),
    (
        "PAYMENT.SALE.COMPLETED",
        sale(),
        f"{SALES}/{SALE}",
        [
            sale(state="partially_refunded"),
            sale(state="reversed"),
            sale(state="pending", reason_code="CHARGEBACK"),
        ],
    ),
    (
        "PAYMENT.SALE.PENDING",
        sale(state="pending"),
        f"{SALES}/{SALE}",
        [sale(state=word) for word in ("completed", "refunded", "denied")],
    ),
    (
        "PAYMENT.REFUND.PENDING",
        refund(status="PENDING"),
        f"{REFUNDS}/58K15806CS993444T",
        [refund(status=word) for word in ("COMPLETED", "FAILED", "CANCELLED")],
    ),
    (
        "CHECKOUT.ORDER.APPROVED",
        order("APPROVED"),
        f"{ORDERS}/{ORDER}",
        [order("VOIDED"), PAID_ORDER, order(captures=[capture(status="REFUNDED")])],
    ),
    (
        "INVOICING.INVOICE.PAID",
        {"invoice": invoice()},
        f"{INVOICES}/INV2-Z56S-5LLA-Q52L-CPZ5",
        [invoice(status=word) for word in ("REFUNDED", "PARTIALLY_REFUNDED", "MARKED_AS_REFUNDED")],
    ),
]


@pytest.mark.parametrize(
    ("kind", "told", "path", "has"),
    [(kind, told, path, each) for kind, told, path, answers in FOLLOWING for each in answers],
)
def test_an_event_is_borne_out_by_every_state_that_can_follow(
    world: World, kind: str, told: Any, path: str, has: Any
) -> None:
    world.always("GET", f"{CAPTURES}/{CAPTURE}", capture())
    found = confirm(world, kind, told, path, has)
    assert found.type == EVENT_TYPES[kind]
    assert found.raw["resource"] == has or found.refund is not None


def test_a_refund_that_failed_since_it_was_told_of_is_told_as_failed(world: World) -> None:
    world.on("GET", f"{CAPTURES}/{CAPTURE}", capture())
    found = confirm(
        world, "PAYMENT.CAPTURE.REFUNDED", refund(), f"{REFUNDS}/58K15806CS993444T", refund(status="FAILED")
    )
    assert (found.type, found.dedupe_key) == ("refund.failed", "refund.failed:58K15806CS993444T")


def test_a_sale_s_refund_is_confirmed_with_the_subscription_it_is_of(world: World) -> None:
    """The refund says it by ``custom`` alone, which anybody could have written; the sale says which subscription it is of."""
    world.on("GET", f"{SALES}/{SALE}", sale())
    told = sale_refund(custom="cus_victim")
    found = confirm(world, "PAYMENT.SALE.REFUNDED", told, "/v1/payments/refund/6GT49317R31573457", told)
    assert (found.type, found.subscription_id) == ("refund.succeeded", SUB)


def test_a_refund_is_confirmed_with_the_payment_it_is_of(world: World) -> None:
    world.on("GET", f"{CAPTURES}/{CAPTURE}", capture())
    found = confirm(world, "PAYMENT.CAPTURE.REFUNDED", refund(), f"{REFUNDS}/58K15806CS993444T", refund())
    assert found.refund.payment_id == ORDER


FORGED: list[tuple[str, Any, str, Any]] = [
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", sale(state="pending")),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", sale(state="denied")),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", sale(id="ANOTHER")),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", sale(amount=None)),
    ("PAYMENT.SALE.DENIED", sale(state="denied"), f"{SALES}/{SALE}", sale()),
    ("PAYMENT.CAPTURE.COMPLETED", capture(), f"{CAPTURES}/{CAPTURE}", capture(status="PENDING")),
    ("PAYMENT.CAPTURE.COMPLETED", capture(), f"{CAPTURES}/{CAPTURE}", missing()),
    (
        "PAYMENT.CAPTURE.COMPLETED",
        capture(),
        f"{CAPTURES}/{CAPTURE}",
        capture(status="PENDING", status_details={"reason": "PENDING_REVIEW"}),
    ),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", sale(payment_hold_status="HELD")),
    ("PAYMENT.CAPTURE.DENIED", capture(status="DECLINED"), f"{CAPTURES}/{CAPTURE}", capture()),
    (
        "PAYMENT.AUTHORIZATION.VOIDED",
        authorization(status="VOIDED"),
        "/v2/payments/authorizations/0AW2184448108334S",
        authorization(),
    ),
    ("PAYMENT.REFUND.FAILED", refund(status="FAILED"), f"{REFUNDS}/58K15806CS993444T", refund()),
    ("CHECKOUT.ORDER.COMPLETED", PAID_ORDER, f"{ORDERS}/{ORDER}", order("COMPLETED", id="ANOTHER")),
    ("CHECKOUT.ORDER.COMPLETED", PAID_ORDER, f"{ORDERS}/{ORDER}", order("NEW_WORD")),
    ("INVOICING.INVOICE.PAID", {"invoice": invoice()}, f"{INVOICES}/INV2-Z56S-5LLA-Q52L-CPZ5", invoice(status="SENT")),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", httpx.Response(200, content=b"<html>")),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", refusal(403, "NOT_AUTHORIZED")),
    ("PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", refusal(400, "INVALID_REQUEST")),
]


@pytest.mark.parametrize(("kind", "told", "path", "answer"), FORGED)
def test_what_paypal_does_not_bear_out_is_delivered_again_and_not_believed(
    world: World, kind: str, told: Any, path: str, answer: Any
) -> None:
    with pytest.raises(VerificationUnavailable, match="deliver again"):
        confirm(world, kind, told, path, answer)


def test_an_invoice_that_is_paid_in_parts_is_paid_once(world: World) -> None:
    path = f"{INVOICES}/INV2-Z56S-5LLA-Q52L-CPZ5"
    part = {"invoice": invoice(status="PARTIALLY_PAID")}
    early = confirm(world, "INVOICING.INVOICE.PAID", part, path, invoice(status="PARTIALLY_PAID"))
    late = confirm(world, "INVOICING.INVOICE.PAID", part, path, invoice())  # the rest was paid before it was read
    whole = confirm(world, "INVOICING.INVOICE.PAID", {"invoice": invoice()}, path, invoice())
    assert [each.type for each in (early, late, whole)] == ["invoice.payment_recorded", "invoice.paid", "invoice.paid"]
    assert late.dedupe_key == whole.dedupe_key == "invoice.paid:INV2-Z56S-5LLA-Q52L-CPZ5" != early.dedupe_key


def test_a_sale_that_is_completed_and_held_is_processing_until_it_is_released(world: World) -> None:
    held = sale(payment_hold_status="HELD", payment_hold_reasons=["PAYMENT_HOLD"])
    for kind in ("PAYMENT.SALE.PENDING", "PAYMENT.SALE.COMPLETED"):
        found = confirm(world, kind, held, f"{SALES}/{SALE}", held)
        assert (found.type, found.dedupe_key) == ("payment.processing", f"payment.processing:{SALE}")
        assert (found.payment.status, found.payment.amount_captured) == ("processing", USD19 * 0)
    released = sale(payment_hold_status="RELEASED")
    found = confirm(world, "PAYMENT.SALE.COMPLETED", released, f"{SALES}/{SALE}", sale())
    assert (found.type, found.payment.status) == ("invoice.paid", "succeeded")
    late = confirm(world, "PAYMENT.SALE.COMPLETED", held, f"{SALES}/{SALE}", sale())
    assert late.type == "invoice.paid"


@pytest.mark.parametrize(
    ("has", "word"),
    [
        (order("APPROVED"), "checkout.pending"),
        (waiting_order(), "checkout.pending"),
        (order(captures=[capture(status="PENDING")]), "checkout.pending"),
        (order(captures=[capture(status="DECLINED")]), "checkout.failed"),
        (order("VOIDED"), "checkout.failed"),
    ],
)
def test_an_order_that_is_said_to_be_completed_is_what_paypal_has(world: World, has: Any, word: str) -> None:
    found = confirm(world, "CHECKOUT.ORDER.COMPLETED", PAID_ORDER, f"{ORDERS}/{ORDER}", has)
    assert found.type == word
    told = f"{found.id}:{crc32(b'{}'):08x}"
    assert (found.dedupe_key, found.delivery_id) == (f"{word}:{ORDER}" if word == "checkout.failed" else told, "T-1")


@pytest.mark.parametrize("identifier", ["../../v1/billing/plans", "a/b", "x?y=z", "", ".."])
def test_a_forged_id_leads_to_no_other_address(world: World, identifier: str) -> None:
    with pytest.raises(VerificationUnavailable):
        world.run(
            world.provider.verify_with_provider(event_from(event(resource=sale(id=identifier)), WHEN, signed("T-1")))
        )
    assert world.server.asked == []


def test_a_sale_that_does_not_name_its_subscription_is_looked_up_there(world: World) -> None:
    alone = sale()
    del alone["billing_agreement_id"]
    path = f"{SUBS}/{SUB}/transactions"
    world.on(
        "GET", path, {"transactions": [transaction("ANOTHER"), transaction(SALE)]}, {"transactions": [transaction("X")]}
    )
    found = confirm(world, "PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", alone)
    assert found.subscription_id == SUB
    forged = confirm(world, "PAYMENT.SALE.COMPLETED", sale(), f"{SALES}/{SALE}", alone)
    assert forged.subscription_id is None
    assert world.server.asked[-1].query == {"start_time": "2026-09-18T14:13:00Z", "end_time": "2026-09-24T14:13:00Z"}


def test_events_about_subscriptions_are_left_as_they_are(world: World) -> None:
    for kind in EVENT_TYPES:
        if kind.startswith("BILLING.SUBSCRIPTION."):
            told = event_from(event(kind, subscription()), WHEN, signed("T-1"))
            assert world.run(world.provider.verify_with_provider(told)) is told
    assert world.server.seen == []


COPIED = ("CUSTOMER.DISPUTE.CREATED", "PAYMENT.CAPTURE.REVERSED", "VAULT.PAYMENT-TOKEN.CREATED", "A.WORD.OF.2031")


@pytest.mark.parametrize("kind", COPIED)
def test_of_all_other_events_paypals_own_copy_is_taken(world: World, kind: str) -> None:
    told = event_from(event(kind, {"id": "FORGED", "custom_id": "cus_attacker"}), WHEN, signed("T-1"), livemode=False)
    copy = event(kind, {"id": "GENUINE", "custom_id": "cus_1"}, transmissions=[{"transmission_id": "T-1"}])
    world.on("GET", f"{LISTED}/{told.id}", copy)
    found = world.run(world.provider.verify_with_provider(told))
    assert (found.raw["resource"]["id"], found.customer_id, found.livemode) == ("GENUINE", "cus_1", False)
    assert (found.dedupe_key, found.delivery_id, found.known_as) == (told.id, "T-1", (told.dedupe_key,))
    assert world.run(world.provider.verify_with_provider(found)) is found


@pytest.mark.parametrize(
    "copy",
    [
        missing(),
        refusal(403, "NOT_AUTHORIZED"),
        event("CUSTOMER.DISPUTE.RESOLVED", {}),
        event("CUSTOMER.DISPUTE.CREATED", {}, id="WH-OTHER"),
        event("CUSTOMER.DISPUTE.CREATED", {}, transmissions=[{"transmission_id": "T-OTHER"}]),
        {"id": "WH-1"},
    ],
)
def test_an_event_that_paypal_does_not_have_like_this_is_delivered_again_and_not_believed(
    world: World, copy: Any
) -> None:
    """PayPal may deliver an event a moment before it lists it."""
    told = event_from(event("CUSTOMER.DISPUTE.CREATED", {}), WHEN, signed("T-1"))
    world.on("GET", f"{LISTED}/{told.id}", copy)
    with pytest.raises(VerificationUnavailable, match="deliver again"):
        world.run(world.provider.verify_with_provider(told))


def test_a_listed_event_is_paypals_own_copy_already(world: World) -> None:
    listed = event_from(event("CUSTOMER.DISPUTE.CREATED", {}, transmissions=[{"transmission_id": "T-1"}]), WHEN)
    assert world.run(world.provider.verify_with_provider(listed)) is listed
    assert world.server.seen == []


def test_wrong_settings_are_not_hidden_behind_a_delivery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def misconfigured(*_: object) -> None:
        raise ConfigurationError("no")

    monkeypatch.setattr(PayPalAPI, "get", misconfigured)
    with pytest.raises(ConfigurationError):
        world.run(world.provider.verify_with_provider(event_from(event(), WHEN, signed("T-1"))))


# --- the whole way ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are tested elsewhere: here every signature fits."""
    from paylattice.providers.paypal.verification.verifier import WebhookVerifier

    async def fits(*_: object) -> None:
        return None

    monkeypatch.setattr(WebhookVerifier, "_check", fits)


@pytest.mark.usefixtures("trusting")
def test_a_delivery_becomes_an_event_that_says_whether_money_is_real(world: World) -> None:
    import json

    body = json.dumps(event()).encode()
    world.now = SIGNED_AT
    found = world.run(world.provider.parse_webhook(body, delivery(body)))
    assert (found.id, found.livemode) == (event()["id"], False)
    live = world.another(configuration(environment="live"))
    url = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-90621a79"
    assert world.run(live.parse_webhook(body, delivery(body, url=url))).livemode is True


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("body", [b"{}", b'{"id": "WH-1"}', b'{"id": 7, "event_type": "X", "create_time": "now"}'])
def test_what_is_well_signed_and_no_event_is_malformed(world: World, body: bytes) -> None:
    world.now = SIGNED_AT
    with pytest.raises(MalformedPayload) as caught:
        world.run(world.provider.parse_webhook(body, delivery(body)))
    assert caught.value.provider == "paypal"


def test_amounts_of_both_shapes_are_the_same_money() -> None:
    assert read("PAYMENT.SALE.COMPLETED", sale(amount=usd())).payment.amount == USD19
    assert read("PAYMENT.CAPTURE.COMPLETED", capture(amount=v1())).payment.amount == USD19
    assert read("INVOICING.INVOICE.PAID", {"invoice": invoice()}).invoice.status is InvoiceStatus.PAID
    assert read("PAYMENT.SALE.COMPLETED", sale()).payment.status is PaymentStatus.SUCCEEDED
