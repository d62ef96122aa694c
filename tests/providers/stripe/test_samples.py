"""Stripe's own sample objects, whole, sparse and strange.

The samples are those of https://github.com/stripe/openapi (``fixtures3.json``). Set ``PAYLATTICE_SPECS`` to the folder that
holds ``stripe/fixtures3.json``; without it these tests are skipped, and the hand-written samples below stand alone.
"""

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import (
    CheckoutStatus,
    InvoiceStatus,
    Money,
    PaymentStatus,
    RefundStatus,
    SubscriptionStatus,
)
from paylattice.errors import InvalidResponse
from paylattice.models import Model
from paylattice.providers.stripe import wire
from paylattice.providers.stripe.events import event_from

from . import samples as stripe_samples

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[4] / "shared" / "specs")
FILE = SPECS / "stripe" / "fixtures3.json"
official = pytest.mark.skipif(
    not FILE.is_file(),
    reason="Stripe's fixtures3.json is not here: set PAYLATTICE_SPECS to the folder of the descriptions",
)

READERS: dict[str, Callable[[Any], Model]] = {
    "customer": wire.customer_from,
    "subscription": wire.subscription_from,
    "invoice": wire.invoice_from,
    "checkout.session": wire.checkout_session_from,
    "payment_intent": wire.payment_from,
    "refund": wire.refund_from,
    "price": wire.plan_from,
    "payment_method": wire.payment_method_from,
    "event": event_from,
}
DEMANDED: dict[str, set[str]] = {
    "customer": {"id"},
    "subscription": {"id"},
    "invoice": {"id", "total", "currency"},
    "checkout.session": {"id"},
    "payment_intent": {"id", "amount", "currency"},
    "refund": {"id", "amount", "currency"},
    "price": {"id"},
    "payment_method": {"id"},
    "event": {"id", "type", "created"},
}
BY_HAND: dict[str, dict[str, Any]] = {
    "customer": stripe_samples.customer(),
    "subscription": stripe_samples.subscription(stripe_samples.item(), stripe_samples.metered_item()),
    "invoice": stripe_samples.invoice(),
    "checkout.session": stripe_samples.session(),
    "payment_intent": stripe_samples.intent(),
    "refund": stripe_samples.refund(),
    "price": stripe_samples.price(),
    "payment_method": stripe_samples.payment_method(),
    "event": stripe_samples.event("customer.subscription.updated", stripe_samples.subscription()),
}
STRANGE: list[Any] = [None, "a_word_of_2031", -1, 10**40, 1.5, True, [], {}, [None], {"id": 7}]
REMOVED = object()


def paths(data: Any, *above: Any) -> list[tuple[Any, ...]]:
    """The way to every value inside, except into metadata."""
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


def check_every_field(kind: str, data: dict[str, Any]) -> None:
    for path in paths(data):
        for value in (REMOVED, *STRANGE):
            other = changed(data, path, value)
            try:
                model = READERS[kind](other)
            except InvalidResponse:
                nested_identity = kind == "subscription" and path[:2] == ("items", "data")
                assert path[0] in DEMANDED[kind] or nested_identity, path
            else:
                assert model.provider == "stripe"
                assert model.raw is other
                assert isinstance(hash(repr(model)), int)


@pytest.mark.parametrize("kind", BY_HAND)
def test_every_field_of_a_sample_may_be_missing_or_strange(kind: str) -> None:
    assert READERS[kind](BY_HAND[kind]).provider == "stripe"
    check_every_field(kind, BY_HAND[kind])


@pytest.mark.parametrize("kind", READERS)
def test_what_is_demanded_is_enough(kind: str) -> None:
    sparse = {field: BY_HAND[kind][field] for field in DEMANDED[kind]}
    assert READERS[kind](sparse).raw == sparse
    for field in DEMANDED[kind]:
        with pytest.raises(InvalidResponse):
            READERS[kind]({name: value for name, value in sparse.items() if name != field})


@given(
    kind=st.sampled_from(sorted(READERS)),
    data=st.dictionaries(
        st.sampled_from(sorted({key for sample in BY_HAND.values() for key in sample})),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["id", "data", "object", "price", "recurring", "currency", "amount"]), inner
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


def samples() -> dict[str, Any]:
    return json.loads(FILE.read_text())["resources"]


@official
@pytest.mark.contract
@pytest.mark.parametrize("kind", READERS)
def test_every_field_of_an_official_sample_may_be_missing_or_strange(kind: str) -> None:
    data = samples()[kind]
    assert READERS[kind](data).raw is data
    for key in [*data]:
        for value in (REMOVED, *STRANGE):
            other = changed(data, (key,), value)
            try:
                READERS[kind](other)
            except InvalidResponse:
                assert key in DEMANDED[kind], key


@official
@pytest.mark.contract
@pytest.mark.parametrize("kind", ["customer", "subscription", "invoice", "checkout.session", "event"])
def test_official_samples_are_read_at_every_depth(kind: str) -> None:
    check_every_field(kind, samples()[kind])


@official
@pytest.mark.contract
def test_the_official_samples_say_what_they_say() -> None:
    found = samples()
    assert found["deleted_customer"]["deleted"] is True
    subscription = wire.subscription_from(found["subscription"])
    assert subscription.status is SubscriptionStatus.ACTIVE
    assert subscription.customer_id == "cus_QXg1o8vcGmoR32"
    assert subscription.items
    assert subscription.current_period_end is not None
    invoice = wire.invoice_from(found["invoice"])
    assert (invoice.status, invoice.amount) == (InvoiceStatus.DRAFT, Money(1000, "USD"))
    assert wire.checkout_session_from(found["checkout.session"]).status is CheckoutStatus.OPEN
    assert wire.payment_from(found["payment_intent"]).status in PaymentStatus
    assert wire.refund_from(found["refund"]).status is RefundStatus.SUCCEEDED
    assert wire.payment_method_from(found["payment_method"]).last4 == "4242"
    assert wire.plan_from(found["price"]).interval == "month"
    assert event_from(found["event"]).type == "stripe:plan.created"


@official
@pytest.mark.contract
def test_a_deleted_customer_of_the_official_samples_is_none() -> None:
    from .support import World

    deleted = samples()["deleted_customer"]
    world = World("blocking").on("GET", f"/v1/customers/{deleted['id']}", deleted)
    assert world.run(world.provider.get_customer(deleted["id"])) is None
