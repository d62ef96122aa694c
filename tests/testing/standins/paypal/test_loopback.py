"""PayPal's stand-in on 127.0.0.1, for other processes, with deliveries that name it for their certificate.

Nothing but its address, the credentials and the webhook id has to be set; and nobody else is dialled.
"""

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx
import pytest

from paylattice import Money, create_provider, sync
from paylattice.errors import Diagnosis, InvalidSignature, OutcomeUnknown, VerificationUnavailable
from paylattice.providers.paypal import PayPalConfig
from paylattice.testing import Delivery, PayPalStandIn
from paylattice.transport import BlockingTransport, RetryPolicy

from .support import NO, OK

USD = Money(1000, "USD")


@pytest.fixture
def server() -> PayPalStandIn:
    return PayPalStandIn()


@pytest.fixture
def url(server: PayPalStandIn) -> Iterator[str]:
    with server.serve() as base:
        yield base


def settings(server: PayPalStandIn, url: str) -> PayPalConfig:
    return PayPalConfig(
        client_id=server.client_id,
        client_secret=server.client_secret,
        webhook_id=server.webhook_id,
        base_url=url,
    )


def test_nothing_is_told_without_a_token(url: str) -> None:
    assert httpx.get(f"{url}/v1/billing/plans").status_code == 401


def test_both_faces_work_over_it(server: PayPalStandIn, url: str) -> None:
    server.add_plan("P-PRO", Money(1900, "USD"))
    config = settings(server, url)
    with sync.create_provider("paypal", config=config) as blocking:
        made = blocking.create_payment_session(USD, OK, NO)
        server.complete_checkout(made.id)
        paid = blocking.capture_payment(made.id)

    async def read() -> object:
        async with create_provider("paypal", config=config) as provider:
            return await provider.get_payment(made.id)

    assert asyncio.run(read()) == paid


def hook_of(server: PayPalStandIn, at: datetime | None = None) -> Delivery:
    server.add_payment_method("cust_1")
    (hook,) = server.deliveries(at=at)
    return hook


def asked_for(server: PayPalStandIn, what: str) -> list[int | None]:
    return [request.status for request in server.requests if what in request.path]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The hosts that were looked up, or connected to; others than this machine fail."""
    seen: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> None:
        seen.append(address[0])
        connect(self, address)

    def looking_up(host: Any, *rest: Any, **more: Any) -> Any:
        seen.append(host)
        if host not in {"127.0.0.1", b"127.0.0.1", "localhost"}:
            raise socket.gaierror(host)
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return seen


def test_a_delivery_is_verified_over_it_and_nobody_else_is_dialled(
    server: PayPalStandIn, url: str, dialled: list[object]
) -> None:
    hook = hook_of(server)
    assert hook.headers["PAYPAL-CERT-URL"].startswith(url)
    with sync.create_provider("paypal", config=settings(server, url)) as provider:
        assert provider.parse_webhook(hook.payload, hook.headers).id == hook.event_id
    assert asked_for(server, "/certs/") == [200]
    assert asked_for(server, "/verify-webhook-signature") == [200]
    assert {str(host) for host in dialled} == {"127.0.0.1"}


def test_a_delivery_from_before_it_served_is_verified_over_it_too(dialled: list[object]) -> None:
    server = PayPalStandIn()
    hook = hook_of(server)
    assert "paypal.com" in hook.headers["PAYPAL-CERT-URL"]
    with server.serve() as url, sync.create_provider("paypal", config=settings(server, url)) as provider:
        assert provider.parse_webhook(hook.payload, hook.headers).id == hook.event_id
    assert {str(host) for host in dialled} == {"127.0.0.1"}


def test_with_its_authority_nobody_has_to_be_asked(server: PayPalStandIn, url: str) -> None:
    hook = hook_of(server)
    config = attrs.evolve(settings(server, url), trust_store=server.trust_store, verify="offline")
    with sync.create_provider("paypal", config=config) as provider:
        assert provider.parse_webhook(hook.payload, hook.headers).id == hook.event_id
    assert asked_for(server, "/verify-webhook-signature") == []


def test_a_forgery_is_refused_over_it_and_nobody_is_asked(server: PayPalStandIn, url: str) -> None:
    hook = hook_of(server)
    with sync.create_provider("paypal", config=settings(server, url)) as provider:
        for _ in range(3):
            with pytest.raises(InvalidSignature):
                provider.parse_webhook(hook.payload + b" ", hook.headers)
    assert asked_for(server, "/certs/") == [200]
    assert asked_for(server, "/verify-webhook-signature") == []


def test_when_it_cannot_be_asked_the_delivery_has_to_come_again(server: PayPalStandIn, url: str) -> None:
    hook = hook_of(server)
    with sync.create_provider("paypal", config=settings(server, url)) as provider:
        server.faults.answer_next(503, path="/v1/notifications/verify", times=4)
        with pytest.raises(VerificationUnavailable) as caught:
            provider.parse_webhook(hook.payload, hook.headers)
        assert caught.value.diagnosis is Diagnosis.CERTIFICATE_UNKNOWN
        assert provider.parse_webhook(hook.payload, hook.headers).id == hook.event_id


def test_the_next_process_has_another_certificate_at_another_address(server: PayPalStandIn, url: str) -> None:
    from paylattice.testing.standins.paypal import signing

    config = settings(server, url)
    with sync.create_provider("paypal", config=config) as provider:
        for _ in range(2):
            hook = hook_of(server, datetime.now(UTC) - timedelta(minutes=1))
            assert provider.parse_webhook(hook.payload, hook.headers).id == hook.event_id
            signing.authority.cache_clear()


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
