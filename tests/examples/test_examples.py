"""The example programs do what they show, over HTTP where they are web applications."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from fastapi.testclient import TestClient

from paylattice import Money
from paylattice.testing import StripeStandIn
from tests.django_settings import set_up

Load = Callable[[str], ModuleType]


def stripe_delivery(event: dict[str, object], secret: str) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"object": "event", "created": int(time.time()), "livemode": False, **event}).encode()
    stamp = int(time.time())
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"Stripe-Signature": f"t={stamp},v1={signature}", "Content-Type": "application/json"}


def test_the_quickstart_runs(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(load("quickstart").main())
    assert "invoice.paid 200 processed" in capsys.readouterr().out


def test_each_organisation_goes_to_the_provider_of_its_region(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(load("two_providers_by_region").main())
    told = capsys.readouterr().out
    assert "org_eu ('eu', 'active')" in told
    assert "org_us ('us', 'active')" in told


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeStandIn]:
    """A Stripe account on 127.0.0.1, which the environment leads to."""
    account = StripeStandIn()
    account.add_plan("price_pro", Money(1900, "USD"))
    monkeypatch.setenv("STRIPE_SECRET_KEY", account.secret_key)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", account.webhook_secret)
    with account.serve() as url:
        monkeypatch.setenv("STRIPE_API_BASE", url)
        yield account


def deliver(account: StripeStandIn, browser: TestClient) -> list[str]:
    """Deliver what waits; the outcomes."""
    answers = [
        browser.post("/webhooks/stripe", content=hook.payload, headers=dict(hook.headers))
        for hook in account.deliveries()
    ]
    assert {answer.status_code for answer in answers} <= {200}
    return [answer.text for answer in answers]


def test_fastapi_sells_a_subscription(load: Load, account: StripeStandIn) -> None:
    with TestClient(load("fastapi_app").app) as browser:
        url = browser.post("/checkout/price_pro").json()["url"]
        [session] = account.objects("checkout.session")
        assert url == session["url"]
        asked = next(request.params for request in account.requests if request.path == "/v1/checkout/sessions")
        assert asked["mode"] == "subscription"
        assert asked["metadata[org_id]"] == asked["subscription_data[metadata][org_id]"] == "org_1"

        account.complete_checkout(str(session["id"]))
        assert browser.get("/ok", params={"session_id": session["id"]}).json() == {"status": "active"}
        hooks = account.deliveries()
        created = next(hook for hook in hooks if hook.type == "customer.subscription.created")
        for outcome in ("processed", "duplicate"):
            answer = browser.post("/webhooks/stripe", content=created.payload, headers=dict(created.headers))
            assert (answer.status_code, answer.text) == (200, outcome)
        assert account.count("customer") == 1


def test_fastapi_runs_the_dunning_handler_when_a_payment_is_late(
    load: Load, account: StripeStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    with TestClient(load("fastapi_app").app) as browser:
        browser.post("/checkout/price_pro")
        [session] = account.objects("checkout.session")
        account.complete_checkout(str(session["id"]))
        assert "processed" in deliver(account, browser)
        assert "remind" not in capsys.readouterr().out
        account.decline_next_payment("insufficient_funds")
        [subscription] = account.objects("subscription")
        account.renew(str(subscription["id"]))
        assert "processed" in deliver(account, browser)
    assert capsys.readouterr().out.count("remind org_1") == 1


@pytest.fixture
def stripe_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_1")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")


def test_fastapi_refuses_a_forged_delivery(load: Load, stripe_settings: None) -> None:
    with TestClient(load("fastapi_app").app) as browser:
        body, headers = stripe_delivery(
            {"id": "evt_1", "type": "customer.created", "data": {"object": {}}}, "whsec_other"
        )
        assert browser.post("/webhooks/stripe", content=body, headers=headers).status_code == 400


def test_every_tenant_is_verified_with_its_own_secret(load: Load) -> None:
    browser = TestClient(load("per_tenant_credentials").app)
    event = {"id": "evt_1", "type": "invoice.paid", "data": {"object": {}}}
    for tenant, other in (("1", "2"), ("2", "1")):
        body, headers = stripe_delivery(event, f"whsec_{tenant}")
        answer = browser.post(f"/t/t{tenant}/webhooks/stripe", content=body, headers=headers)
        assert answer.json() == {"type": "invoice.paid"}
        assert browser.post(f"/t/t{other}/webhooks/stripe", content=body, headers=headers).status_code == 400
    assert browser.post("/t/t3/webhooks/stripe", content=body, headers=headers).status_code == 404


def test_django_sells_a_subscription_and_takes_its_webhooks(load: Load) -> None:
    from django.test import Client

    set_up()
    application = load("django_app")
    provider = application.billing.provider("memory").wrapped
    provider.add_plan("pro", Money(1900, "USD"))
    url = Client().post("/checkout/pro").json()["url"]
    provider.complete_checkout(url.rpartition("/")[2])
    sender = Client(enforce_csrf_checks=True)
    for hook in provider.deliveries():
        headers = {"HTTP_PAYLATTICE_SIGNATURE": hook.headers["Paylattice-Signature"]}
        answer = sender.post("/webhooks/memory", hook.payload, content_type="application/json", **headers)
        assert answer.status_code == 200
    assert application.billing.subscription("org_1").status == "active"
    assert sender.post("/webhooks/memory", b"{}", content_type="application/json").status_code == 400


def test_flask_takes_webhooks(load: Load) -> None:
    application = load("flask_app")
    provider = application.billing.provider("memory").wrapped
    asyncio.run(provider.create_customer("ada@example.com"))
    [hook] = provider.deliveries()
    browser = application.app.test_client()
    good = browser.post("/webhooks/memory", data=hook.payload, headers=dict(hook.headers))
    forged = browser.post("/webhooks/memory", data=hook.payload + b" ", headers=dict(hook.headers))
    assert (good.status_code, forged.status_code) == (200, 400)
