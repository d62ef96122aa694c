"""What endpoints take: nothing that the SDK does not know, and nothing that is not simulated."""

import sys
import typing
from collections.abc import Sequence
from typing import Any, get_args, get_origin

import pytest
import stripe.params as sdk
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st

from paylattice.testing.standins.forms import nested, pairs_of, parts_of
from paylattice.testing.standins.stripe.dispatch import ROUTES
from paylattice.testing.standins.stripe.routes import Route

from .support import Shop


def resolved(hint: Any, module: str) -> Any:
    """The SDK writes some hints as text inside NotRequired: read them where they were written."""
    names = {**vars(typing), **vars(typing_extensions), **vars(sys.modules[module])}
    while isinstance(hint, str | typing.ForwardRef):
        hint = eval(hint if isinstance(hint, str) else hint.__forward_arg__, names)
    return hint


def allows(hint: Any, parts: Sequence[str], module: str) -> bool:
    """Whether the SDK's type has a place for the nested parameter."""
    hint = resolved(hint, module)
    origin = get_origin(hint)
    if origin in {typing.NotRequired, typing_extensions.NotRequired, typing.Union, type(int | str)}:
        return any(allows(option, parts, module) for option in get_args(hint))
    if not parts:
        return hint in {str, int, bool} or origin is typing.Literal
    if typing_extensions.is_typeddict(hint):
        found = hint.__annotations__
        return parts[0] in found and allows(found[parts[0]], parts[1:], hint.__module__)
    if origin is list:
        return parts[0] == "" and allows(get_args(hint)[0], parts[1:], module)
    return origin is dict and parts[0] == "*" and allows(get_args(hint)[1], parts[1:], module)


def type_of(route: Route) -> Any:
    found: Any = sdk
    for name in route.sdk.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_sdk_knows_every_parameter_of_an_endpoint(route: Route) -> None:
    if not route.sdk:
        assert route.takes == ""
        return
    kind = type_of(route)
    unknown = [one.name for one in route.parameters if not allows(kind, one.parts, kind.__module__)]
    assert [name for name in unknown if name != "expand[]"] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_the_sdk_requires_the_stand_in_requires(route: Route) -> None:
    if route.sdk:
        required = {name for name in type_of(route).__required_keys__ if name != "expand"}
        assert required <= {one.parts[0] for one in route.parameters if one.required}


def test_a_parameter_that_the_sdk_lacks_would_be_noticed() -> None:
    kind = sdk.PaymentIntentCreateParams
    assert allows(kind, ["automatic_payment_methods", "enabled"], kind.__module__)
    assert allows(kind, ["metadata", "*"], kind.__module__)
    assert not allows(kind, ["payment_method_types", ""], kind.__module__)
    assert not allows(kind, ["automatic_payment_methods"], kind.__module__)


@pytest.fixture
def shop() -> Shop:
    return Shop("blocking")


@pytest.mark.parametrize(
    ("path", "params", "code", "param"),
    [
        ("/v1/customers", {"emial": "a@b.test"}, "parameter_unknown", "emial"),
        ("/v1/customers", {"metadata[a][b]": "1"}, "parameter_unknown", "metadata[a][b]"),
        ("/v1/customers", {"name[": "1"}, "parameter_unknown", "name["),
        ("/v1/payment_intents", {"currency": "usd"}, "parameter_missing", "amount"),
        ("/v1/payment_intents", {"amount": "1.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", {"amount": "0", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ("/v1/payment_intents", {"amount": "5", "currency": ""}, "parameter_invalid_empty", "currency"),
        ("/v1/payment_intents", {"amount": "5", "currency": "usd", "confirm": "yes"}, None, "confirm"),
        (
            "/v1/payment_intents",
            {"amount": "5", "currency": "usd", "payment_method_types[]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ("/v1/payment_intents", {"amount": "5", "currency": "usd", "capture_method": "x"}, None, "capture_method"),
        ("/v1/subscriptions", {"customer": "cus_1"}, "parameter_missing", "items[][price]"),
    ],
)
def test_a_wrong_parameter_is_refused(
    shop: Shop, path: str, params: dict[str, str], code: str | None, param: str
) -> None:
    answer = shop.raw("POST", path, **params)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"


def test_an_empty_value_clears_only_what_can_be_cleared(shop: Shop) -> None:
    customer = shop.raw("POST", "/v1/customers", email="a@b.test", **{"metadata[a]": "1", "metadata[b]": "2"}).json()
    path = f"/v1/customers/{customer['id']}"
    assert shop.raw("POST", path, **{"metadata[a]": ""}).json()["metadata"] == {"b": "2"}
    cleared = shop.raw("POST", path, metadata="", email="").json()
    assert (cleared["metadata"], cleared["email"]) == ({}, None)


def test_what_is_expanded(shop: Shop) -> None:
    subscription = shop.subscription()
    path = f"/v1/subscriptions/{subscription}"
    names = {"expand[0]": "customer", "expand[1]": "latest_invoice.payments.data.payment.payment_intent.latest_charge"}
    assert shop.raw("GET", path, **names).status_code == 400  # four levels are the most
    names["expand[1]"] = "latest_invoice.payments"
    found = shop.raw("GET", path, **names).json()
    assert found["customer"]["email"] == "ada@example.com"
    (payment,) = found["latest_invoice"]["payments"]["data"]
    assert payment["status"] == "paid"
    assert "payments" not in shop.raw("GET", f"/v1/invoices/{found['latest_invoice']['id']}").json()
    for wrong in ("status", "customer.email", "nonsense", "items.data.price.product.name"):
        refused = shop.raw("GET", path, **{"expand[]": wrong})
        assert refused.json()["error"]["message"] == f"This property cannot be expanded ({wrong})."
    names = {"expand[]": "data.product", "active": "true"}
    assert shop.raw("GET", "/v1/prices", **names).json()["data"][0]["product"]["object"] == "product"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nonsense", 404),
        ("POST", "/v1/customers/cus_1/nonsense", 404),
        ("DELETE", "/v1/prices/price_1", 404),
        ("GET", "/v1/customers/cus_none", 404),
    ],
)
def test_what_is_not_there(shop: Shop, method: str, path: str, status: int) -> None:
    assert shop.raw(method, path).status_code == status


def test_lists_page_in_both_directions(shop: Shop) -> None:
    made = [shop.raw("POST", "/v1/customers", email="a@b.test").json()["id"] for _ in range(5)]
    made.reverse()

    def ids(**params: str) -> tuple[list[str], bool]:
        page = shop.raw("GET", "/v1/customers", **params).json()
        return [found["id"] for found in page["data"]], page["has_more"]

    assert ids() == (made, False)
    assert ids(limit="2") == (made[:2], True)
    assert ids(limit="2", starting_after=made[1]) == (made[2:4], True)
    assert ids(limit="2", starting_after=made[3]) == (made[4:], False)
    assert ids(limit="2", ending_before=made[3]) == (made[1:3], True)
    assert ids(limit="3", ending_before=made[3]) == (made[:3], False)
    assert ids(email="none@b.test") == ([], False)
    for wrong in ({"limit": "0"}, {"limit": "101"}, {"starting_after": "cus_none"}):
        assert shop.raw("GET", "/v1/customers", **wrong).status_code == 400


def test_lists_are_filtered_by_time(shop: Shop) -> None:
    shop.raw("POST", "/v1/customers", email="a@b.test")
    shop.server.advance(days=1)
    shop.raw("POST", "/v1/customers", email="b@b.test")
    at = int(shop.server.now.timestamp())
    for params, count in (
        ({"created[gte]": str(at)}, 1),
        ({"created[gt]": str(at)}, 0),
        ({"created[lt]": str(at)}, 1),
        ({"created[lte]": str(at)}, 2),
        ({"created": str(at)}, 1),
    ):
        assert len(shop.raw("GET", "/v1/customers", **params).json()["data"]) == count


# --- bracket notation --------------------------------------------------------------------------------------------


def test_bracket_notation() -> None:
    pairs = pairs_of("a=1&b[c]=2&b[d][0][e]=3&b[d][1][e]=&f[]=4&f[]=5")
    assert nested(pairs) == {"a": "1", "b": {"c": "2", "d": [{"e": "3"}, {"e": ""}]}, "f": ["4", "5"]}
    assert parts_of("a[b][]") == ["a", "b", ""]


@pytest.mark.parametrize("broken", ["a[", "a]", "[a]", "", "a[b]c", "a[[b]]"])
def test_broken_brackets(broken: str) -> None:
    with pytest.raises(ValueError, match="brackets"):
        parts_of(broken)


@pytest.mark.parametrize("both", ["a=1&a[b]=2", "a[b]=1&a[b][c]=2"])
def test_a_name_is_a_value_or_a_mapping(both: str) -> None:
    with pytest.raises(ValueError, match="at once"):
        nested(pairs_of(both))


NAMES = st.text(st.characters(exclude_characters="[]", codec="utf-8", categories=["L"]), min_size=1, max_size=6)
TREES = st.dictionaries(
    NAMES,
    st.recursive(
        st.text(st.characters(codec="utf-8"), min_size=1),
        lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(NAMES, inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
)


@given(TREES)
def test_what_the_sdk_encodes_is_decoded(tree: dict[str, Any]) -> None:
    from urllib.parse import urlencode

    from stripe._encode import _api_encode

    assert nested(pairs_of(urlencode(list(_api_encode(tree))))) == tree
