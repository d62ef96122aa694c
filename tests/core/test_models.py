"""The models: frozen values whose repr tells nothing personal, and the words for statuses and events."""

import copy
import pickle
import sys

import attrs
import pytest
from hypothesis import given

from paylattice import (
    CheckoutSession,
    CheckoutStatus,
    Customer,
    EventType,
    Invoice,
    InvoiceStatus,
    Money,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    SubscriptionStatus,
    WebhookEvent,
)
from paylattice.frozen import FrozenMap

from . import support
from .support import NOW, models


@given(models)
def test_models_are_frozen_and_slotted(model: object) -> None:
    name = attrs.fields(type(model))[0].name
    with pytest.raises(AttributeError):
        setattr(model, name, None)
    with pytest.raises(AttributeError):
        delattr(model, name)
    with pytest.raises(AttributeError):
        model.surprise = 1  # type: ignore[attr-defined]
    assert not hasattr(model, "__dict__")


@given(models)
def test_models_are_hashable_pickled_and_copied_as_equal_ones(model: object) -> None:
    for twin in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert twin == model
        assert hash(twin) == hash(model)
        assert getattr(twin, "raw", None) == getattr(model, "raw", None)


def test_a_customer_takes_its_fields_in_the_original_order() -> None:
    customer = Customer("cus_1", "ada@example.com", "Ada", {"org": "1"})
    assert (customer.id, customer.email, customer.name) == ("cus_1", "ada@example.com", "Ada")
    assert customer.metadata == {"org": "1"}


def test_a_payment_method_takes_its_fields_in_the_original_order() -> None:
    method = PaymentMethod("pm_1", "card", "4242", "visa")
    assert (method.id, method.type, method.last4, method.brand) == ("pm_1", "card", "4242", "visa")


def test_a_subscription_takes_its_fields_in_the_original_order() -> None:
    subscription = Subscription("sub_1", "cus_1", SubscriptionStatus.ACTIVE, NOW, NOW, "price_1", {"a": "b"})
    assert subscription == Subscription(
        id="sub_1",
        customer_id="cus_1",
        status=SubscriptionStatus.ACTIVE,
        current_period_start=NOW,
        current_period_end=NOW,
        plan_id="price_1",
        metadata={"a": "b"},
    )


def test_an_invoice_takes_its_fields_in_the_original_order() -> None:
    invoice = Invoice("in_1", "cus_1", Money(1999, "JPY"), InvoiceStatus.OPEN, NOW, NOW)
    assert (invoice.status, invoice.due_date, invoice.paid_at) == (InvoiceStatus.OPEN, NOW, NOW)
    assert (invoice.amount_cents, invoice.currency) == (1999, "JPY")


def test_a_checkout_session_takes_its_fields_in_the_original_order() -> None:
    session = CheckoutSession("cs_1", "https://pay.example/cs_1", "cus_1", {"a": "b"})
    assert (session.id, session.url, session.customer_id) == ("cs_1", "https://pay.example/cs_1", "cus_1")
    assert session.metadata == {"a": "b"}
    assert session.status is CheckoutStatus.OPEN


def test_what_all_models_have_is_given_by_name_only() -> None:
    for model in (Customer, PaymentMethod, Subscription, Invoice, CheckoutSession, Payment, Refund, WebhookEvent):
        fields = attrs.fields_dict(model)
        assert [fields[name].kw_only for name in ("provider", "replayed", "raw")] == [True, True, True]


@pytest.mark.parametrize(
    "model",
    [
        Customer(
            "cus_1", "ada@example.com", "Ada Lovelace", {"note": "ada@example.com"}, raw={"email": "ada@example.com"}
        ),
        CheckoutSession("cs_1", "https://pay.example/ada@example.com", metadata={"note": "Ada Lovelace"}),
        Payment("pay_1", Money(1, "USD"), description="for ada@example.com", metadata={"who": "Ada Lovelace"}),
        Invoice(
            "in_1", "cus_1", Money(1, "USD"), hosted_url="https://x/Ada Lovelace", pdf_url="https://x/ada@example.com"
        ),
        Subscription("sub_1", metadata={"who": "ada@example.com"}, raw={"who": "Ada Lovelace"}),
        SubscriptionChange(Subscription("sub_1"), approval_url="https://x/ada@example.com"),
        WebhookEvent(
            "evt_1",
            "acme:x",
            NOW,
            "evt_1",
            customer=Customer("cus_1", "ada@example.com", "Ada Lovelace"),
            raw={"x": "Ada Lovelace"},
        ),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_repr_holds_ids_and_nothing_personal(model: object) -> None:
    text = f"{model!r} {model}"
    assert "_1" in text
    assert "ada@example.com" not in text
    assert "Ada Lovelace" not in text


def test_the_providers_own_object_is_neither_compared_nor_hashed() -> None:
    one, other = Customer("cus_1", raw={"a": 1}), Customer("cus_1", raw={"b": []})
    assert one == other
    assert hash(one) == hash(other)
    assert one.raw == {"a": 1}


def test_a_replayed_answer_is_equal_to_the_first() -> None:
    assert Customer("cus_1", replayed=True) == Customer("cus_1")


def test_objects_of_two_providers_are_not_equal() -> None:
    assert Customer("1", provider="acme") != Customer("1", provider="stripe")


def test_metadata_becomes_immutable_and_may_be_left_out() -> None:
    words = {"a": "b"}
    customer = Customer("cus_1", metadata=words)
    words["a"] = "c"
    assert customer.metadata == {"a": "b"}
    assert isinstance(customer.metadata, FrozenMap)
    assert Customer("cus_1", metadata=None).metadata == {}  # type: ignore[arg-type]
    assert Customer("cus_2", metadata=customer.metadata).metadata is customer.metadata


def test_a_list_of_items_becomes_a_tuple() -> None:
    subscription = Subscription("sub_1", items=[SubscriptionItem("si_1")])
    assert subscription.items == (SubscriptionItem("si_1"),)
    assert isinstance(hash(subscription), int)


def test_only_active_and_trialing_subscriptions_grant_access() -> None:
    assert {status for status in SubscriptionStatus if status.grants_access} == {
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.TRIALING,
    }


def test_a_subscription_has_ended_is_current_or_has_not_begun() -> None:
    S = SubscriptionStatus  # noqa: N806
    assert {status for status in S if status.is_terminal} == {S.CANCELED, S.EXPIRED}
    assert {status for status in S if status.is_current} == {S.TRIALING, S.ACTIVE, S.PAST_DUE, S.UNPAID, S.PAUSED}


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_a_cancellation_is_scheduled_while_the_subscription_lives(status: SubscriptionStatus) -> None:
    assert Subscription("s", status=status, cancel_at=NOW).cancel_scheduled is not status.is_terminal
    assert not Subscription("s", status=status).cancel_scheduled


def test_an_invoice_has_the_status_of_a_payment_too() -> None:
    assert {status: status.payment_status for status in InvoiceStatus} == {
        InvoiceStatus.DRAFT: PaymentStatus.PENDING,
        InvoiceStatus.OPEN: PaymentStatus.PENDING,
        InvoiceStatus.PAID: PaymentStatus.SUCCEEDED,
        InvoiceStatus.VOID: PaymentStatus.CANCELED,
        InvoiceStatus.UNCOLLECTIBLE: PaymentStatus.FAILED,
        InvoiceStatus.UNKNOWN: PaymentStatus.UNKNOWN,
    }


@pytest.mark.parametrize("words", [SubscriptionStatus, PaymentStatus, InvoiceStatus, CheckoutStatus, RefundStatus])
def test_every_kind_of_status_has_a_word_for_the_unknown(words: type) -> None:
    assert words("unknown") == words["UNKNOWN"]


def test_the_statuses_of_the_original_design_are_there() -> None:
    assert {"active", "canceled", "past_due", "unpaid", "trialing"} <= set(SubscriptionStatus)
    assert {"pending", "succeeded", "failed", "canceled", "refunded"} <= set(PaymentStatus)


@pytest.mark.parametrize("status", [status for status in SubscriptionStatus if status.value != "unknown"])
def test_each_status_of_a_subscription_has_its_event(status: SubscriptionStatus) -> None:
    event = EventType.of_status(status)
    assert event == f"subscription.{status}"
    assert event is not None
    assert event.names_a_status


def test_the_unknown_status_has_no_event() -> None:
    assert EventType.of_status(SubscriptionStatus.UNKNOWN) is None


@pytest.mark.parametrize(
    "event",
    [
        EventType.SUBSCRIPTION_CREATED,
        EventType.SUBSCRIPTION_UPDATED,
        EventType.SUBSCRIPTION_RENEWED,
        EventType.SUBSCRIPTION_RESUMED,
        EventType.INVOICE_PAID,
        EventType.CHECKOUT_EXPIRED,
    ],
)
def test_other_events_do_not_name_a_status(event: EventType) -> None:
    assert not event.names_a_status


def test_events_are_dotted_words_that_no_provider_prefix_can_be_taken_for() -> None:
    assert all(event.count(".") == 1 and ":" not in event for event in EventType)


def test_the_strategies_make_every_public_model() -> None:
    import paylattice

    public = {
        name
        for name in paylattice.__all__
        if name not in {"BillingCustomer", "BillingSubscription", "BillingEvent", "BillingOperation", "UnmatchedEvent"}
        and (home := sys.modules.get(f"paylattice.{paylattice._HOME_OF.get(name)}")) is not None
        and home.__name__ in {"paylattice.models", "paylattice.events", "paylattice.money"}
        and attrs.has(getattr(paylattice, name))
        and "__attrs_attrs__" in vars(getattr(paylattice, name))  # OpenCheckout is a CheckoutSession, and no more
    }
    assert public == set(support.MODELS)
