"""Whatever is sent: Square's stand-in answers, as Square would, and a refusal has no effect."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paylattice import Money
from paylattice.testing.standins.messages import Call
from paylattice.testing.standins.square.dispatch import ROUTES
from paylattice.testing.standins.square.fields import MAP, One, Text
from paylattice.testing.standins.square.routes import Route

from .support import LOCATION, Market

_RIGHT: Mapping[str, tuple[Any, ...]] = {
    "accepted_payment_methods": ({"card": True},),
    "action_id": ("act-STANDIN000001",),
    "amount": (100, 1900),
    "cadence": ("MONTHLY", "WEEKLY"),
    "card_id": ("ccof:STANDIN000001",),
    "currency": ("USD",),
    "customer_id": ("CUSSTANDIN000001",),
    "dispute_id": ("none",),
    "due_date": ("2026-11-05",),
    "id": ("LINKSTANDIN000001", "#new", "PRO", "CATSTANDIN000001"),
    "invoice_id": ("inv:0-STANDIN000001", "inv:0-STANDIN000002"),
    "location_id": (LOCATION,),
    "location_ids": ([LOCATION],),
    "new_plan_variation_id": ("TEAM",),
    "object_id": ("PRO", "CATSTANDIN000001"),
    "order_id": ("ORDSTANDIN000001", "ORDSTANDIN000004"),
    "order_template_id": ("ORDSTANDIN000005",),
    "payment_id": ("PAYSTANDIN000001", "PAYSTANDIN000002"),
    "plan_variation_id": ("PRO", "ITEMS"),
    "quantity": ("1", "2.5"),
    "refund_id": ("none",),
    "source_id": ("cnon:card-nonce-ok", "ccof:STANDIN000001"),
    "start_date": ("2026-11-05",),
    "subscription_id": ("sub-STANDIN000001",),
    "subscription_plan_id": ("PRO", "CATSTANDIN000001"),
    "type": ("SUBSCRIPTION_PLAN", "SUBSCRIPTION_PLAN_VARIATION"),
    "version": (0, 1, 2, 3),
}
_KNOWN = sorted({value for values in _RIGHT.values() for value in values if isinstance(value, str)})
_TEXTS = st.sampled_from([*_KNOWN, "", "-1", "2027-01-01", "2026-11-05T00:00:00Z", "é", "x" * 600])
_NUMBERS = st.sampled_from([-1, 0, 1, 2, 12, 31, 100, 1900, 10**12])
_SCALARS = st.one_of(_TEXTS, _NUMBERS, st.booleans(), st.none(), st.floats(allow_nan=False))
_ANYTHING = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2), max_leaves=4
)


def values_for(name: str, inner: Any) -> st.SearchStrategy[Any]:
    """Mostly what the table asks for, often what exists."""
    fitting: st.SearchStrategy[Any]
    if isinstance(inner, list):
        fitting = st.lists(values_for(name, inner[0]), min_size=1, max_size=2)
    elif isinstance(inner, Mapping):
        fitting = bodies_for(inner)
    elif inner is MAP:
        fitting = st.dictionaries(_TEXTS, _SCALARS, max_size=3)
    elif isinstance(inner, One):
        fitting = st.sampled_from(inner.words.split())
    elif inner is int:
        fitting = _NUMBERS
    elif inner is bool:
        fitting = st.booleans()
    else:
        fitting = _TEXTS
    right = st.sampled_from(_RIGHT[name]) if name in _RIGHT else fitting
    return st.integers(0, 19).flatmap(lambda dice: _ANYTHING if not dice else fitting if dice < 3 else right)


def bodies_for(fields: Mapping[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    simulated = {name: inner for name, inner in fields.items() if isinstance(inner, type | One | list | Mapping | Text)}
    needed = {name[:-1]: values_for(name[:-1], inner) for name, inner in simulated.items() if name.endswith("!")}
    others = {name: values_for(name, inner) for name, inner in simulated.items() if not name.endswith("!")}
    return st.fixed_dictionaries(needed, optional=others)


def furnished() -> Market:
    market = Market()
    market.server.add_plan("TEAM", Money(4900, "USD"))
    market.server.add_plan("ITEMS", Money(0, "USD"), relative=True)
    subscription = market.subscribed()
    market.ok("POST", f"/v2/subscriptions/{subscription}/pause", {})
    market.link()
    market.payment(autocomplete=False)
    item = {"name": "x", "quantity": "1", "base_price_money": {"amount": 100, "currency": "USD"}}
    for state in ("OPEN", "DRAFT"):
        market.ok("POST", "/v2/orders", {"order": {"location_id": LOCATION, "line_items": [item], "state": state}})
    return market


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_nonsense_is_answered(route: Route, data: st.DataObject) -> None:
    market = furnished()
    path = re.sub(r"\{(\w+)\}", lambda found: data.draw(st.sampled_from([*_RIGHT[found[1]], "none"])), route.path)
    body = (
        {**data.draw(bodies_for(route.takes)), "idempotency_key": data.draw(_TEXTS)}
        if route.key
        else data.draw(bodies_for(route.takes))
    )
    query = "&".join(
        f"{name}={data.draw(st.sampled_from(['1', '0', 'x', 'true', LOCATION]))}"
        for name in route.query.split()
        if data.draw(st.booleans())
    )
    headers = {"authorization": f"Bearer {market.server.access_token}", "content-type": "application/json"}
    before = market.server.snapshot()
    sent = json.dumps(body).encode() if route.method in {"POST", "PUT"} else b""
    answer = market.server.handle(Call(route.method, path, query, headers, sent))
    answered = json.loads(answer.body)
    assert answer.status in {200, 400, 404, 409}
    if answer.status != 200:
        error = answered["errors"][0]
        assert {"category", "code", "detail"} <= set(error)
        if error["category"] != "PAYMENT_METHOD_ERROR":
            assert market.server.snapshot() == before
    market.server.advance(days=40)
