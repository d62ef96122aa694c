"""Access to PayPal's stand-in: tokens, how they end, and what a request must have besides."""

import httpx
import pytest

from .support import BASE, PayPalShop


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


def asked(shop: PayPalShop, *, secret: str | None = None, **form: str) -> httpx.Response:
    with httpx.Client(transport=shop.server.transport(), base_url=BASE) as client:
        pair = (shop.server.client_id, secret or shop.server.client_secret)
        return client.post("/v1/oauth2/token", data=form, auth=pair)


def test_a_token_says_how_long_it_lives() -> None:
    answer = asked(PayPalShop(token_lifetime=600), grant_type="client_credentials").json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 600)
    assert answer["access_token"]


def test_a_wrong_secret_is_refused_in_the_words_of_oauth(shop: PayPalShop) -> None:
    answer = asked(shop, secret="wrong", grant_type="client_credentials")
    assert answer.status_code == 401
    assert answer.json() == {"error": "invalid_client", "error_description": "Client Authentication failed"}


@pytest.mark.parametrize(
    ("form", "error"), [({"grant_type": "password"}, "unsupported_grant_type"), ({}, "invalid_request")]
)
def test_only_client_credentials_are_granted(shop: PayPalShop, form: dict[str, str], error: str) -> None:
    answer = asked(shop, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("header", ["Basic !!", "Basic /w==", "Digest x"])
def test_broken_credentials_are_refused(shop: PayPalShop, header: str) -> None:
    with httpx.Client(transport=shop.server.transport(), base_url=BASE) as client:
        answer = client.post("/v1/oauth2/token", headers={"Authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["A21AAnobody", ""])
def test_nothing_is_told_without_a_token(shop: PayPalShop, token: str) -> None:
    with httpx.Client(transport=shop.server.transport(), base_url=BASE) as client:
        answer = client.get("/v1/billing/plans", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["name"]) == (401, "AUTHENTICATION_FAILURE")


def test_a_token_ends_with_its_time_and_when_it_is_revoked(shop: PayPalShop) -> None:
    first = shop.fresh_token()
    assert shop.raw("GET", "/v1/billing/plans", token=first).status_code == 200
    shop.server.advance(hours=9)
    assert shop.raw("GET", "/v1/billing/plans", token=first).status_code == 401
    second = shop.fresh_token()
    shop.server.revoke_tokens()
    assert shop.raw("GET", "/v1/billing/plans", token=second).status_code == 401
    assert shop.server.tokens_granted == 2


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_the_provider_asks_once_and_again_when_its_token_is_refused(mode: str) -> None:
    shop = PayPalShop(mode)
    shop.plan()
    for _ in range(3):
        assert shop.run(shop.provider.get_plan("P-PRO")) is not None
    assert shop.server.tokens_granted == 1
    shop.server.revoke_tokens()
    assert shop.run(shop.provider.get_plan("P-PRO")) is not None
    assert shop.server.tokens_granted == 2


def test_every_answer_names_its_debug_id(shop: PayPalShop) -> None:
    found = [shop.raw("GET", path).headers["paypal-debug-id"] for path in ("/v1/billing/plans", "/v1/nothing")]
    assert len(set(found)) == 2


def test_what_is_not_simulated_is_refused(shop: PayPalShop) -> None:
    answer = shop.raw("POST", "/v1/payments/payouts", {})
    assert (answer.status_code, answer.json()["name"]) == (404, "RESOURCE_NOT_FOUND")


def test_a_body_is_json_and_says_so(shop: PayPalShop) -> None:
    headers = {"Authorization": f"Bearer {shop.fresh_token()}"}
    with httpx.Client(transport=shop.server.transport(), base_url=BASE, headers=headers) as client:
        assert client.post("/v2/checkout/orders", content=b"{}").status_code == 415
        for broken in (b"{", b"[]", b"null"):
            answer = client.post("/v2/checkout/orders", content=broken, headers={"Content-Type": "application/json"})
            assert answer.json()["details"][0]["issue"] == "MALFORMED_REQUEST_JSON"


def test_a_rate_limit_says_when_to_come_back(shop: PayPalShop) -> None:
    shop.server.faults.answer_next(429, headers={"Retry-After": "7"}, path="/v1/billing")
    answer = shop.raw("GET", "/v1/billing/plans")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["name"] == "RATE_LIMIT_REACHED"


def test_server_errors_are_in_paypals_words(shop: PayPalShop) -> None:
    shop.server.faults.answer_next(500, path="/v1/billing")
    assert shop.raw("GET", "/v1/billing/plans").json()["name"] == "INTERNAL_SERVER_ERROR"


def test_nothing_is_loaded_that_only_signing_or_sending_needs() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from paylattice import Money; from paylattice.testing import PayPalStandIn; server = PayPalStandIn(); "
        "server.add_plan('P-1', Money(100, 'USD')); server.add_payment_method('cust_1'); "
        "print([name for name in ('cryptography', 'httpx', 'pytest') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
