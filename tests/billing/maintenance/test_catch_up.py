"""Catching up on more than a provider lists: too long ago, too many, too slowly. An hourly job never ends for good."""

import asyncio
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from paylattice import BaseProvider, BillingService, InMemoryRepository, RetryPolicy, WebhookEvent, errors
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.transport import AsyncTransport
from tests.billing.support import NOW, World

EVERY = 864  # seconds: a hundred a day
KEPT = timedelta(days=30)


class Provider:
    """The lists of events of all three, as each of them pages, over events that were made at regular times."""

    def __init__(self, count: int, *, every: int = EVERY) -> None:
        self.made = [NOW - timedelta(seconds=every * number) for number in range(count)]
        self.requests = 0
        self.fails_at: int | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = urlsplit(str(request.url)).path
        if path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "expires_in": 32400, "token_type": "Bearer"})
        self.requests += 1
        if self.requests == self.fails_at:
            return httpx.Response(429, json={"error": {"message": "slowly"}})
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        match path:
            case "/v1/events":
                return self._stripe(query)
            case "/v1/notifications/webhooks-events":
                return self._paypal(query)
            case _:
                return self._square(json.loads(request.content))

    def _between(self, since: datetime, until: datetime) -> list[int]:
        return [number for number, made in enumerate(self.made) if since <= made <= until]

    def _stripe(self, query: dict[str, str]) -> httpx.Response:
        until = float(query.get("created[lte]", NOW.timestamp()))
        found = self._between(
            datetime.fromtimestamp(int(query["created[gte]"]), UTC), datetime.fromtimestamp(until, UTC)
        )
        if "starting_after" in query:
            found = [number for number in found if number > int(query["starting_after"][4:])]
        page = [
            {"id": f"evt_{n}", "object": "event", "type": "payout.paid", "created": int(self.made[n].timestamp())}
            for n in found[: int(query["limit"])]
        ]
        return httpx.Response(200, json={"object": "list", "data": page, "has_more": len(found) > len(page)})

    def _paypal(self, query: dict[str, str]) -> httpx.Response:
        since, until = (datetime.fromisoformat(query[name]) for name in ("start_time", "end_time"))
        if NOW - since > KEPT:
            return httpx.Response(400, json={"name": "VALIDATION_ERROR"})
        found, start = self._between(since, until), int(query.get("at", "0"))
        page = [
            {"id": f"WH-{n}", "event_type": "X", "create_time": self.made[n].isoformat(), "resource": {}}
            for n in found[start : start + 100]
        ]
        following = f"https://api.paypal.com/v1/notifications/webhooks-events?at={start + 100}"
        links = [{"rel": "next", "href": following}] if start + 100 < len(found) else []
        return httpx.Response(200, json={"events": page, "links": links})

    def _square(self, body: Any) -> httpx.Response:
        since = datetime.fromisoformat(body["query"]["filter"]["created_at"]["start_at"])
        found, start = self._between(since, NOW)[::-1], int(body.get("cursor") or 0)
        page = [
            {"event_id": f"e{n}", "type": "x.y", "created_at": self.made[n].isoformat()}
            for n in found[start : start + 100]
        ]
        more = {"cursor": str(start + 100)} if start + 100 < len(found) else {}
        return httpx.Response(200, json={"events": page, **more})


def transport_to(there: Provider) -> AsyncTransport:
    client = httpx.AsyncClient(transport=httpx.MockTransport(there))
    return AsyncTransport(client=client, retry=RetryPolicy(attempts=1))


PROVIDERS: dict[str, Any] = {
    "stripe": lambda **options: StripeProvider(StripeConfig(secret_key="sk_test_1"), **options),
    "paypal": lambda **options: PayPalProvider(PayPalConfig(client_id="a", client_secret="b"), **options),
    "square": lambda **options: SquareProvider(SquareConfig(access_token="a", location_id="L"), **options),
}


class Listening:
    """A service that notes which events its handlers saw."""

    def __init__(self, name: str, there: Provider, *, behind: timedelta = timedelta(0)) -> None:
        self.there = there
        clock = NOW - behind
        self.provider: BaseProvider = PROVIDERS[name](transport=transport_to(there), clock=clock.timestamp)
        self.billing = BillingService(self.provider, InMemoryRepository(), clock=lambda: clock)
        self.name = name
        self.seen: list[datetime] = []
        for word in ("stripe:payout.paid", "paypal:X", "square:x.y"):
            self.billing.on(word)(self.note)

    def note(self, event: WebhookEvent, context: object) -> None:
        self.seen.append(event.created_at)


@pytest.mark.parametrize("name", PROVIDERS)
def test_many_events_are_read_in_few_requests_oldest_first(name: str) -> None:
    async def main() -> None:
        here = Listening(name, Provider(6000, every=300))
        done = await here.billing.catch_up(name, NOW - timedelta(days=25))
        assert (done.read, done.applied, done.failed, done.gap, done.stopped) == (6000, 6000, (), None, None)
        assert here.seen == sorted(here.there.made)
        assert done.until == NOW
        assert here.there.requests < 1.5 * 60

    asyncio.run(main())


@pytest.mark.parametrize(
    "behind", [timedelta(0), timedelta(hours=5), timedelta(minutes=-5), timedelta(days=-1)], ids=str
)
@pytest.mark.parametrize("name", PROVIDERS)
def test_what_is_too_long_ago_is_a_gap_in_the_report_and_everything_else_is_applied(
    name: str, behind: timedelta
) -> None:
    async def main() -> None:
        here = Listening(name, Provider(4000), behind=behind)
        since = NOW - timedelta(days=37)
        done = await here.billing.catch_up(name, since)
        assert done.gap is not None
        kept = here.provider.events_kept
        assert kept is not None
        assert done.gap == (since, NOW - behind - kept)
        for part in ("not listed any more", "2025-11-25", "reconcile"):
            assert part in str(done.gap)
        first, last = max(done.gap.until, NOW - KEPT + timedelta(days=2)), min(NOW, NOW - behind)
        assert {made for made in here.there.made if first <= made <= last} <= set(here.seen)
        again = await here.billing.catch_up(name, done.until)
        assert (again.gap, again.applied) == (None, 0)

    asyncio.run(main())


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_job_that_goes_on_where_it_was_reports_no_gap_after_months_in_which_nothing_happened(name: str) -> None:
    async def main() -> None:
        now = NOW

        def clock() -> datetime:
            return now

        transport = transport_to(Provider(0))
        provider: BaseProvider = PROVIDERS[name](transport=transport, clock=lambda: clock().timestamp())
        billing = BillingService(provider, InMemoryRepository(), clock=clock)
        until = NOW
        for _ in range(100):
            now += timedelta(days=1)
            done = await billing.catch_up(name, until)
            assert done.gap is None
            assert now - done.until < KEPT
            until = done.until

    asyncio.run(main())


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_list_that_breaks_off_in_the_middle_goes_on_from_there_next_time(name: str) -> None:
    async def main() -> None:
        here = Listening(name, Provider(2000, every=1200))
        here.there.fails_at = 16
        since = NOW - timedelta(days=27.9)
        first = await here.billing.catch_up(name, since)
        assert first.stopped == "RateLimited"
        assert 0 < first.read < 2000
        assert first.until == here.seen[-1]
        rest = await here.billing.catch_up(name, first.until)
        assert rest.stopped is None
        assert here.seen == sorted(here.there.made)
        here.there.fails_at = here.there.requests + 1
        with pytest.raises(errors.RateLimited):
            await here.billing.catch_up(name, since)

    asyncio.run(main())


def test_square_s_cursor_may_become_too_old_while_the_events_before_it_are_applied() -> None:
    async def main() -> None:
        there = Provider(1000)
        original = there._square

        def forgetful(body: Any) -> httpx.Response:
            if body.get("cursor") == "300":
                error = {"category": "INVALID_REQUEST_ERROR", "code": "INVALID_CURSOR", "detail": "too old"}
                return httpx.Response(400, json={"errors": [error]})
            return original(body)

        there._square = forgetful  # type: ignore[method-assign]  # the test is Square
        here = Listening("square", there)
        done = await here.billing.catch_up("square", NOW - timedelta(days=20))
        assert done.read == done.applied == 1000
        assert here.seen == sorted(there.made)

    asyncio.run(main())


def test_the_embedded_provider_tells_what_it_has_forgotten() -> None:
    async def main() -> None:
        world = World()
        world.provider._world.events = type(world.provider._world.events)(most=50)
        for number in range(80):
            await world.provider.create_customer(f"{number}@example.com")
            world.provider.advance(hours=1)
        done = await world.billing.catch_up("memory", NOW)
        assert done.gap == (NOW, NOW + timedelta(hours=30))
        assert (done.read, done.applied) == (50, 50)
        assert (await world.billing.catch_up("memory", done.until)).gap is None

    asyncio.run(main())


class Broken(InMemoryProvider):
    """Its own way to read events has a bug."""

    async def events_since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        message = "card 4242"
        raise KeyError(message)
        yield []


class Wrong(InMemoryProvider):
    """Its own way to read events brings something else."""

    async def events_since(self, since: datetime) -> AsyncGenerator[list[Any]]:
        yield ["evt_1"]


@pytest.mark.parametrize("kind", [Broken, Wrong])
def test_only_this_library_s_errors_leave_a_stream_of_events(kind: type[InMemoryProvider]) -> None:
    async def main() -> None:
        world = World(provider=kind(now=NOW))
        with pytest.raises(errors.InvalidResponse) as caught:
            await world.billing.catch_up("memory", NOW)
        assert "4242" not in str(caught.value)
        assert (caught.value.provider, caught.value.operation) == ("memory", "list_events")

    asyncio.run(main())
