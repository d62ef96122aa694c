"""What is sent again, when, and with which key."""

import asyncio

import httpx
import pytest

from paylattice import Money, driving
from paylattice.errors import ConfigurationError, Declined, PaymentError, UnavailableOutcomeUnknown
from paylattice.providers.stripe import StripeProvider
from paylattice.providers.stripe.errors import retry_hint
from paylattice.transport import AsyncTransport, RequestSent, Response, ResponseReceived, RetryScheduled

from .samples import customer, intent
from .support import World, refusal

PATH = "/v1/customers/cus_1"


def test_a_write_whose_answer_is_lost_is_sent_again_with_its_key(world: World) -> None:
    world.on("POST", "/v1/customers", httpx.ReadTimeout("lost"), customer())
    assert world.run(world.provider.create_customer("ada@example.com")).id == "cus_1"
    first, second = world.server.seen
    assert first.key == second.key
    assert first.form == second.form
    assert len(world.slept) == 1


def test_retry_after_is_waited_for_to_the_second(world: World) -> None:
    world.on("POST", "/v1/customers", refusal(429, headers={"Retry-After": "7"}), customer())
    world.run(world.provider.create_customer("ada@example.com"))
    assert world.slept == [7.0]


def test_a_declined_card_is_never_sent_again(world: World) -> None:
    world.on("POST", "/v1/payment_intents", refusal(402, "card_declined"))
    with pytest.raises(Declined):
        world.run(world.provider.create_payment(Money(1, "USD"), customer_id="cus_1", payment_method_id="pm_1"))
    assert len(world.server.seen) == 1
    assert world.slept == []


def test_a_lock_is_waited_for(world: World) -> None:
    world.on("POST", PATH, refusal(409, "lock_timeout"), refusal(429, "lock_timeout"), customer())
    world.run(world.provider.update_customer("cus_1", name="Ada"))
    assert len({request.key for request in world.server.seen}) == 1


def test_stripes_own_word_wins(world: World) -> None:
    world.on("POST", PATH, refusal(500, headers={"Stripe-Should-Retry": "false"}))
    with pytest.raises(UnavailableOutcomeUnknown):
        world.run(world.provider.update_customer("cus_1", name="Ada"))
    world.on("POST", PATH, refusal(400, headers={"Stripe-Should-Retry": "true"}), customer())
    world.run(world.provider.update_customer("cus_1", name="Ada"))
    assert len(world.server.seen) == 3


@pytest.mark.parametrize(
    ("status", "header", "hint"),
    [
        (200, "true", None),
        (302, "true", None),
        (400, "true", True),
        (409, None, True),
        (409, "false", False),
        (409, "maybe", True),
        (429, None, None),
        (500, None, None),
        (500, "false", False),
    ],
)
def test_the_hint(status: int, header: str | None, hint: bool | None) -> None:
    assert retry_hint(Response(status, {"stripe-should-retry": header} if header else {})) is hint


def test_a_deletion_is_not_sent_again_once_it_may_have_left(world: World) -> None:
    world.on("DELETE", PATH, httpx.ReadError("broke")).on("GET", PATH, {"id": "cus_1", "deleted": True})
    world.run(world.provider.delete_customer("cus_1"))
    assert world.server.calls.count(("DELETE", PATH)) == 1


def test_a_deletion_that_never_left_is_sent_again(world: World) -> None:
    world.on("DELETE", PATH, httpx.ConnectError("down"), {"id": "cus_1", "deleted": True})
    world.run(world.provider.delete_customer("cus_1"))
    assert world.server.calls.count(("DELETE", PATH)) == 2


def test_one_provider_serves_several_event_loops() -> None:
    world = World("async").on("GET", PATH, customer(), customer())
    for _ in range(2):
        found = asyncio.run(world.provider.get_customer("cus_1"))
        assert found is not None
        assert found.id == "cus_1"


def test_tasks_share_a_provider() -> None:
    world = World("async").on("GET", PATH, *[customer()] * 5)

    async def many() -> list[object]:
        return await asyncio.gather(*[world.provider.get_customer("cus_1") for _ in range(5)])

    assert len(asyncio.run(many())) == 5


def test_both_worlds_see_the_same_exchange() -> None:
    exchanges = []
    for mode in ("async", "blocking"):
        world = World(mode).on("POST", "/v1/payment_intents", refusal(500), intent())
        call = world.provider.create_payment(
            Money(1000, "USD"), customer_id="cus_1", payment_method_id="pm_1", idempotency_key="k"
        )
        paid = world.run(call)
        headers = [dict(request.headers) for request in world.server.seen]
        exchanges.append((paid, headers, [request.form for request in world.server.seen], world.slept))
    assert exchanges[0] == exchanges[1]


def test_no_event_loop_is_needed_with_a_blocking_transport() -> None:
    world = World("blocking").on("GET", PATH, customer())
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert driving.run(world.provider.get_customer("cus_1")) is not None


def test_observers_see_operations_and_keys_but_no_personal_data() -> None:
    seen: list[object] = []

    class Watcher:
        def on_request(self, event: RequestSent) -> None:
            seen.append(event)

        def on_response(self, event: ResponseReceived) -> None:
            seen.append(event)

        def on_retry(self, event: RetryScheduled) -> None:
            seen.append(event)

    world = World("async").on(
        "POST", "/v1/customers", httpx.Response(200, json=customer(), headers={"Request-Id": "req_7"})
    )
    transport = AsyncTransport(transport=httpx.MockTransport(world.server), observers=[Watcher()])
    provider = StripeProvider(world.provider._config, transport=transport)
    asyncio.run(provider.create_customer("ada@example.com", idempotency_key="k"))
    assert seen[0] == RequestSent("stripe", "create_customer", "POST", "/v1/customers", 1, "k")
    assert isinstance(seen[1], ResponseReceived)
    assert seen[1].request_id == "req_7"
    assert "ada" not in repr(seen)


def test_a_closed_transport_is_a_configuration_error_and_passes_the_sdk_unchanged(world: World) -> None:
    world.run(world.provider.transport.aclose())
    with pytest.raises(ConfigurationError, match="closed"):
        world.run(world.provider.get_customer("cus_1"))


def test_an_error_of_the_transport_passes_the_sdk_unchanged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = PaymentError("mine")

    async def send(_: object) -> Response:
        raise mine

    monkeypatch.setattr(world.provider.transport, "send", send)
    with pytest.raises(PaymentError) as caught:
        world.run(world.provider.get_customer("cus_1"))
    assert caught.value is mine
