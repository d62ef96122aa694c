"""The same server on 127.0.0.1, for other processes and other clients: Stripe's own SDK among them."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import stripe

from paylattice import create_provider, sync
from paylattice.errors import OutcomeUnknown
from paylattice.providers.stripe import StripeConfig
from paylattice.testing.standins import StripeStandIn
from paylattice.transport import BlockingTransport, RetryPolicy


@pytest.fixture
def server() -> StripeStandIn:
    return StripeStandIn()


@pytest.fixture
def url(server: StripeStandIn) -> Iterator[str]:
    with server.serve() as base:
        yield base


def test_it_serves_on_the_loopback_only_and_stops(server: StripeStandIn) -> None:
    with server.serve() as url:
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/v1/customers").status_code == 401
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/v1/customers")


def test_both_faces_work_over_it(server: StripeStandIn, url: str) -> None:
    config = StripeConfig(secret_key=server.secret_key, base_url=url)
    with sync.create_provider("stripe", config=config) as blocking:
        made = blocking.create_customer("ada@example.com")

    async def read() -> object:
        async with create_provider("stripe", config=config) as provider:
            return await provider.get_customer(made.id)

    assert asyncio.run(read()) == made


def test_an_answer_is_lost_over_it(server: StripeStandIn, url: str) -> None:
    server.faults.lose_next_answer()
    config = StripeConfig(secret_key=server.secret_key, base_url=url)
    transport = BlockingTransport(retry=RetryPolicy(attempts=1))
    provider = sync.create_provider("stripe", config=config, transport=transport)
    with pytest.raises(OutcomeUnknown) as caught:
        provider.create_customer("ada@example.com")
    assert server.count("customer") == 1
    assert provider.recover(caught.value) is not None
    assert server.count("customer") == 1
    sync.run(transport.aclose())


def test_stripes_own_client_works_over_it(server: StripeStandIn, url: str) -> None:
    with httpx.Client() as http:
        own = _HTTPX(http)
        client = stripe.StripeClient(server.secret_key, http_client=own, base_addresses={"api": url})
        customer = client.v1.customers.create({"email": "ada@example.com", "metadata": {"a": "1"}})
        method = server.add_payment_method(customer.id)
        intent = client.v1.payment_intents.create(
            {
                "amount": 1000,
                "currency": "usd",
                "customer": customer.id,
                "payment_method": method,
                "confirm": True,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "expand": ["latest_charge"],
            }
        )
        assert (intent.status, intent.latest_charge.amount) == ("succeeded", 1000)  # type: ignore[union-attr]
        price = client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 500,
                "recurring": {"interval": "month"},
                "product_data": {"name": "Pro"},
            }
        )
        subscription = client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
        assert subscription.status == "active"
        assert [one.id for one in client.v1.subscriptions.list().auto_paging_iter()] == [subscription.id]
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.customers.retrieve("cus_none")
        assert caught.value.code == "resource_missing"
        server.decline_next_payment("lost_card")
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(
                {"amount": 1, "currency": "usd", "customer": customer.id, "payment_method": method, "confirm": True}
            )


class _HTTPX(stripe.HTTPClient):
    """The SDK's own client leaves connections to the garbage collector; this one is closed by the test."""

    name = "test"

    def __init__(self, client: httpx.Client) -> None:
        super().__init__()
        self._http = client

    def request(
        self, method: str, url: str, headers: dict[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, httpx.Headers]:
        answer = self._http.request(method, url, headers=headers, content=post_data)
        return answer.content, answer.status_code, answer.headers


@pytest.mark.parametrize(
    "authorization",
    ["Bearer sk_test_wrong", "Basic !!", "Basic /w==", "Digest x", ""],
)
def test_only_the_key_opens(server: StripeStandIn, url: str, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = httpx.get(f"{url}/v1/customers", headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "invalid_request_error")


def test_the_key_as_a_user_name(server: StripeStandIn, url: str) -> None:
    assert httpx.get(f"{url}/v1/customers", auth=(server.secret_key, "")).status_code == 200


@pytest.mark.parametrize(
    ("version", "status"), [("2026-10-28.endive", 200), ("2026-09-30.endive", 200), ("2020-08-27", 400)]
)
def test_one_version_is_spoken(server: StripeStandIn, url: str, version: str, status: int) -> None:
    headers = {"Stripe-Version": version}
    assert httpx.get(f"{url}/v1/customers", auth=(server.secret_key, ""), headers=headers).status_code == status


def test_a_body_needs_a_length(url: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"email=a"

    assert httpx.post(f"{url}/v1/customers", content=chunks()).status_code == 411


def test_half_a_request_does_nothing(server: StripeStandIn, url: str) -> None:
    """A worker that is killed while it sends: what came of its body is a request of its own, which nobody has made."""
    port = int(url.rpartition(":")[2])
    head = (
        f"POST /v1/customers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {server.secret_key}\r\nContent-Length: 60\r\n"
    )
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=ada@example.com"
    with socket.create_connection(("127.0.0.1", port)) as killed:
        killed.sendall(head.encode())
        killed.shutdown(socket.SHUT_WR)
        assert killed.recv(1000) == b""
    assert server.count("customer") == 0


def test_clients_that_hang_up_or_stay_do_no_harm(server: StripeStandIn, capfd: pytest.CaptureFixture[str]) -> None:
    with server.serve() as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"POST /v1/customers HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
        staying = httpx.Client()
        assert staying.get(f"{url}/v1/customers").status_code == 401
    staying.close()
    assert capfd.readouterr().err == ""


def test_many_threads_share_a_server(server: StripeStandIn, url: str) -> None:
    config = StripeConfig(secret_key=server.secret_key, base_url=url)
    with sync.create_provider("stripe", config=config) as provider:
        threads = [threading.Thread(target=provider.create_customer, args=("a@b.test",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.count("customer") == 8
    assert len({request.idempotency_key for request in server.requests}) == 8
