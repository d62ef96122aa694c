"""PayPal's stand-in on 127.0.0.1, for other processes, with deliveries that name it for their certificate."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from paylattice import Money, create_provider, sync
from paylattice.errors import OutcomeUnknown
from paylattice.providers.paypal import PayPalConfig
from paylattice.testing import PayPalStandIn
from paylattice.transport import BlockingTransport, RetryPolicy

from .paypal_support import NO, OK

USD = Money(1000, "USD")


@pytest.fixture
def server() -> PayPalStandIn:
    return PayPalStandIn()


@pytest.fixture
def url(server: PayPalStandIn) -> Iterator[str]:
    with server.serve() as base:
        server.certificates = base
        yield base


def settings(server: PayPalStandIn, url: str) -> PayPalConfig:
    return PayPalConfig(
        client_id=server.client_id,
        client_secret=server.client_secret,
        webhook_id=server.webhook_id,
        base_url=url,
        trust_store=server.trust_store,
    )


def test_nothing_is_told_without_a_token(url: str) -> None:
    assert httpx.get(f"{url}/v1/billing/plans").status_code == 401


def test_both_faces_work_over_it(server: PayPalStandIn, url: str) -> None:
    server.add_plan("P-PRO", "19.00")
    config = settings(server, url)
    with sync.create_provider("paypal", config=config) as blocking:
        made = blocking.create_payment_session(USD, OK, NO)
        server.complete_checkout(made.id)
        paid = blocking.capture_payment(made.id)

    async def read() -> object:
        async with create_provider("paypal", config=config) as provider:
            return await provider.get_payment(made.id)

    assert asyncio.run(read()) == paid


def test_a_delivery_is_verified_over_it(server: PayPalStandIn, url: str) -> None:
    server.add_payment_method("cust_1")
    (hook,) = server.deliveries()
    assert hook.headers["PAYPAL-CERT-URL"].startswith(url)
    with sync.create_provider("paypal", config=settings(server, url)) as provider:
        assert provider.parse_webhook(hook.payload, hook.headers).id == hook.event_id
    fetched = [request for request in server.requests if "/certs/" in request.path]
    assert [request.status for request in fetched] == [200]


def test_an_answer_is_lost_over_it(server: PayPalStandIn, url: str) -> None:
    transport = BlockingTransport(retry=RetryPolicy(attempts=1))
    provider = sync.create_provider("paypal", config=settings(server, url), transport=transport)
    session = provider.create_payment_session(USD, OK, NO)
    server.complete_checkout(session.id)
    server.faults.lose_next_answer(path=f"/v2/checkout/orders/{session.id}/capture")
    payment = provider.capture_payment(session.id)  # the state is read where the answer does not tell
    assert (payment.amount_captured, server.count("capture")) == (USD, 1)
    server.faults.lose_next_answer(path="/v2/checkout/orders")
    with pytest.raises(OutcomeUnknown) as caught:
        provider.create_payment_session(USD, OK, NO)
    assert server.count("order") == 2
    assert provider.recover(caught.value) is not None
    assert server.count("order") == 2
    sync.run(transport.aclose())
