"""Webhooks: the outbox, signatures, disorder, forgery, hostile bodies, and the list of events."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import EventType, WebhookEvent, errors
from paylattice.arguments import check_id
from paylattice.config import Secret
from paylattice.driving import run
from paylattice.errors import DeclineReason, Diagnosis
from paylattice.providers.memory import Delivery, InMemoryProvider, MemoryConfig
from paylattice.providers.memory.webhooks import SIGNATURE
from paylattice.storable import is_keepable_json

from .support import CLOCK, START, Shop, usd

SECRET = "whsec_shop"


def read(shop: Shop, delivery: Delivery) -> WebhookEvent:
    return run(shop.provider.parse_webhook(delivery.payload, delivery.headers))


def signed(payload: bytes, secret: str = SECRET, at: float = CLOCK) -> dict[str, str]:
    return {SIGNATURE.header: SIGNATURE.signed(payload, Secret(secret), at)}


def busy() -> Shop:
    """A shop in which everything that can be told has happened."""
    shop = Shop(retry_days=(1,))
    customer = shop.customer()
    made = shop.subscribe("trial", customer, quantity=2, metadata={"org": "1"})
    shop.cancel(made, at_period_end=True)
    run(shop.provider.refund_payment(shop.pay(usd(100), description="Setup").id, usd(1), "goodwill"))
    shop.pay(capture=False)
    shop.provider.complete_checkout(shop.checkout().id, delayed=True)
    shop.provider.abandon_checkout(shop.checkout().id)
    shop.pause(shop.subscribe())
    shop.subscribe("daily")
    shop.provider.decline_next_payment(reason=DeclineReason.AUTHENTICATION_REQUIRED)
    shop.provider.advance(days=20)
    run(shop.provider.delete_customer(customer.id))
    return shop


def test_every_delivery_reads_as_the_event_that_happened_with_its_typed_objects() -> None:
    shop = busy()
    happened = shop.events()
    assert [read(shop, delivery) for delivery in shop.provider.deliveries()] == happened
    carried = ("customer", "subscription", "invoice", "payment", "refund", "checkout_session")
    assert all(any(getattr(event, name) for event in happened) for name in carried)


def test_a_delivery_says_what_it_is_about() -> None:
    shop = Shop()
    made = shop.customer()
    [delivery] = shop.provider.deliveries()
    [event] = shop.events()
    assert (delivery.type, delivery.event_id) == ("customer.created", event.id)
    assert delivery.headers["Content-Type"] == "application/json"
    assert "ada@example.com" not in repr(delivery)
    assert read(shop, delivery).customer == made


def test_an_event_keeps_the_whole_delivery_in_raw() -> None:
    shop = Shop()
    shop.customer()
    [delivery] = shop.provider.deliveries()
    assert read(shop, delivery).raw == json.loads(delivery.payload)


def test_an_event_says_where_it_comes_from() -> None:
    shop = Shop(name="eu")
    shop.customer()
    [event] = shop.events()
    assert (event.provider, event.livemode, event.dedupe_key, event.provider_type, event.created_at) == (
        "eu",
        False,
        event.id,
        "customer.created",
        START,
    )


def test_deliveries_leave_the_outbox() -> None:
    shop = Shop()
    shop.customer()
    assert len(shop.provider.deliveries()) == 1
    assert shop.provider.deliveries() == []


def test_an_event_can_be_delivered_again_with_the_same_body_and_dedupe_key() -> None:
    shop = Shop()
    shop.customer()
    shop.customer()
    _, second = shop.provider.deliveries()
    shop.provider.redeliver(second.event_id)
    [again] = shop.provider.deliveries()
    assert (again.payload, read(shop, again).dedupe_key) == (second.payload, read(shop, second).dedupe_key)


def test_an_unknown_event_cannot_be_delivered_again() -> None:
    with pytest.raises(errors.NotFound) as caught:
        Shop().provider.redeliver("evt_none")
    assert caught.value.provider == "memory"


def test_the_next_delivery_can_come_twice_once() -> None:
    shop = Shop()
    shop.provider.deliver_next_twice()
    assert shop.provider.deliveries() == []
    shop.customer()
    shop.customer()
    ids = [delivery.event_id for delivery in shop.provider.deliveries()]
    assert (len(ids), ids[0]) == (3, ids[1])
    shop.customer()
    assert len(shop.provider.deliveries()) == 1


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("several", [2, 3, 9])
def test_the_next_deliveries_can_come_in_another_order(several: int, seed: int) -> None:
    shop = Shop()
    for _ in range(several):
        shop.customer()
    shop.provider.shuffle_next_deliveries(seed)
    happened = [event.id for event in shop.events()]
    arrived = [delivery.event_id for delivery in shop.provider.deliveries()]
    assert sorted(arrived) == sorted(happened)
    assert arrived != happened
    for event_id in happened:
        shop.provider.redeliver(event_id)
    assert [delivery.event_id for delivery in shop.provider.deliveries()] == happened, "the disorder is for one time"


def test_a_disorder_can_be_repeated() -> None:
    orders = []
    for _ in range(2):
        shop = Shop()
        made = [shop.customer().id for _ in range(9)]
        shop.provider.shuffle_next_deliveries(7)
        customers = [read(shop, delivery).customer for delivery in shop.provider.deliveries()]
        orders.append([made.index(customer.id) for customer in customers if customer])
    assert orders[0] == orders[1]


def test_one_event_alone_cannot_be_out_of_order_and_leaves_the_disorder_for_the_next() -> None:
    shop = Shop()
    shop.provider.shuffle_next_deliveries()
    shop.customer()
    assert len(shop.provider.deliveries()) == 1
    shop.customer()
    shop.customer()
    arrived = [delivery.event_id for delivery in shop.provider.deliveries()]
    assert arrived == [event.id for event in shop.events()][:0:-1]


# --- signatures --------------------------------------------------------------------------------------------------


def test_a_forged_body_is_refused() -> None:
    shop = Shop()
    shop.customer()
    [delivery] = shop.provider.deliveries()
    with pytest.raises(errors.InvalidSignature):
        run(shop.provider.parse_webhook(delivery.payload.replace(b"ada@", b"eve@"), delivery.headers))


def test_a_body_signed_with_another_secret_is_refused() -> None:
    shop = Shop()
    shop.customer()
    [delivery] = shop.provider.deliveries()
    with pytest.raises(errors.InvalidSignature) as caught:
        run(shop.provider.parse_webhook(delivery.payload, signed(delivery.payload, "whsec_other")))
    assert (caught.value.diagnosis, caught.value.provider) == (Diagnosis.WRONG_SECRET, "memory")


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_another_time_is_refused(seconds: int) -> None:
    shop = Shop()
    shop.customer()
    [delivery] = shop.provider.deliveries()
    with pytest.raises(errors.StaleSignature):
        run(shop.provider.parse_webhook(delivery.payload, signed(delivery.payload, at=CLOCK + seconds)))


def test_while_secrets_are_rotated_both_are_good_and_the_first_one_signs() -> None:
    shop = Shop(config=MemoryConfig(webhook_secret="whsec_new,whsec_old"))
    shop.customer()
    [delivery] = shop.provider.deliveries()
    assert delivery.headers[SIGNATURE.header] == signed(delivery.payload, "whsec_new")[SIGNATURE.header]
    for secret in ("whsec_new", "whsec_old"):
        event = run(shop.provider.parse_webhook(delivery.payload, signed(delivery.payload, secret)))
        assert event.id == delivery.event_id


def test_verifying_takes_one_secret_and_returns_the_body() -> None:
    shop = Shop()
    shop.customer()
    [delivery] = shop.provider.deliveries()
    verify = shop.provider.verify_webhook_signature
    for signature in (delivery.headers, delivery.headers[SIGNATURE.header]):
        assert verify(delivery.payload, signature, SECRET) == json.loads(delivery.payload)
    with pytest.raises(errors.InvalidSignature):
        verify(delivery.payload, delivery.headers, "whsec_other")
    with pytest.raises(errors.ConfigurationError):
        verify(delivery.payload, delivery.headers, "")


def test_without_a_secret_nothing_is_signed_nor_believed_and_nothing_is_lost() -> None:
    shop = Shop(config=MemoryConfig(webhook_secret=""))
    shop.customer()
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError):
            shop.provider.deliveries()
    with pytest.raises(errors.ConfigurationError):
        run(shop.provider.parse_webhook(b"{}", signed(b"{}")))
    assert len(shop.provider._world.outbox) == 1


def test_a_delivery_of_a_provider_with_another_name_is_refused() -> None:
    config = MemoryConfig(webhook_secret=SECRET)
    eu, us = Shop(config=config, name="eu"), Shop(config=config, name="us")
    eu.customer()
    [delivery] = eu.provider.deliveries()
    with pytest.raises(errors.MalformedPayload) as caught:
        run(us.provider.parse_webhook(delivery.payload, delivery.headers))
    assert caught.value.provider == "us"


def test_the_real_clock_signs_unless_another_one_is_given() -> None:
    provider = InMemoryProvider(now=START)
    run(provider.create_customer("ada@example.com"))
    [delivery] = provider.deliveries()
    assert asyncio.run(provider.parse_webhook(delivery.payload, delivery.headers)).type == "customer.created"


# --- hostile bodies ----------------------------------------------------------------------------------------------


def outcome(shop: Shop, payload: bytes, headers: object) -> WebhookEvent | errors.WebhookError:
    """What becomes of a delivery; whatever else is raised is a failure of the test."""
    try:
        return run(shop.provider.parse_webhook(payload, headers))  # type: ignore[arg-type]  # hostile
    except errors.WebhookError as error:
        return error


@given(st.binary(max_size=300), st.text(max_size=100) | st.dictionaries(st.text(max_size=30), st.text(max_size=100)))
def test_random_bytes_with_random_headers_end_in_a_webhook_error(payload: bytes, headers: object) -> None:
    assert isinstance(outcome(Shop(), payload, headers), errors.WebhookError)


@given(st.binary(max_size=300))
def test_random_bytes_that_are_signed_end_in_a_webhook_error_unless_they_happen_to_be_an_event(payload: bytes) -> None:
    result = outcome(Shop(), payload, signed(payload))
    if not isinstance(result, errors.WebhookError):
        said = json.loads(payload)
        assert (result.id, result.type) == (said["id"], said["type"])
        assert result.id.strip()
        assert result.type.strip()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_json_of_any_shape_that_is_signed_ends_in_a_webhook_error(value: Any) -> None:
    payload = json.dumps(value).encode()
    assert isinstance(outcome(Shop(), payload, signed(payload)), errors.WebhookError)


def a_delivery(type_: EventType) -> tuple[Shop, dict[str, Any]]:
    shop = busy()
    for delivery in shop.provider.deliveries():
        if delivery.type == type_:
            return shop, json.loads(delivery.payload)
    raise AssertionError(type_)


CARRIERS = (
    EventType.SUBSCRIPTION_CREATED,
    EventType.INVOICE_PAID,
    EventType.REFUND_SUCCEEDED,
    EventType.CHECKOUT_COMPLETED,
    EventType.CUSTOMER_CREATED,
)
SAMPLES = {type_: a_delivery(type_) for type_ in CARRIERS}


def places(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in the JSON."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [here, *(place for key, value in inner for place in places(value, (*here, key)))]


def with_value(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = dict(data) if isinstance(data, dict) else list(data)
    changed[place[0]] = with_value(data[place[0]], place[1:], value)
    return changed


@settings(max_examples=300)
@given(st.sampled_from(CARRIERS), st.data())
def test_an_event_with_any_one_value_replaced_is_read_or_ends_in_a_webhook_error(
    type_: EventType, data: st.DataObject
) -> None:
    shop, sample = SAMPLES[type_]
    place = data.draw(st.sampled_from(places(sample)))
    payload = json.dumps(with_value(sample, place, data.draw(values))).encode()
    assert isinstance(outcome(shop, payload, signed(payload)), WebhookEvent | errors.WebhookError)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: {**body, "id": ""},
        lambda body: {**body, "id": 7},
        lambda body: {**body, "type": ""},
        lambda body: {**body, "type": None},
        lambda body: {**body, "provider": "stripe"},
        lambda body: [body],
        json.dumps,
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(change: Callable[[Any], Any]) -> None:
    shop, sample = SAMPLES[EventType.CUSTOMER_CREATED]
    payload = json.dumps(change(sample)).encode()
    assert isinstance(outcome(shop, payload, signed(payload)), errors.MalformedPayload)


@pytest.mark.parametrize("created", ["2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", 1_790_000_000, None, []])
def test_an_event_that_does_not_say_when_it_happened_did_when_it_came(created: object) -> None:
    shop, sample = SAMPLES[EventType.CUSTOMER_CREATED]
    payload = json.dumps({**sample, "created_at": created}).encode()
    found = outcome(shop, payload, signed(payload))
    assert isinstance(found, WebhookEvent)
    assert found.created_at == datetime.fromtimestamp(CLOCK, UTC)
    assert found.customer is not None


def names_no_subscription(value: object) -> bool:
    """Whether it is a text that no provider could be asked for; an empty one is no name at all."""
    try:
        check_id("subscription_id", value or "sub_1")
    except errors.InvalidRequest:
        return isinstance(value, str)
    return False


@settings(max_examples=100)
@given(st.sampled_from(CARRIERS), st.data())
def test_an_event_lacks_whatever_names_neither_it_nor_its_kind(type_: EventType, data: st.DataObject) -> None:
    shop, sample = SAMPLES[type_]
    damaged = dict(sample)
    for name in data.draw(st.sets(st.sampled_from(sorted(set(sample) - {"id", "type", "provider", "livemode"})))):
        if data.draw(st.booleans()):
            del damaged[name]
        else:
            damaged[name] = data.draw(values)
    payload = json.dumps(damaged).encode()
    found = outcome(shop, payload, signed(payload))
    if not is_keepable_json(damaged) or names_no_subscription(damaged.get("subscription_id")):
        assert isinstance(found, errors.MalformedPayload)
        return
    assert isinstance(found, WebhookEvent)
    assert (found.id, found.type) == (sample["id"], sample["type"])
    assert found.created_at.tzinfo is not None


def test_an_event_of_a_later_version_is_read_with_its_own_word() -> None:
    shop, sample = SAMPLES[EventType.CUSTOMER_CREATED]
    payload = json.dumps({**sample, "type": "customer.cloned"}).encode()
    event = outcome(shop, payload, signed(payload))
    assert isinstance(event, WebhookEvent)
    assert event.type == "customer.cloned"


# --- the list of events ------------------------------------------------------------------------------------------


def test_events_are_listed_since_a_time_that_is_included_oldest_first() -> None:
    shop = Shop()
    shop.customer()
    shop.provider.advance(days=1)
    shop.customer()
    shop.provider.advance(days=1)
    shop.customer()
    found = run(shop.provider.list_events(START + timedelta(days=1)))
    assert [event.created_at for event in found] == [START + timedelta(days=1), START + timedelta(days=2)]
    assert run(shop.provider.list_events(START + timedelta(days=2, seconds=1))) == []


def test_events_are_listed_up_to_the_limit_from_the_oldest() -> None:
    shop = Shop()
    for _ in range(5):
        shop.customer()
    assert run(shop.provider.list_events(START, 2)) == shop.events()[:2]


def test_events_are_listed_whether_they_were_delivered_or_not() -> None:
    shop = Shop()
    shop.customer()
    before = shop.events()
    shop.provider.deliveries()
    assert shop.events() == before


def test_the_last_10_000_events_are_kept_and_every_delivery() -> None:
    shop = Shop()
    shop.subscribe("daily")
    shop.provider.advance(days=3000)
    assert len(shop.events()) == 10_000
    assert len(shop.provider._world.outbox) > 10_000
    assert shop.events()[-1].created_at == START + timedelta(days=3000)
