"""Models to JSON and back."""

import json
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import given, settings

from paylattice import (
    BillingCustomer,
    BillingEvent,
    BillingSubscription,
    Customer,
    EventType,
    Invoice,
    Money,
    Subscription,
    SubscriptionStatus,
    UnmatchedEvent,
    WebhookEvent,
    converter,
)
from paylattice.config import ProviderConfig, Secret, env, secrets_from
from paylattice.errors import ConfigurationError, InvalidRequest, MalformedPayload
from paylattice.frozen import FrozenMap

from .support import NOW, models

CONVERTER = converter()


def through_json(value: object) -> object:
    return CONVERTER.structure(json.loads(json.dumps(CONVERTER.unstructure(value))), type(value))


@settings(max_examples=300)
@given(models)
def test_every_model_is_the_same_after_a_journey_through_json(model: object) -> None:
    twin = through_json(model)
    assert twin == model
    assert hash(twin) == hash(model)
    assert getattr(twin, "raw", None) == getattr(model, "raw", None)
    assert getattr(twin, "replayed", None) == getattr(model, "replayed", None)


@pytest.mark.parametrize(
    "record",
    [
        BillingCustomer("1", "org", "acme", "cus_1", "ada@example.com", "Ada", {"a": "b"}, NOW, NOW),
        BillingSubscription("1", "1", "sub_1", "price_1", SubscriptionStatus.ACTIVE, NOW, NOW, {"a": "b"}, NOW, NOW),
        BillingEvent(
            "1", "org", "1", "invoice.paid", "acme", "evt_1", 1999, {"a": "b"}, NOW, currency="USD", created_at=NOW
        ),
        UnmatchedEvent("acme", "evt_1", "cus_1", None, {"id": "evt_1", "nested": {"a": [1, None]}}, NOW),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records_are_the_same_after_a_journey_through_json(record: object) -> None:
    assert through_json(record) == record


def test_an_event_that_no_version_knows_keeps_its_name() -> None:
    event = WebhookEvent("evt_1", "acme:thing.happened", NOW, "evt_1")
    twin = through_json(event)
    assert isinstance(twin, WebhookEvent)
    assert (type(twin.type), twin.type) == (str, "acme:thing.happened")


def test_an_event_that_is_known_comes_back_as_its_word() -> None:
    twin = through_json(WebhookEvent("evt_1", EventType.INVOICE_PAID, NOW, "evt_1"))
    assert isinstance(twin, WebhookEvent)
    assert twin.type is EventType.INVOICE_PAID


def test_a_status_that_only_a_later_version_knows_becomes_unknown() -> None:
    stored = {"id": "sub_1", "status": "hibernating", "raw_status": "hibernating"}
    subscription = CONVERTER.structure(stored, Subscription)
    assert (subscription.status, subscription.raw_status) == (SubscriptionStatus.UNKNOWN, "hibernating")


def test_times_are_written_in_utc() -> None:
    there = timezone(timedelta(hours=5, minutes=30))
    written = CONVERTER.unstructure(Customer("cus_1", created_at=datetime(2026, 1, 31, 17, 30, tzinfo=there)))
    assert written["created_at"] == "2026-01-31T12:00:00+00:00"


def test_times_are_read_as_utc() -> None:
    customer = CONVERTER.structure({"id": "cus_1", "created_at": "2026-01-31T17:30:00+05:30"}, Customer)
    assert customer.created_at == NOW
    assert customer.created_at is not None
    assert customer.created_at.tzinfo is UTC


def test_a_naive_time_is_not_written() -> None:
    with pytest.raises(InvalidRequest, match="time zone"):
        CONVERTER.unstructure(Customer("cus_1", created_at=datetime(2026, 1, 31)))  # noqa: DTZ001 - on purpose


def test_a_naive_time_is_not_read() -> None:
    with pytest.raises(MalformedPayload, match=r"no Customer: look at \$\.created_at"):
        CONVERTER.structure({"id": "cus_1", "created_at": "2026-01-31T12:00:00"}, Customer)


@pytest.mark.parametrize("amount", [19.99, 20.0, "5", True, None, [5]])
def test_an_amount_is_never_guessed(amount: object) -> None:
    with pytest.raises(MalformedPayload, match=r"no Money: look at \$\.amount"):
        CONVERTER.structure({"amount": amount, "currency": "USD"}, Money)


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        (Customer, {"id": None}),
        (Customer, {"id": 5}),
        (Customer, {"id": "cus_1", "metadata": {"a": 1}}),
        (Customer, {"id": "cus_1", "created_at": 5}),
        (Subscription, {"id": "sub_1", "collection_paused": "no"}),
        (Subscription, {"id": "sub_1", "quantity": 1.5}),
        (Invoice, {"id": "in_1", "customer_id": None, "amount": {"amount": 1, "currency": "XYZ"}}),
        (WebhookEvent, {"id": "evt_1", "type": 5, "created_at": "2026-01-31T12:00:00Z", "dedupe_key": "x"}),
    ],
)
def test_values_of_a_wrong_type_are_refused(kind: type, stored: dict[str, object]) -> None:
    with pytest.raises(MalformedPayload, match=f"no {kind.__name__}") as caught:
        CONVERTER.structure(stored, kind)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_defaults_are_left_out() -> None:
    assert CONVERTER.unstructure(Customer("cus_1")) == {"id": "cus_1"}


def test_metadata_comes_back_immutable() -> None:
    twin = through_json(Customer("cus_1", metadata={"a": "b"}))
    assert isinstance(twin, Customer)
    assert isinstance(twin.metadata, FrozenMap)


@attrs.frozen(kw_only=True)
class Settings(ProviderConfig):
    provider = "acme"
    key: Secret | None = attrs.field(default=None, converter=Secret.of, metadata=env("ACME_KEY", "call"))
    hooks: tuple[Secret, ...] = attrs.field(default=(), converter=secrets_from)


@pytest.mark.parametrize("config", [Settings(key="hunter2"), Settings(hooks="hunter2"), Secret("hunter2")])
def test_a_secret_is_not_written(config: object) -> None:
    with pytest.raises(ConfigurationError, match="serialised") as caught:
        CONVERTER.unstructure(config)
    assert "hunter2" not in str(caught.value)
