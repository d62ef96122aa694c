"""Access tokens: fetched once, renewed in time, dropped when they are refused, and sent nowhere else."""

import asyncio
import base64
import threading
from typing import Any

import httpx
import pytest

from paylattice.errors import (
    AuthenticationError,
    InvalidResponse,
    NetworkError,
    OutcomeUnknown,
    PaymentError,
    ProviderUnavailable,
)
from paylattice.providers.paypal import PayPalProvider, TokenCache
from paylattice.transport import AsyncTransport, BlockingTransport
from tests.kit import everything_in

from .samples import subscription
from .scenarios import PLAN, SUB, SUBS, furnished
from .support import CLIENT_ID, CLIENT_SECRET, TOKEN_PATH, World, configuration, refusal, token

PATH = f"{SUBS}/{SUB}"


@pytest.fixture
def world(world: World) -> World:
    return furnished(world)


def read(world: World) -> Any:
    return world.run(world.provider.get_subscription(SUB))


# --- one at a time -------------------------------------------------------------------------------------------------------


def test_a_token_is_asked_for_as_paypal_wants_it_and_used_for_all_requests(world: World) -> None:
    read(world)
    read(world)
    first, *others = world.server.seen
    assert (first.method, first.path) == ("POST", TOKEN_PATH)
    assert first.body == "grant_type=client_credentials"
    assert first.headers["content-type"] == "application/x-www-form-urlencoded"
    pair = base64.b64decode(first.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == f"{CLIENT_ID}:{CLIENT_SECRET}"
    assert [seen.headers["authorization"] for seen in others] == ["Bearer A21AA-token-1"] * 2


def test_a_token_is_used_for_as_long_as_paypal_says_and_a_minute_less(world: World) -> None:
    world.always("POST", TOKEN_PATH, token(expires_in=600))
    read(world)
    world.now += 539
    read(world)
    assert [seen.path for seen in world.server.seen].count(TOKEN_PATH) == 1
    world.now += 2
    read(world)
    assert [seen.path for seen in world.server.seen].count(TOKEN_PATH) == 2


@pytest.mark.parametrize("lifetime", [1, 60, 10**30])
def test_lifetimes_that_nobody_expects_still_serve(world: World, lifetime: int) -> None:
    world.always("POST", TOKEN_PATH, token(expires_in=lifetime))
    assert read(world).id == read(world).id == SUB
    assert [seen.path for seen in world.server.seen].count(TOKEN_PATH) == 1


def test_a_token_that_is_refused_is_replaced_once_and_the_request_is_sent_again(world: World) -> None:
    world.on("GET", PATH, refusal(401, "AUTHENTICATION_FAILURE"), subscription())
    assert read(world).id == SUB
    assert world.tokens == 2
    assert [seen.headers["authorization"] for seen in world.server.asked] == [
        "Bearer A21AA-token-1",
        "Bearer A21AA-token-2",
    ]


def test_oauth_s_own_words_for_a_refused_token_are_understood(world: World) -> None:
    said = {"error": "invalid_token", "error_description": "Token signature verification failed"}
    world.on("GET", PATH, httpx.Response(401, json=said), subscription())
    assert read(world).id == SUB


def test_a_second_refusal_is_the_answer(world: World) -> None:
    world.on("GET", PATH, refusal(401, "AUTHENTICATION_FAILURE"), refusal(401, "AUTHENTICATION_FAILURE"))
    with pytest.raises(AuthenticationError) as caught:
        read(world)
    assert "PAYPAL_CLIENT_ID" in caught.value.message
    assert caught.value.request_id == "b1d1f06c7246c"
    assert world.tokens == 2


def test_a_write_that_was_refused_for_its_token_is_sent_again_under_its_key(world: World) -> None:
    world.on("POST", SUBS, refusal(401, "AUTHENTICATION_FAILURE"))
    world.run(world.provider.create_checkout_session("cus_1", PLAN, "https://s.example/a", "https://s.example/b"))
    first, second = world.server.writes
    assert first.key == second.key
    assert first.body == second.body


def test_a_refusal_after_a_lost_answer_leaves_the_outcome_unknown(world: World) -> None:
    world.on("POST", SUBS, httpx.ReadTimeout("late"), refusal(401, "AUTHENTICATION_FAILURE"))
    with pytest.raises(OutcomeUnknown) as caught:
        world.run(world.provider.create_checkout_session("cus_1", PLAN, "https://s.example/a", "https://s.example/b"))
    assert getattr(world.run(world.provider.recover(caught.value)), "id", None) == SUB


# --- what the token endpoint may say ---------------------------------------------------------------------------------


def test_wrong_credentials_are_said_in_the_words_of_the_settings_and_not_repeated(world: World) -> None:
    said = {"error": "invalid_client", "error_description": f"Client {CLIENT_ID} {CLIENT_SECRET} failed"}
    world.on("POST", TOKEN_PATH, httpx.Response(401, json=said, headers={"PayPal-Debug-Id": "abc"}))
    with pytest.raises(AuthenticationError) as caught:
        read(world)
    assert caught.value.code == "invalid_client"
    assert caught.value.request_id == "abc"
    assert "PAYPAL_CLIENT_SECRET" in caught.value.message
    assert "PAYPAL_ENVIRONMENT" in caught.value.message
    assert not any(CLIENT_SECRET in said or CLIENT_ID in said for said in everything_in(caught.value))
    assert len(world.server.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": "x"},
        {"expires_in": 1},
        token(value=""),
        token(value="two words"),
        token(value="line\r\nX-Evil: 1"),
        token(value="ü"),
        token(expires_in=0),
        token(expires_in=-1),
        token(expires_in="soon"),
        token(expires_in=True),
        token(expires_in=None),
        {**token(), "access_token": 7},
        [token()],
    ],
    ids=str,
)
def test_what_is_no_token_is_an_invalid_response(world: World, answer: Any) -> None:
    world.always("POST", TOKEN_PATH, httpx.Response(200, json=answer))
    with pytest.raises(InvalidResponse) as caught:
        read(world)
    assert not caught.value.outcome_unknown
    assert world.server.asked == []


def test_a_token_endpoint_that_answers_html_or_nothing_is_an_error_of_ours(world: World) -> None:
    world.always("POST", TOKEN_PATH, httpx.Response(200, content=b"<html>"))
    with pytest.raises(InvalidResponse):
        read(world)
    world.always("POST", TOKEN_PATH, httpx.Response(503))
    with pytest.raises(ProviderUnavailable):
        read(world)
    world.always("POST", TOKEN_PATH, httpx.ConnectError("no"))
    with pytest.raises(NetworkError):
        read(world)


def test_a_token_that_cannot_be_had_leaves_a_write_undone_and_known_so(world: World) -> None:
    world.always("POST", TOKEN_PATH, httpx.ReadTimeout("late"))
    with pytest.raises(NetworkError) as caught:
        world.run(world.provider.create_checkout_session("cus_1", PLAN, "https://s.example/a", "https://s.example/b"))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert not caught.value.outcome_unknown
    assert caught.value.operation == "create_checkout_session"


def test_fetching_a_token_is_tried_again(world: World) -> None:
    world.on("POST", TOKEN_PATH, httpx.Response(503), httpx.ReadTimeout("late"))
    assert read(world).id == SUB


# --- many at once ----------------------------------------------------------------------------------------------------


def test_a_thousand_tasks_fetch_one_token() -> None:
    fetched: list[str] = []
    world = furnished(World("async"))

    async def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            fetched.append("token")
            await asyncio.sleep(0.02)
        return world.server(request)

    async def all_of_them() -> list[Any]:
        transport = AsyncTransport(transport=httpx.MockTransport(serve))
        provider = PayPalProvider(configuration(), transport=transport, clock=lambda: world.now)
        return await asyncio.gather(*(provider.get_subscription(SUB) for _ in range(1000)))

    assert {found.id for found in asyncio.run(all_of_them())} == {SUB}
    assert len(fetched) == 1


def test_a_thousand_calls_in_threads_fetch_one_token() -> None:
    world = furnished(World("blocking"))
    barrier = threading.Barrier(20)
    found: list[Any] = []

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_PATH:
            threading.Event().wait(0.02)
        return world.server(request)

    transport = BlockingTransport(transport=httpx.MockTransport(serve))
    provider = PayPalProvider(configuration(), transport=transport, clock=lambda: world.now)

    def fifty() -> None:
        barrier.wait()
        found.extend(world.run(provider.get_subscription(SUB)) for _ in range(50))

    threads = [threading.Thread(target=fifty) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1000
    assert world.tokens == 1


def test_a_token_that_a_hundred_tasks_find_refused_is_replaced_once() -> None:
    world = furnished(World("async"))

    async def serve(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if request.headers.get("authorization") == "Bearer A21AA-token-1":
            return refusal(401, "AUTHENTICATION_FAILURE")
        return world.server(request)

    async def all_of_them() -> list[Any]:
        transport = AsyncTransport(transport=httpx.MockTransport(serve))
        provider = PayPalProvider(configuration(), transport=transport, clock=lambda: world.now)
        return await asyncio.gather(*(provider.get_subscription(SUB) for _ in range(100)))

    assert len(asyncio.run(all_of_them())) == 100
    assert world.tokens == 2


def test_a_failure_is_one_failure_for_all_who_waited_and_the_next_call_tries_again() -> None:
    asked: list[int] = []

    async def serve(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        await asyncio.sleep(0.01)
        return httpx.Response(401, json={"error": "invalid_client"})

    async def all_of_them() -> list[Any]:
        provider = PayPalProvider(configuration(), transport=AsyncTransport(transport=httpx.MockTransport(serve)))
        calls = [provider.get_subscription(SUB) for _ in range(50)]
        failures = await asyncio.gather(*calls, provider.get_plan("P-1"), return_exceptions=True)
        assert len(asked) == 1
        with pytest.raises(AuthenticationError):
            await provider.get_subscription(SUB)
        return failures

    failures = asyncio.run(all_of_them())
    assert len(asked) == 2
    assert len({id(failure) for failure in failures}) == 51
    assert all(isinstance(failure, AuthenticationError) for failure in failures)
    assert [failure.operation for failure in failures] == ["get_subscription"] * 50 + ["get_plan"]


def test_one_cache_serves_several_event_loops_one_after_the_other() -> None:
    world = furnished(World("async"))
    for _ in range(3):
        read(world)
    assert world.tokens == 1


# --- whose -------------------------------------------------------------------------------------------------------------


def test_providers_share_a_cache_and_still_have_tokens_of_their_own(world: World) -> None:
    cache = TokenCache(clock=lambda: world.now)
    same = [world.another(tokens=cache), world.another(tokens=cache)]
    for provider in same:
        world.run(provider.get_subscription(SUB))
    assert world.tokens == 1
    world.run(world.another(configuration(client_id="another"), tokens=cache).get_subscription(SUB))
    assert world.tokens == 2
    world.run(world.another(configuration(environment="live"), tokens=cache).get_subscription(SUB))
    assert world.tokens == 3
    live = world.server.seen[-1]
    assert live.host == "api-m.paypal.com"
    assert live.headers["authorization"] == "Bearer A21AA-token-3"


def test_links_in_answers_lead_the_token_to_no_other_host(world: World) -> None:
    page = {"subscriptions": [], "links": [{"rel": "next", "href": "https://evil.example/v1/steal?page=2"}]}
    world.on("GET", SUBS, page, {"subscriptions": []})
    world.run(world.provider.list_subscriptions("cus_1"))
    assert {seen.host for seen in world.server.seen} == {"api-m.sandbox.paypal.com"}
    assert [seen.query["page"] for seen in world.server.asked] == ["1", "2"]


def test_a_redirect_is_not_followed(world: World) -> None:
    world.on("GET", PATH, httpx.Response(302, headers={"Location": "https://evil.example/"}))
    with pytest.raises(InvalidResponse):
        read(world)
    assert {seen.host for seen in world.server.seen} == {"api-m.sandbox.paypal.com"}


def test_no_token_and_no_secret_is_in_what_people_see(world: World) -> None:
    shown = [repr(world.provider), repr(world.provider._config), str(world.provider._config)]
    world.on("GET", PATH, refusal(403, "NOT_AUTHORIZED", description="Bearer A21AA-token-1"))
    with pytest.raises(PaymentError) as caught:
        read(world)
    shown += everything_in(caught.value)
    assert not any("A21AA-token" in text or CLIENT_SECRET in text for text in shown)


def test_the_credentials_go_to_the_token_endpoint_only(world: World) -> None:
    read(world)
    basic = [seen for seen in world.server.seen if seen.headers["authorization"].startswith("Basic")]
    assert [seen.path for seen in basic] == [TOKEN_PATH]
