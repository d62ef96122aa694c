"""``python -m paylattice check paypal``: what it proves, in front of the stand-in."""

from collections.abc import Iterator

import pytest

from paylattice.__main__ import main
from paylattice.testing import PayPalStandIn


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PayPalStandIn]:
    standin = PayPalStandIn()
    with standin.serve() as url:
        for name, value in {
            "PAYPAL_CLIENT_ID": standin.client_id,
            "PAYPAL_CLIENT_SECRET": standin.client_secret,
            "PAYPAL_WEBHOOK_ID": standin.webhook_id,
            "PAYPAL_API_BASE": url,
        }.items():
            monkeypatch.setenv(name, value)
        yield standin


def cert_url(server: PayPalStandIn) -> str:
    server.add_payment_method("cust_1")
    return server.deliveries()[0].headers["PAYPAL-CERT-URL"]


def test_by_default_it_is_proven_by_asking(server: PayPalStandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "paypal"]) == 0
    told = capsys.readouterr().out
    assert "webhook STANDINWEBHOOK: delivers to https://app.test/webhooks" in told
    assert "certificates: PayPal's server answers (404)" in told
    assert "--cert-url" in told
    assert "PayPal can be asked about deliveries" in told
    assert "webhooks  can be verified by postback" in told
    assert "standin-secret" not in told


def test_offline_needs_the_certificate_of_a_delivery(
    server: PayPalStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYPAL_VERIFY", "offline")
    monkeypatch.setenv("PAYPAL_TRUST_STORE", server.trust_store)
    assert main(["check", "paypal"]) == 1
    assert "NOT proven to be verified" in capsys.readouterr().out
    assert main(["check", "paypal", "--cert-url", cert_url(server)]) == 0
    told = capsys.readouterr().out
    assert "leads to a trusted root, until 20" in told
    assert "webhooks  can be verified by certificate" in told
    assert "postback" not in told


def test_a_certificate_that_leads_nowhere_is_said_to(
    server: PayPalStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = cert_url(server)
    assert main(["check", "paypal", "--cert-url", address]) == 0
    told = capsys.readouterr().out
    assert "certificates: not verified: the signing certificate leads to no trusted root" in told
    assert "webhooks  can be verified by postback" in told
    monkeypatch.setenv("PAYPAL_VERIFY", "offline")
    assert main(["check", "paypal", "--cert-url", address]) == 1


def test_a_webhook_that_paypal_does_not_know_is_said_to(
    server: PayPalStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYPAL_WEBHOOK_ID", f"{server.webhook_id},OTHER")
    assert main(["check", "paypal"]) == 1
    told = capsys.readouterr().out
    assert "webhook OTHER: PayPal knows none of this id for these credentials (sandbox)" in told
    assert "NOT proven to be verified" in told


def test_without_a_webhook_id_nothing_is_tried(
    server: PayPalStandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PAYPAL_WEBHOOK_ID")
    assert main(["check", "paypal"]) == 1
    told = capsys.readouterr().out
    assert "webhooks  NOT verified" in told
    assert "PAYPAL_WEBHOOK_ID" in told
    assert server.requests == ()


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/oauth2", 401), ("/v1/oauth2", 503), ("/v1/notifications/verify", 503)]
)
def test_when_paypal_does_not_answer_nothing_is_proven(
    server: PayPalStandIn, capsys: pytest.CaptureFixture[str], path: str, status: int
) -> None:
    server.faults.answer_next(status, path=path, times=9)
    assert main(["check", "paypal"]) == 1
    told = capsys.readouterr().out
    assert "verified" in told
    assert "standin-secret" not in told


def test_a_server_that_confirms_what_was_made_up_proves_nothing(
    server: PayPalStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b'{"verification_status":"SUCCESS"}'
    server.faults.answer_next(200, body, {"Content-Type": "application/json"}, path="/v1/notifications/verify")
    assert main(["check", "paypal"]) == 1
    assert "a made-up delivery was confirmed" in capsys.readouterr().out
