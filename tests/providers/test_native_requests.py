"""Any endpoint of a provider's API, through the provider: one client, one set of credentials, one tree of errors."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from paylattice import BaseProvider, Capability, driving
from paylattice.errors import (
    AuthenticationError,
    ConfigurationError,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    UnsupportedOperation,
)
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn, SquareStandIn, StandIn, StripeStandIn
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy, Transport

Made = tuple[StandIn, BaseProvider]
Make = Callable[[Transport], BaseProvider]

CREATES: dict[str, tuple[str, dict[str, object]]] = {
    "paypal": ("/v1/catalogs/products", {"name": "Gym", "type": "SERVICE"}),
    "square": ("/v2/customers", {"email_address": "ada@example.com"}),
    "stripe": ("/v1/products", {"name": "Gym", "metadata": {"org": "1"}}),
}
READS: dict[str, tuple[str, str, dict[str, object]]] = {
    "paypal": ("/v1/catalogs/products", "products", {"page_size": 5, "total_required": True, "page": None}),
    "square": ("/v2/catalog/list", "objects", {"types": "SUBSCRIPTION_PLAN_VARIATION"}),
    "stripe": ("/v1/products", "data", {"limit": 5, "active": True}),
}
KIND = {"paypal": "product", "square": "customer", "stripe": "product"}


def stand_in(name: str) -> tuple[StandIn, Make]:
    if name == "paypal":
        paypal = PayPalStandIn()
        theirs = PayPalConfig(client_id=paypal.client_id, client_secret=paypal.client_secret)
        return paypal, lambda transport: PayPalProvider(theirs, transport=transport)
    if name == "square":
        square = SquareStandIn()
        settings = SquareConfig(access_token=square.access_token, location_id=square.location_id)
        return square, lambda transport: SquareProvider(settings, transport=transport)
    stripe = StripeStandIn()
    return stripe, lambda transport: StripeProvider(StripeConfig(secret_key=stripe.secret_key), transport=transport)


async def no_wait(_seconds: float) -> None:
    return None


def run(provider: BaseProvider, call: Coroutine[Any, Any, Any]) -> Any:
    return driving.run(call) if isinstance(provider.transport, BlockingTransport) else asyncio.run(call)


@pytest.fixture(params=["async", "blocking"])
def transports(request: pytest.FixtureRequest) -> Callable[[StandIn], Transport]:
    def made(server: StandIn) -> Transport:
        retry = RetryPolicy(attempts=3)
        if request.param == "async":
            return AsyncTransport(transport=server.transport(), retry=retry, sleep=no_wait)
        return BlockingTransport(transport=server.transport(), retry=retry, sleep=lambda _: None)

    return made


@pytest.fixture(params=["paypal", "square", "stripe"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(name: str, transports: Callable[[StandIn], Transport]) -> Made:
    server, make = stand_in(name)
    provider = make(transports(server))
    run(provider, provider.request("GET", READS[name][0]))  # an access token, where there is one
    server.forget_requests()
    return server, provider


def test_a_list_comes_as_the_provider_writes_it(name: str, shop: Made) -> None:
    _, provider = shop
    path, field, params = READS[name]
    answer = run(provider, provider.request("GET", path, params))
    assert isinstance(answer, dict)
    assert isinstance(answer.get(field, []), list)


def test_the_same_key_makes_one_thing_also_when_the_answer_is_lost(name: str, shop: Made) -> None:
    server, provider = shop
    path, params = CREATES[name]
    before = server.count(KIND[name])
    server.faults.lose_next_answer()
    first = run(provider, provider.request("POST", path, params, idempotency_key="order-1"))
    again = run(provider, provider.request("POST", path, params, idempotency_key="order-1"))
    assert first == again
    assert server.count(KIND[name]) == before + 1


def test_one_key_for_two_requests_is_refused(name: str, shop: Made) -> None:
    _, provider = shop
    path, params = CREATES[name]
    run(provider, provider.request("POST", path, params, idempotency_key="order-1"))
    with pytest.raises(IdempotencyMismatch):
        run(provider, provider.request("POST", path, {**params, "description": "x"}, idempotency_key="order-1"))


def test_without_a_key_a_write_whose_answer_is_lost_is_not_sent_again_unless_the_provider_takes_keys_everywhere(
    name: str, shop: Made
) -> None:
    server, provider = shop
    path, params = CREATES[name]
    before = server.count(KIND[name])
    server.faults.lose_next_answer()
    if name == "stripe":
        run(provider, provider.request("POST", path, params))
    else:
        with pytest.raises(OutcomeUnknown) as caught:
            run(provider, provider.request("POST", path, params))
        assert caught.value.idempotency_key is None
        with pytest.raises(InvalidRequest, match="without an idempotency key: read the provider's state"):
            run(provider, provider.recover(caught.value))
    assert server.count(KIND[name]) == before + 1
    assert len([each for each in server.requests if each.method == "POST" and each.path == path]) == 1 + (
        name == "stripe"
    )


def test_recover_finds_what_was_made_whatever_the_caller_did_with_the_parameters(name: str, shop: Made) -> None:
    server, provider = shop
    path, params = CREATES[name]
    given: dict[str, Any] = {**params, **({"metadata": {"org": "1"}} if name == "stripe" else {})}
    before = server.count(KIND[name])
    server.faults.lose_next_answer(times=3)
    with pytest.raises(OutcomeUnknown) as caught:
        run(provider, provider.request("POST", path, given, idempotency_key=None if name == "stripe" else "order-1"))
    given.setdefault("metadata", {})["org"] = "2"
    assert caught.value.idempotency_key
    found = run(provider, provider.recover(caught.value))
    assert isinstance(found, dict)
    assert server.count(KIND[name]) == before + 1


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.test/v1/products",
        "//evil.test/v1/products",
        "v1/products",
        "@evil.test/",
        "/\\evil.test",
        "/v1/../../x",
        "/v1/./x",
        "/v1/%2e%2E/x",
        "/v1/a%2Fb",
        "/v1//x",
        "/v1/x?y=1",
        "/v1/x#y",
        "/v1/x\r\nHost: evil.test",
        "/v1/ x",
        "",
        "/",
        7,
    ],
)
def test_a_path_that_may_lead_elsewhere_is_not_sent(name: str, shop: Made, path: Any) -> None:
    server, provider = shop
    with pytest.raises(InvalidRequest) as caught:
        run(provider, provider.request("GET", path))
    assert caught.value.param == "path"
    assert server.requests == ()


@pytest.mark.parametrize(
    "params", [{1: 2}, {"a": {2: 3}}, {"a": object()}, {"a": float("nan")}, "a=b", {"a": "\ud800"}]
)
def test_parameters_are_plain_json(name: str, shop: Made, params: Any) -> None:
    server, provider = shop
    with pytest.raises(InvalidRequest) as caught:
        run(provider, provider.request("POST", "/v1/things", params))
    assert caught.value.param == "params"
    assert server.requests == ()


@pytest.mark.parametrize("method", ["get", "HEAD", "CONNECT", "", None])
def test_a_method_is_one_of_http(name: str, shop: Made, method: Any) -> None:
    server, provider = shop
    with pytest.raises(InvalidRequest) as caught:
        run(provider, provider.request(method, "/v1/things"))
    assert caught.value.param == "method"
    assert server.requests == ()


def test_what_the_provider_has_not_got_is_one_of_the_usual_errors(name: str, shop: Made) -> None:
    _, provider = shop
    path = {"paypal": "/v1/billing/plans/P-NONE", "square": "/v2/customers/NONE", "stripe": "/v1/products/none"}[name]
    with pytest.raises(NotFound) as caught:
        run(provider, provider.request("GET", path))
    assert caught.value.operation == "request"
    assert caught.value.provider == name


def test_a_key_that_is_too_long_for_an_endpoint_works_all_the_same(name: str, shop: Made) -> None:
    server, provider = shop
    path, params = CREATES[name]
    before = server.count(KIND[name])
    for _ in range(2):
        run(provider, provider.request("POST", path, params, idempotency_key="k" * 255))
    assert server.count(KIND[name]) == before + 1


def test_a_query_that_cannot_be_written_is_refused_where_queries_are_flat(name: str, shop: Made) -> None:
    server, provider = shop
    if name == "stripe":
        assert run(provider, provider.request("GET", "/v1/prices", {"expand": ["data.product"]}))
        return
    for params in ({"a": ["b"]}, ["a"]):
        with pytest.raises(InvalidRequest):
            run(provider, provider.request("GET", READS[name][0], params))
    assert server.requests == ()


def test_stripe_has_no_put_and_takes_no_list(transports: Callable[[StandIn], Transport]) -> None:
    server, make = stand_in("stripe")
    provider = make(transports(server))
    with pytest.raises(InvalidRequest, match="GET, POST and DELETE"):
        run(provider, provider.request("PUT", "/v1/products"))
    with pytest.raises(InvalidRequest, match="takes a dict"):
        run(provider, provider.request("POST", "/v1/products", []))


def test_a_key_finds_no_place_in_a_list_at_square(transports: Callable[[StandIn], Transport]) -> None:
    server, make = stand_in("square")
    provider = make(transports(server))
    with pytest.raises(InvalidRequest, match="leave the key out"):
        run(provider, provider.request("POST", "/v2/customers", [], idempotency_key="k"))


def test_no_secret_is_in_an_error(name: str) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": {"message": str(request.headers)}, "message": str(request.headers)})

    _, make = stand_in(name)
    provider = make(BlockingTransport(transport=httpx.MockTransport(echo), retry=RetryPolicy(attempts=1)))
    with pytest.raises(AuthenticationError) as caught:
        driving.run(provider.request("GET", READS[name][0]))
    config = provider._config
    assert config is not None
    for secret in config.secrets():
        assert secret not in f"{caught.value!r} {caught.value}"


def test_the_embedded_provider_has_no_api_and_says_what_to_do() -> None:
    provider = InMemoryProvider()
    with pytest.raises(UnsupportedOperation) as caught:
        driving.run(provider.request("GET", "/v1/anything"))
    assert "StripeStandIn" in str(caught.value.alternative)
    server = StripeStandIn()
    config = StripeConfig(secret_key=server.secret_key)
    instead = StripeProvider(config, transport=BlockingTransport(transport=server.transport()))
    assert driving.run(instead.request("GET", "/v1/products"))["object"] == "list"
    assert Capability.NATIVE_REQUESTS not in provider.capabilities


# --- Stripe's own client -----------------------------------------------------------------------------------------


def services(client: Any) -> Any:
    """The services of Stripe's client: in a namespace of their own in newer SDKs."""
    return getattr(client, "v1", client)


def test_stripes_client_sends_through_the_provider(transports: Callable[[StandIn], Transport]) -> None:
    import stripe

    server, make = stand_in("stripe")
    provider = make(transports(server))
    assert isinstance(provider, StripeProvider)
    client = provider.sdk()
    server.faults.lose_next_answer()
    if isinstance(provider.transport, BlockingTransport):
        product = services(client).products.create({"name": "Gym"})
    else:
        product = asyncio.run(services(client).products.create_async({"name": "Gym"}))
    assert isinstance(product, stripe.Product)
    assert product.name == "Gym"
    assert server.count("product") == 1
    assert [each.path for each in server.requests] == ["/v1/products"] * 2


def test_stripes_client_raises_stripes_errors(transports: Callable[[StandIn], Transport]) -> None:
    import stripe

    server, make = stand_in("stripe")
    provider = make(transports(server))
    assert isinstance(provider, StripeProvider)
    client = provider.sdk()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        if isinstance(provider.transport, BlockingTransport):
            services(client).products.retrieve("prod_none")
        else:
            asyncio.run(services(client).products.retrieve_async("prod_none"))
    assert caught.value.code == "resource_missing"
    assert caught.value.request_id


def test_an_async_provider_says_which_methods_of_stripes_client_to_call() -> None:
    server, make = stand_in("stripe")
    provider = make(AsyncTransport(transport=server.transport()))
    assert isinstance(provider, StripeProvider)
    with pytest.raises(ConfigurationError, match="_async"):
        services(provider.sdk()).products.list()


def test_stripes_client_is_for_the_configured_account() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"object": "list", "data": [], "has_more": False, "url": "/v1/products"})

    config = StripeConfig(secret_key="sk_test_1", account="acct_1")
    provider = StripeProvider(config, transport=BlockingTransport(transport=httpx.MockTransport(answer)))
    services(provider.sdk()).products.list()
    driving.run(provider.request("GET", "/v1/products"))
    assert [each.headers["stripe-account"] for each in seen] == ["acct_1", "acct_1"]
    assert {each.headers["stripe-version"] for each in seen} == {config.api_version}
