"""The location that sells: asked for once, and told by name where it is wrong."""

import asyncio
import threading

import httpx
import pytest

from paylattice import Money, driving
from paylattice.errors import ConfigurationError, InvalidRequest, NetworkError, PermissionDenied
from paylattice.providers.square import SquareProvider
from paylattice.transport import AsyncTransport

from .samples import variation
from .scenarios import furnished
from .support import LOCATION, World, configuration, location, missing, refusal

EXISTING = {
    "locations": [location(), location(id="L2", name="Midtown", currency="CAD"), location(id="L3", status="INACTIVE")]
}


def failing(config: object, **answers: object) -> str:
    world = World(config=config)  # type: ignore[arg-type]
    world.on("GET", "/v2/locations", answers.get("listed", EXISTING))
    if "found" in answers:
        world.on("GET", f"/v2/locations/{LOCATION}", answers["found"])
    with pytest.raises(ConfigurationError) as caught:
        world.run(world.provider.get_invoices("CUST1"))
    return str(caught.value)


def test_a_missing_location_is_told_with_those_that_exist() -> None:
    message = failing(configuration(location_id=None))
    assert "SQUARE_LOCATION_ID" in message
    assert f"{LOCATION} (Grant Park, USD), L2 (Midtown, CAD), L3 (Grant Park, USD, inactive)" in message


@pytest.mark.parametrize(
    "answer", [missing(), refusal(403, "FORBIDDEN", "AUTHENTICATION_ERROR"), refusal(400, "INVALID_LOCATION")]
)
def test_a_wrong_location_is_told_with_those_that_exist(answer: object) -> None:
    message = failing(configuration(), found=answer)
    assert LOCATION in message
    assert "L2 (Midtown, CAD)" in message
    assert "production" in message


def test_a_closed_location_cannot_sell() -> None:
    world = World()
    world.always("GET", f"/v2/locations/{LOCATION}", {"location": location(status="INACTIVE")})
    with pytest.raises(ConfigurationError, match="not active"):
        world.run(world.provider.get_invoices("CUST1"))


def test_that_none_exist_and_that_they_cannot_be_read_is_told() -> None:
    assert "There is none." in failing(configuration(location_id=None), listed={})
    assert "cannot be read" in failing(
        configuration(location_id=None), listed=refusal(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR")
    )


def test_a_network_that_is_down_is_no_wrong_setting() -> None:
    world = World(attempts=1)
    world.always("GET", f"/v2/locations/{LOCATION}", httpx.ConnectError("down"))
    with pytest.raises(NetworkError):
        world.run(world.provider.get_invoices("CUST1"))
    world.always("GET", f"/v2/locations/{LOCATION}", {"location": location()})
    world.on("POST", "/v2/invoices/search", {})
    world.always("GET", "/v2/customers/CUST1", missing())
    assert world.run(world.provider.get_invoices("CUST1")) == []


def test_it_is_asked_for_once(world: World) -> None:
    furnished(world)
    for _ in range(3):
        world.run(
            world.provider.create_payment(Money(1900, "USD"), customer_id="CUST1", payment_method_id="ccof:CARD1")
        )
    assert world.server.calls.count(("GET", f"/v2/locations/{LOCATION}")) == 1


class Slow(httpx.AsyncBaseTransport):
    """Lets the others have their turn before it answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return self._world.server(request)


def test_many_at_once_ask_once() -> None:
    world = furnished(World("async"))
    provider = SquareProvider(configuration(), transport=AsyncTransport(transport=Slow(world)))

    async def crowd() -> None:
        await asyncio.gather(*(provider.get_invoices("CUST1") for _ in range(10)))

    asyncio.run(crowd())
    assert world.server.calls.count(("GET", f"/v2/locations/{LOCATION}")) == 1


def test_many_threads_ask_once() -> None:
    world = furnished(World())
    threads = [threading.Thread(target=lambda: driving.run(world.provider.get_invoices("CUST1"))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.server.calls.count(("GET", f"/v2/locations/{LOCATION}")) == 1


def test_several_event_loops_share_it() -> None:
    world = furnished(World("async"))
    for _ in range(3):
        world.run(world.provider.get_invoices("CUST1"))
    assert world.server.calls.count(("GET", f"/v2/locations/{LOCATION}")) == 1


def test_main_stands_for_its_id() -> None:
    world = furnished(World(config=configuration(location_id="main")))
    world.always("GET", "/v2/locations/main", {"location": location()})
    world.run(world.provider.get_invoices("CUST1"))
    (search,) = [one for one in world.server.seen if one.path == "/v2/invoices/search"]
    assert search.body["query"]["filter"]["location_ids"] == [LOCATION]


def test_every_amount_is_in_its_currency(world: World) -> None:
    furnished(world)
    euros = Money(1900, "EUR")
    provider = world.provider
    for call in (
        provider.create_payment(euros, customer_id="CUST1", payment_method_id="ccof:CARD1"),
        provider.create_payment_session(euros, "https://a.example", "https://b.example"),
    ):
        with pytest.raises(InvalidRequest, match="sells in USD, not in EUR") as caught:
            world.run(call)
        assert caught.value.param == "amount"
    assert world.server.writes == []


def test_reading_a_customer_needs_no_location() -> None:
    world = furnished(World(config=configuration(location_id=None)))
    world.run(world.provider.get_customer("CUST1"))
    world.run(world.provider.get_subscription("SUB1"))
    assert ("GET", "/v2/locations") not in world.server.calls


def test_a_permission_that_is_missing_elsewhere_is_no_wrong_location(world: World) -> None:
    world.on("POST", "/v2/invoices/search", refusal(403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR"))
    with pytest.raises(PermissionDenied):
        world.run(world.provider.get_invoices("CUST1"))


def test_a_plan_of_the_main_location_alone_is_found_under_its_word() -> None:
    """``main`` is in no list of locations: https://developer.squareup.com/reference/square/locations-api/retrieve-location."""
    world = World(config=configuration(location_id="main"))
    world.always("GET", "/v2/locations/main", {"location": location()})
    here = variation(present_at_all_locations=False, present_at_location_ids=[LOCATION])
    away = variation(id="VAR2", absent_at_location_ids=[LOCATION])
    world.always("GET", "/v2/catalog/list", {"objects": [here, away]})
    assert [plan.id for plan in world.run(world.provider.list_plans())] == ["VAR1"]
