"""Every parser on Square's own samples, on hand-written ones, and on whatever may come instead."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paylattice import EventType, InvoiceStatus, Money, PaymentStatus, RefundStatus, SubscriptionStatus
from paylattice.errors import InvalidResponse
from paylattice.models import Model
from paylattice.providers.square import catalog, wire
from paylattice.providers.square.events import event_from
from paylattice.providers.square.states import Known, status_of, subscription_from
from paylattice.serialization import converter

from . import samples
from .contract import definitions, example, official, webhook_examples

NOW = datetime(2026, 9, 21, 14, tzinfo=UTC)
VARIATION = catalog.variation_from(samples.variation())
KNOWN = Known(NOW, VARIATION, (samples.invoice(),), "America/Los_Angeles")

READERS: dict[str, Callable[[Any], Model]] = {
    "customer": partial(wire.customer_from, reference_key="org_id"),
    "card": wire.payment_method_from,
    "payment": partial(wire.payment_from, reference_key="org_id"),
    "refund": wire.refund_from,
    "invoice": wire.invoice_from,
    "subscription": lambda data: subscription_from(data, KNOWN),
    "variation": catalog.plan_from,
    "event": event_from,
}
DEMANDED: dict[str, set[str]] = {
    "customer": {"id"},
    "card": {"id"},
    "payment": {"id", "amount_money"},
    "refund": {"id", "amount_money"},
    "invoice": {"id", "payment_requests"},
    "subscription": {"id"},
    "variation": {"id"},
    "event": {"event_id", "type", "created_at"},
}
BY_HAND: dict[str, dict[str, Any]] = {
    "customer": samples.customer(),
    "card": samples.card(),
    "payment": samples.payment(refunded_money=samples.usd(5)),
    "refund": samples.refund(),
    "invoice": samples.invoice(),
    "subscription": samples.subscription(
        actions=[samples.action("SWAP_PLAN", new_plan_variation_id="VAR2")], canceled_date="2026-10-04"
    ),
    "variation": samples.variation(samples.phase(0, periods=1), samples.phase(1900)),
    "event": samples.event("invoice.payment_made", "invoice", samples.invoice()),
}
SCHEMAS = {
    "customer": "Customer",
    "card": "Card",
    "payment": "Payment",
    "refund": "PaymentRefund",
    "invoice": "Invoice",
    "subscription": "Subscription",
    "variation": "CatalogObject",
    "event": "Event",
}
STRANGE: list[Any] = [
    None,
    "A_WORD_OF_2031",
    -1,
    10**40,
    1.5,
    True,
    [],
    {},
    [None],
    {"id": 7},
    "9999-12-31",
    "0001-01-01",
]
REMOVED = object()


def paths(data: Any, *above: Any) -> list[tuple[Any, ...]]:
    """The way to every value inside."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    found = []
    for key, value in entries:
        found += [(*above, key), *paths(value, *above, key)]
    return found


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    other = copy.deepcopy(data)
    inner = other
    for key in path[:-1]:
        inner = inner[key]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return other


def check_model(model: Model, data: Any) -> None:
    assert model.provider == "square"
    assert model.raw is data
    assert converter().structure(converter().unstructure(model), type(model)) == model


@pytest.mark.parametrize("kind", BY_HAND)
def test_every_field_of_a_sample_may_be_missing_or_strange(kind: str) -> None:
    check_model(READERS[kind](BY_HAND[kind]), BY_HAND[kind])
    for path in paths(BY_HAND[kind]):
        for value in (REMOVED, *STRANGE):
            other = changed(BY_HAND[kind], path, value)
            try:
                model = READERS[kind](other)
            except InvalidResponse:
                assert path[0] in DEMANDED[kind], path
            else:
                assert model.raw is other
                assert isinstance(hash(repr(model)), int)


@pytest.mark.parametrize("kind", READERS)
def test_what_is_demanded_is_enough(kind: str) -> None:
    sparse = {field: BY_HAND[kind][field] for field in DEMANDED[kind]}
    assert READERS[kind](sparse).raw == sparse
    for field in DEMANDED[kind]:
        with pytest.raises(InvalidResponse):
            READERS[kind]({name: value for name, value in sparse.items() if name != field})


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(sorted(READERS)),
    data=st.dictionaries(
        st.sampled_from(sorted({key for sample in BY_HAND.values() for key in sample})),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["id", "object", "invoice", "phases", "cadence", "currency", "amount", "status"]),
                    inner,
                )
            ),
            max_leaves=6,
        ),
    ),
)
def test_any_object_is_a_model_or_an_invalid_response(kind: str, data: dict[str, Any]) -> None:
    try:
        model = READERS[kind](data)
    except InvalidResponse:
        return
    assert model.raw is data


# --- Square's own ----------------------------------------------------------------------------------------------------


@official
@pytest.mark.contract
def test_every_webhook_example_is_an_event() -> None:
    found = webhook_examples()
    assert len(found) >= 140
    for name, data in found.items():
        event = event_from(data)
        assert event.id == data["event_id"], name
        assert event.type, name
        assert event.raw is data
        check_model(event, data)
        kind = data["type"].partition(".")[0]
        if kind in {"customer", "subscription", "invoice", "payment", "refund"} and data["data"].get("object", {}).get(
            kind
        ):
            assert getattr(event, kind) is not None, name


@official
@pytest.mark.contract
def test_webhook_examples_have_the_shared_words() -> None:
    found = webhook_examples()
    words = {data["type"]: event_from(data).type for data in found.values()}
    assert words["payment.updated"] is EventType.PAYMENT_SUCCEEDED
    assert words["invoice.payment_made"] is EventType.INVOICE_PAID
    assert words["invoice.scheduled_charge_failed"] is EventType.INVOICE_PAYMENT_FAILED
    assert words["refund.updated"] is EventType.REFUND_SUCCEEDED
    assert words["subscription.updated"] is EventType.SUBSCRIPTION_UPDATED
    assert words["customer.deleted"] is EventType.CUSTOMER_DELETED
    assert words["dispute.state.updated"] is EventType.DISPUTE_WON
    assert words["order.updated"] == "square:order.updated"
    assert event_from(found["OrderUpdatedEvent"]).checkout_reference == "eA3vssLHKJrv9H0IdJCM3gNqfdcZY"
    assert event_from(found["InvoicePaymentMadeEvent"]).invoice.amount == Money(10000, "USD")  # type: ignore[union-attr]


@official
@pytest.mark.contract
@pytest.mark.parametrize(
    ("response", "name", "kind"),
    [
        ("CreateCustomerResponse", "customer", "customer"),
        ("RetrieveCustomerResponse", "customer", "customer"),
        ("UpdateCustomerResponse", "customer", "customer"),
        ("ListCardsResponse", "cards", "card"),
        ("RetrieveCardResponse", "card", "card"),
        ("DisableCardResponse", "card", "card"),
        ("CreatePaymentResponse", "payment", "payment"),
        ("GetPaymentResponse", "payment", "payment"),
        ("UpdatePaymentResponse", "payment", "payment"),
        ("CompletePaymentResponse", "payment", "payment"),
        ("CancelPaymentResponse", "payment", "payment"),
        ("RefundPaymentResponse", "refund", "refund"),
        ("GetPaymentRefundResponse", "refund", "refund"),
        ("GetInvoiceResponse", "invoice", "invoice"),
        ("SearchInvoicesResponse", "invoices", "invoice"),
        ("CreateSubscriptionResponse", "subscription", "subscription"),
        ("RetrieveSubscriptionResponse", "subscription", "subscription"),
        ("CancelSubscriptionResponse", "subscription", "subscription"),
        ("PauseSubscriptionResponse", "subscription", "subscription"),
        ("ResumeSubscriptionResponse", "subscription", "subscription"),
        ("SwapPlanResponse", "subscription", "subscription"),
        ("SearchSubscriptionsResponse", "subscriptions", "subscription"),
        ("SearchEventsResponse", "events", "event"),
    ],
)
def test_the_description_s_own_answers_are_read(response: str, name: str, kind: str) -> None:
    found = example(response)[name]
    for data in found if isinstance(found, list) else [found]:
        check_model(READERS[kind](data), data)


@official
@pytest.mark.contract
def test_the_description_s_own_answers_say_what_they_say() -> None:
    paid = wire.payment_from(example("CreatePaymentResponse")["payment"], reference_key="org_id")
    assert (paid.status, paid.amount, dict(paid.metadata)) == (
        PaymentStatus.SUCCEEDED,
        Money(1000, "USD"),
        {"org_id": "123456"},
    )
    given_back = wire.refund_from(example("RefundPaymentResponse")["refund"])
    assert given_back.status is RefundStatus.PENDING
    canceled, paused, active = (
        subscription_from(data, Known(NOW)) for data in example("SearchSubscriptionsResponse")["subscriptions"]
    )
    assert [one.status for one in (canceled, paused, active)] == [
        SubscriptionStatus.CANCELED,
        SubscriptionStatus.PAUSED,
        SubscriptionStatus.ACTIVE,
    ]
    assert wire.invoice_from(example("GetInvoiceResponse")["invoice"]).status is InvoiceStatus.DRAFT


def generated(schema: dict[str, Any], depth: int = 4) -> st.SearchStrategy[Any]:
    """Any value of a schema of the description, with optional properties there or not, and unknown words."""
    if "$ref" in schema:
        return generated(definitions()[schema["$ref"].rpartition("/")[2]], depth) if depth else st.none()
    if "anyOf" in schema:
        return st.one_of(*(generated(one, depth) for one in schema["anyOf"]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    choices: list[st.SearchStrategy[Any]] = []
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], "A_WORD_OF_2031"])
    for kind in kinds:
        if kind == "object":
            inner = (
                {name: generated(one, depth - 1) for name, one in schema.get("properties", {}).items()} if depth else {}
            )
            choices.append(st.fixed_dictionaries({}, optional=inner))
        elif kind == "array":
            choices.append(
                st.lists(generated(schema.get("items", {}), depth - 1), max_size=2) if depth else st.just([])
            )
        else:
            choices.append(_PLAIN[kind])
    return st.one_of(*choices) if choices else st.none()


_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=8) | st.dates().map(str) | st.datetimes().map(lambda when: f"{when.isoformat()}Z"),
    "integer": st.integers(),
    "number": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "null": st.none(),
}


@official
@pytest.mark.contract
@pytest.mark.parametrize("kind", SCHEMAS)
def test_generated_objects_are_read(kind: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=generated({"$ref": f"#/$defs/{SCHEMAS[kind]}"}), whole=st.booleans())
    def check(data: dict[str, Any], whole: bool) -> None:
        given_data = {**data, **{name: BY_HAND[kind][name] for name in DEMANDED[kind]}} if whole else data
        try:
            model = READERS[kind](given_data)
        except InvalidResponse:
            assert not whole
            return
        check_model(model, given_data)

    check()


@official
@pytest.mark.contract
def test_every_word_of_the_description_has_its_place() -> None:
    words = {
        name: definitions()[name]["enum"] for name in ("SubscriptionStatus", "InvoiceStatus", "SubscriptionCadence")
    }
    for word in words["SubscriptionStatus"]:
        assert status_of({"id": "S", "status": word}, Known(NOW)) is not SubscriptionStatus.UNKNOWN, word
    for word in words["InvoiceStatus"]:
        assert wire.INVOICE_STATUS.get(word), word
    from paylattice.providers.square.periods import CADENCES
    from paylattice.providers.square.states import ACTIONS

    assert set(words["SubscriptionCadence"]) == set(CADENCES)
    assert set(definitions()["SubscriptionActionType"]["enum"]) == set(ACTIONS)
