"""Every parser on PayPal's own samples, on objects made after its descriptions, and on whatever may come instead."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paylattice import CheckoutStatus, InvoiceStatus, Money, PaymentStatus, RefundStatus, SubscriptionStatus
from paylattice.errors import InvalidResponse
from paylattice.models import Model
from paylattice.providers.paypal import orders, wire
from paylattice.providers.paypal.events import event_from
from paylattice.providers.paypal.verification.transmission import Signed, transmission_from
from paylattice.serialization import converter
from tests.kit import NOW

from . import samples
from .certificates_support import delivery
from .contract import answer_examples, description, official

WHEN = datetime.fromtimestamp(NOW, UTC)
SIGNED = Signed(transmission_from(delivery()), b"{}")

READERS: dict[str, Callable[[Any], Model]] = {
    "subscription": lambda data: wire.subscription_from(data, WHEN),
    "subscription session": wire.subscription_session_from,
    "plan": wire.plan_from,
    "transaction": lambda data: wire.invoice_from(data, customer_id="c", subscription_id="I-1"),
    "invoice": wire.searched_invoice_from,
    "payment token": wire.payment_method_from,
    "order": orders.payment_from_order,
    "order session": orders.order_session_from,
    "capture": orders.payment_from_capture,
    "authorization": orders.payment_from_authorization,
    "refund": lambda data: orders.refund_from(data, payment_id="X"),
    "sale": orders.payment_from_sale,
    "sale refund": orders.refund_from,
    "v1 capture": orders.payment_from_capture,
    "v1 authorization": orders.payment_from_authorization,
    "v1 invoice": wire.searched_invoice_from,
    "event": lambda data: event_from(data, WHEN, SIGNED),
}
BY_HAND: dict[str, dict[str, Any]] = {
    "subscription": samples.subscription(
        billing_info=samples.billing(
            cycle_executions=[samples.execution("TRIAL", 1, 0, 1), samples.execution(completed=0)],
            last_failed_payment={"amount": samples.usd(), "time": "2026-09-12T10:00:00Z"},
        )
    ),
    "subscription session": samples.pending_subscription(),
    "plan": samples.plan(samples.cycle(None, "DAY", 14, kind="TRIAL", total=1), samples.cycle(sequence=2)),
    "transaction": samples.transaction(),
    "invoice": samples.invoice(),
    "payment token": samples.payment_token(),
    "order": samples.order(
        captures=[samples.capture()], authorizations=[samples.authorization()], refunds=[samples.refund()]
    ),
    "order session": samples.waiting_order(),
    "capture": samples.capture(),
    "authorization": samples.authorization(),
    "refund": samples.refund(),
    "sale": samples.sale(),
    "sale refund": samples.sale_refund(),
    "v1 capture": samples.v1_capture(),
    "v1 authorization": samples.v1_authorization(),
    "v1 invoice": samples.v1_invoice(),
    "event": samples.event(),
}
DEMANDED: dict[str, dict[str, Any]] = {
    "subscription": {"id": "I-1"},
    "subscription session": {"id": "I-1"},
    "plan": {"id": "P-1"},
    "transaction": {"id": "T", "amount_with_breakdown": {"gross_amount": samples.usd()}},
    "invoice": {"id": "INV2-1", "amount": samples.usd()},
    "payment token": {"id": "t"},
    "order": {"id": "O", "purchase_units": [{"amount": samples.usd()}]},
    "order session": {"id": "O", "purchase_units": [{"amount": samples.usd()}]},
    "capture": {"id": "C", "amount": samples.usd()},
    "authorization": {"id": "A", "amount": samples.usd()},
    "refund": {"id": "R", "amount": samples.usd()},
    "sale": {"id": "S", "amount": samples.v1()},
    "sale refund": {"id": "R", "amount": samples.v1()},
    "v1 capture": {"id": "C", "amount": samples.v1()},
    "v1 authorization": {"id": "A", "amount": samples.v1()},
    "v1 invoice": {"id": "INV2-1", "total_amount": {"currency": "USD", "value": "1.00"}},
    "event": {"id": "WH-1", "event_type": "X"},
}
SCHEMAS: dict[str, tuple[str, str]] = {
    "subscription": ("billing_subscriptions_v1", "subscription"),
    "subscription session": ("billing_subscriptions_v1", "subscription"),
    "plan": ("billing_subscriptions_v1", "plan"),
    "transaction": ("billing_subscriptions_v1", "transaction"),
    "invoice": ("invoicing_v2", "invoice"),
    "payment token": ("vault_payment_tokens_v3", "payment_token_response"),
    "order": ("checkout_orders_v2", "order"),
    "order session": ("checkout_orders_v2", "order"),
    "capture": ("payments_payment_v2", "capture-2"),
    "authorization": ("payments_payment_v2", "authorization-2"),
    "refund": ("payments_payment_v2", "refund"),
    "sale": ("payments_payment_v1", "sale"),
    "sale refund": ("payments_payment_v1", "detailed_refund"),
    "v1 capture": ("payments_payment_v1", "capture"),
    "v1 authorization": ("payments_payment_v1", "authorization"),
    "event": ("notifications_webhooks_v1", "event"),
}
STRANGE: list[Any] = [
    None,
    "A_WORD_OF_2031",
    "",
    -1,
    10**40,
    1.5,
    True,
    [],
    {},
    [None],
    [[]],
    {"id": 7},
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "\u0661",
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
    assert model.provider == "paypal"
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
    sparse = DEMANDED[kind]
    check_model(READERS[kind](sparse), sparse)
    for field in sparse:
        with pytest.raises(InvalidResponse):
            READERS[kind]({name: value for name, value in sparse.items() if name != field})


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(sorted(READERS)),
    data=st.dictionaries(
        st.sampled_from(sorted({key for sample in BY_HAND.values() for key in sample})),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(
                        ["id", "value", "currency_code", "amount", "status", "captures", "payments", "time"]
                    ),
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


# --- PayPal's own ----------------------------------------------------------------------------------------------------

EXAMPLES: dict[str, tuple[str, ...]] = {  # those of orders and invoices are requests
    "POST /v1/billing/plans": ("plan",),
    "POST /v1/billing/subscriptions": ("subscription", "subscription session"),
    "POST /v3/vault/payment-tokens": ("payment token",),
    "GET /v3/vault/payment-tokens": ("payment token",),
}


@official
@pytest.mark.contract
def test_the_descriptions_own_answers_are_read() -> None:
    read: set[str] = set()
    for name, operation, data in answer_examples():
        for kind in EXAMPLES.get(operation, ()):
            for one in data.get("payment_tokens", [data]):
                try:
                    check_model(READERS[kind](one), one)
                except InvalidResponse as error:
                    raise AssertionError(f"{name} {operation}: {error}") from error
                read.add(operation)
    assert {"POST /v1/billing/plans", "POST /v1/billing/subscriptions", "GET /v3/vault/payment-tokens"} <= read


@official
@pytest.mark.contract
def test_the_descriptions_own_answers_say_what_they_say() -> None:
    found = {operation: data for _, operation, data in answer_examples()}
    started = wire.subscription_session_from(found["POST /v1/billing/subscriptions"])
    assert started.status is CheckoutStatus.OPEN
    assert started.url is not None
    plan = wire.plan_from(found["POST /v1/billing/plans"])
    assert plan.active
    assert plan.interval == "month"
    assert plan.amount is not None
    methods = [wire.payment_method_from(one) for one in found["GET /v3/vault/payment-tokens"]["payment_tokens"]]
    assert {method.type for method in methods} <= {"card", "paypal", "venmo", "apple_pay", "bank"}
    assert any(method.last4 for method in methods)


# --- made after the descriptions -------------------------------------------------------------------------------------

WORD = "A_WORD_OF_2031"


def resolved(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its parts put together."""
    while "$ref" in schema:
        inner: Any = description(name)
        for part in schema["$ref"].removeprefix("#/").split("/"):
            inner = inner[part]
        schema = inner
    made = dict(schema)
    for part in [*schema.get("allOf", []), *(schema.get("oneOf") or schema.get("anyOf") or [])[:1]]:
        other = resolved(name, part)
        made["properties"] = {**made.get("properties", {}), **other.get("properties", {})}
        made.setdefault("type", other.get("type"))
    return made


def text_of(key: str, schema: dict[str, Any]) -> str:
    """A text that the schema could mean."""
    if schema.get("format") == "ppaas_date_time_v3" or key.endswith("time") or key in {"create_time", "time"}:
        return "2026-09-01T10:00:00Z"
    return {
        "value": "19.00",
        "total": "19.00",
        "currency_code": "USD",
        "currency": "USD",
        "href": "https://api.paypal.com/v2/x/Y1",
        "expiry": "2027-02",
        "quantity": "2",
    }.get(key, "X1")


def full(name: str, schema: dict[str, Any], key: str = "", depth: int = 0, *, words: bool = False) -> Any:
    """An object with everything that the schema has; with ``words``, every enumeration has a word of the future."""
    schema = resolved(name, schema)
    kind = schema.get("type")
    if "enum" in schema:
        return WORD if words and key != "currency_code" else schema["enum"][0]
    if "properties" in schema:
        if depth > 6:
            return {}
        return {one: full(name, inner, one, depth + 1, words=words) for one, inner in schema["properties"].items()}
    if kind == "array":
        return [full(name, schema.get("items", {}), key, depth + 1, words=words)] * 2 if depth < 7 else []
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return True if kind == "boolean" else {} if kind == "object" else text_of(key, schema)


@official
@pytest.mark.contract
@pytest.mark.parametrize("words", [False, True], ids=["known words", "words of the future"])
@pytest.mark.parametrize("kind", SCHEMAS)
def test_an_object_with_everything_in_it_is_read(kind: str, words: bool) -> None:
    name, schema = SCHEMAS[kind]
    data = full(name, {"$ref": f"#/components/schemas/{schema}"}, words=words)
    assert len(paths(data)) > 15 or kind == "event"
    if kind == "invoice":
        data["amount"] = samples.usd()  # PayPal computes it
    if kind == "event":
        data |= {"event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": samples.capture()}
    model = READERS[kind](data)
    check_model(model, data)
    status = getattr(model, "status", None)
    if words and status is not None:
        assert status in {
            SubscriptionStatus.UNKNOWN,
            CheckoutStatus.UNKNOWN,
            PaymentStatus.UNKNOWN,
            RefundStatus.UNKNOWN,
            InvoiceStatus.UNKNOWN,
        }
        assert getattr(model, "raw_status", None) == WORD


def anything(name: str, schema: dict[str, Any], key: str = "", depth: int = 0) -> st.SearchStrategy[Any]:
    """Objects that the schema allows: every property may be missing, every word unknown."""
    schema = resolved(name, schema)
    kind = schema.get("type")
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], WORD])
    if "properties" in schema:
        if depth > 4:
            return st.just({})
        chosen = {one: anything(name, inner, one, depth + 1) for one, inner in schema["properties"].items()}
        return st.fixed_dictionaries({}, optional=chosen)
    if kind == "array":
        return st.lists(anything(name, schema.get("items", {}), key, depth + 1), max_size=2)
    if kind in {"integer", "number"}:
        return st.integers(schema.get("minimum", -5), schema.get("maximum", 10**6))
    if kind == "boolean":
        return st.booleans()
    if kind == "object":
        return st.just({})
    if key == "value":
        return st.from_regex(r"\A((-?[0-9]{1,9})|(-?([0-9]{1,9})?[.][0-9]{1,2}))\Z")
    return st.sampled_from([text_of(key, schema), "", "X2", "9999-12-31T23:59:59Z", "2026-08-31T10:00:00Z"])


@official
@pytest.mark.contract
@pytest.mark.parametrize("kind", [kind for kind in SCHEMAS if kind != "event"])
def test_whatever_a_description_allows_is_a_model(kind: str) -> None:
    name, schema = SCHEMAS[kind]
    strategy = anything(name, {"$ref": f"#/components/schemas/{schema}"})

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def read(data: dict[str, Any]) -> None:
        whole = {**data, **copy.deepcopy(DEMANDED[kind])}
        if kind.startswith("order") and isinstance(data.get("purchase_units"), list) and data["purchase_units"]:
            whole["purchase_units"] = [{**data["purchase_units"][0], "amount": samples.usd()}]
        model = READERS[kind](whole)
        assert model.raw is whole
        assert getattr(model, "id", None) == DEMANDED[kind]["id"]

    read()


# --- what they say ----------------------------------------------------------------------------------------------------


def test_a_plan_is_its_regular_cycle() -> None:
    trial = samples.cycle(None, "WEEK", 2, kind="TRIAL", total=1)
    paid_trial = samples.cycle("1.00", "MONTH", 1, kind="TRIAL", total=1)
    found = wire.plan_from(samples.plan(trial, paid_trial, samples.cycle("19.00", "MONTH", 3, sequence=3)))
    assert (found.amount, found.interval, found.interval_count, found.trial_days) == (
        Money(1900, "USD"),
        "month",
        3,
        14,
    )
    assert found.active
    assert not wire.plan_from(samples.plan(status="INACTIVE")).active
    assert wire.plan_from(samples.plan(samples.cycle(None))).amount is None


def test_an_invoice_that_the_merchant_wrote_has_its_dates_in_utc() -> None:
    found = wire.searched_invoice_from(samples.invoice())
    assert found.status is InvoiceStatus.PAID
    assert found.due_date == datetime(2026, 9, 11, tzinfo=UTC)
    assert found.paid_at == datetime(2026, 9, 5, tzinfo=UTC)
    assert (found.amount_paid, found.amount_due) == (Money(7421, "USD"), Money(0, "USD"))
    assert found.hosted_url == "https://www.sandbox.paypal.com/invoice/p/#Z56S5LLAQ52LCPZ5"
    several = [{"payment_date": "2026-09-07"}, {"payment_date": "soon"}, {"payment_date": "2026-09-05"}]
    in_parts = wire.searched_invoice_from(samples.invoice(payments={"transactions": several}))
    assert in_parts.paid_at == datetime(2026, 9, 7, tzinfo=UTC)
    open_one = wire.searched_invoice_from(samples.invoice(status="SENT", payments=None))
    assert (open_one.status, open_one.paid_at) == (InvoiceStatus.OPEN, None)


def test_a_payment_method_of_a_kind_that_nobody_knows_keeps_its_word() -> None:
    found = wire.payment_method_from(samples.payment_token(payment_source={"hologram": {"id": "x"}}))
    assert found.type == "hologram"
    assert wire.payment_method_from(samples.payment_token(payment_source={})).type == "unknown"
