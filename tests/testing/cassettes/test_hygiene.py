"""No cassette holds a secret: what is recorded is scrubbed, and a gate looks at what is committed."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
import vcr
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money, sync
from paylattice.providers.stripe import StripeConfig
from paylattice.testing.cassettes import SCRUBBED, Leak, leaks_in, vcr_config
from paylattice.testing.standins import StripeStandIn
from paylattice.transport import BlockingTransport

from .record import CASSETTES

# put together here, so that no scanner takes them for real
KEY = "sk_live_" + "51HxRealLookingKey0123456789"
TOKEN = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
CARD = "4242 4242" + " 4242 4242"
MAIL = "jane.doe" + "@gmail.com"


def test_no_cassette_holds_anything_that_looks_like_a_secret() -> None:
    assert CASSETTES.is_dir()
    assert leaks_in(CASSETTES) == ()


@pytest.mark.parametrize(
    ("what", "planted"),
    [
        ("secret key", KEY),
        ("secret key", "rk_test_" + "abcdef0123456789"),
        ("webhook secret", "whsec_" + "abcdef0123456789"),
        ("client secret", "pi_3Mt_secret_" + "abcdef0123456789"),
        ("bearer token", "Bearer " + "abcdefghijklmnop"),
        ("access token", "A21AA" + "Kh7abcdefghijklmnop-0123"),
        ("secret key", "A" + "f9" * 39 + "Q"),
        ("client secret", "ba_token=BA-" + "2M539689T3856352J"),
        ("access token", "EAAA" + "EOuLQObrVwJvCvoio3H13"),
        ("secret key", "sq0csp-" + "0123456789abcdefghij"),
        ("secret key", "sandbox-sq0idb-" + "0123456789abcdefghij"),
        ("card token", "cnon:" + "CBASEJ0123456789abcdef"),
        ("phone number", "+4930" + "1234567"),
        ("field that must be scrubbed", '"payer_id": ' + '"7E7MGXCWTTKK2"'),
        ("field that must be scrubbed", '"access_token": ' + '"opaque"'),
        ("field that must be scrubbed", "'refresh_token': " + "'opaque'"),
        ("field that must be scrubbed", '"fingerprint": ' + '"sq-1-abc"'),
        ("page of a customer", "https://www.sandbox.paypal.com/checkoutnow?token=5O190127TN364715T"),
        ("page of a customer", "https://sandbox.square.link/u/EXAMPLE"),
        ("page of a customer", "https://squareup.com/receipt/preview/abc"),
        ("JSON web token", TOKEN),
        ("e-mail address", MAIL),
        ("e-mail address", MAIL.replace("@", "%40")),
        ("card number", CARD),
        ("card number", CARD.replace(" ", "")),
        ("card number", CARD.replace(" ", "-")),
        ("card number", "3782" + "82246310005"),
        ("page of a customer", "https://checkout.stripe.com/c/pay/cs_test_a1#fidkdWxOYHw"),
        ("body that is no text", "!!binary |"),
    ],
)
def test_the_gate_catches_what_was_planted(what: str, planted: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "planted.yaml"
    path.parent.mkdir()
    clean = (CASSETTES / "stripe" / "customer_life.yaml").read_text()
    path.write_text(clean.replace("      string: |-", f"      note: {planted}\n      string: |-", 1))
    assert {leak.what for leak in leaks_in(tmp_path)} == {what}
    assert planted not in str(leaks_in(path)[0])
    assert Path(leaks_in(path)[0].path) == path


@pytest.mark.parametrize("planted", [KEY, CARD, MAIL])
def test_the_gate_sees_what_yaml_broke_into_lines(planted: str, tmp_path: Path) -> None:
    path = tmp_path / "folded.yaml"
    for width in range(10, 60):
        path.write_text(yaml.dump({"body": "x" * 8 + " é\n " + planted + ' "y"'}, width=width))
        assert leaks_in(path), path.read_text()


@pytest.mark.parametrize(
    "harmless",
    [
        "ada@example.com",
        "ada@shop.test",
        "1793534400 1796126400",
        "cus_424242424242424242",
        "req_4242424242424242",
        "pi_1_secret_scrubbed",
        "sk_",
        "0000000000000000",
        "https://checkout.stripe.com/scrubbed",
        "2026-11-01T12:00:00.0000000",
        "2026-11-01T12:00:00+00:00",
        "+15550000000",
        '"access_token": "scrubbed"',
        '"client_secret": "pi_1_secret_scrubbed"',
        '"payer_id": null',
        "https://api-m.sandbox.paypal.com/v2/checkout/orders/5O190127TN364715T",
        "https://connect.squareupsandbox.com/v2/customers",
        "https://uri.paypal.com/services/subscriptions",
        "cnon:card-nonce-ok",
        "I-BW452GLLEP1G",
        "A" * 80,
    ],
)
def test_what_is_harmless_passes(harmless: str, tmp_path: Path) -> None:
    path = tmp_path / "fine.yaml"
    path.write_text(f"body: {harmless}\n")
    assert leaks_in(path) == ()


def test_a_leak_says_where(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(f"a: 1\nb: {MAIL}\n")
    assert leaks_in(path) == (Leak(path, 2, "e-mail address"),)
    assert str(leaks_in(path)[0]).endswith("one.yaml:2: e-mail address")


# --- scrubbing ---------------------------------------------------------------------------------------------------


def record(path: Path, server: StripeStandIn, url: str, *, mode: str = "once") -> None:
    """A conversation with secrets in it, as a user would record it."""
    recorder = vcr.VCR(record_mode=mode, **vcr_config("stripe", base_url=url))
    config = StripeConfig(secret_key=server.secret_key, base_url=url)
    with recorder.use_cassette(path), sync.create_provider("stripe", config=config) as stripe:
        customer = stripe.create_customer(
            MAIL, "Jane", {"note": f"pays with {CARD}", "token": TOKEN}, idempotency_key="order-17"
        )
        method = server.add_payment_method(customer.id) if mode == "once" else "pm_x"
        stripe.create_payment(Money(500, "USD"), customer_id=customer.id, payment_method_id=method)
        stripe.create_payment_session(Money(500, "USD"), "https://a.test", "https://b.test", customer_id=customer.id)


def test_a_recording_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "recorded.yaml"
    server = StripeStandIn(secret_key="sk_test_" + "51HxLooksReal0123456789")
    with server.serve() as url:
        record(path, server, url)
    text = path.read_text()
    assert leaks_in(path) == ()
    for secret in (server.secret_key, MAIL, CARD, TOKEN, "order-17", "127.0.0.1", "_secret_standin", "Authorization"):
        assert secret not in text
    assert "pi_standin000001_secret_scrubbed" in text
    assert "https://api.stripe.com/v1/customers" in text
    first = yaml.safe_load(text)["interactions"][0]["request"]
    assert set(first["headers"]) == {"content-type", "idempotency-key", "stripe-version"}


def test_a_new_idempotency_key_matches_the_recorded_one(tmp_path: Path) -> None:
    path = tmp_path / "recorded.yaml"
    server = StripeStandIn()
    with server.serve() as url, vcr.VCR(**vcr_config("stripe", base_url=url)).use_cassette(path):
        config = StripeConfig(secret_key=server.secret_key, base_url=url)
        with sync.create_provider("stripe", config=config) as stripe:
            first = stripe.create_customer("ada@example.com", idempotency_key="a")
    replay = vcr.VCR(record_mode="none", **vcr_config("stripe")).use_cassette(path)
    with replay, sync.create_provider("stripe", config=StripeConfig(secret_key="sk_test_x")) as stripe:
        again = stripe.create_customer("ada@example.com", idempotency_key="b")
    assert again == first


def test_compressed_bodies_are_recorded_as_text(tmp_path: Path) -> None:
    path = tmp_path / "recorded.yaml"
    server = StripeStandIn()
    body = gzip.compress(json.dumps({"id": "cus_1", "object": "customer", "email": MAIL}).encode())
    server.faults.answer_next(200, body, {"Content-Encoding": "gzip", "Content-Type": "application/json"})
    with server.serve() as url, vcr.VCR(**vcr_config("stripe", base_url=url)).use_cassette(path):
        found = httpx.get(f"{url}/v1/customers/cus_1", headers={"Authorization": "Bearer sk_test_standin"})
        assert found.json()["email"] == MAIL
    assert leaks_in(path) == ()
    assert "content-encoding" not in path.read_text()
    with vcr.VCR(record_mode="none", **vcr_config("stripe")).use_cassette(path):
        assert httpx.get("https://api.stripe.com/v1/customers/cus_1").json()["email"] == f"{SCRUBBED}@example.com"


def test_a_url_is_scrubbed_and_its_order_makes_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "recorded.yaml"
    server = StripeStandIn()
    with server.serve() as url, vcr.VCR(**vcr_config("stripe", base_url=url)).use_cassette(path):
        httpx.get(f"{url}/v1/customers?limit=3&email={MAIL}", headers={"Authorization": "Bearer sk_test_standin"})
    assert leaks_in(path) == ()
    with vcr.VCR(record_mode="none", **vcr_config("stripe")).use_cassette(path):
        assert httpx.get(f"https://api.stripe.com/v1/customers?email={MAIL}&limit=3").status_code == 200


def test_a_cassette_that_is_added_to_keeps_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "grows.yaml"
    server = StripeStandIn()
    server.faults.answer_next(429, headers={"Retry-After": "7"})
    server.faults.answer_next(503)
    with server.serve() as url:
        config = StripeConfig(secret_key=server.secret_key, base_url=url)
        for mode, customer in (("once", "cus_1"), ("new_episodes", "cus_2")):
            recorder = vcr.VCR(record_mode=mode, **vcr_config("stripe", base_url=url))
            transport = BlockingTransport(sleep=lambda _: None)
            with recorder.use_cassette(path):
                assert sync.create_provider("stripe", config=config, transport=transport).get_customer(customer) is None
            sync.run(transport.aclose())
    answers = [one["response"] for one in yaml.safe_load(path.read_text())["interactions"]]
    assert [(answer["status"]["code"], answer["headers"].get("retry-after")) for answer in answers] == [
        (429, ["7"]),
        (503, None),
        (404, None),
        (404, None),
    ]
    assert "recorded-retry-after" not in path.read_text()


class Recorded:
    """A request as vcrpy hands it to the hooks."""

    def __init__(self, uri: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.uri, self.body, self.headers = uri, body, headers


PAYPAL_SECRETS = {
    "access_token": "A21AA" + "Kh7abcdefghijklmnop-0123",
    "nonce": "2026-11-01T12:00:00Z" + "nonce-of-a-token",
    "payer_id": "7E7MGXCWTTKK2",
    "email_address": MAIL,
    "national_number": "4085551234",
    "transmission_sig": "kVeryLongSignature/0123==",
    "webhook_id": "0EH40505U7160970P",
    "client_id": "A" + "f9" * 39 + "Q",
}
SQUARE_SECRETS = {
    "access_token": "EAAA" + "EOuLQObrVwJvCvoio3H13",
    "refresh_token": "EQAA" + "opaque",
    "email_address": MAIL,
    "phone_number": "+4930" + "1234567",
    "cardholder_name": "Jane Doe",
    "fingerprint": "sq-1-TpmjbNBMFdibiIjpQI5LiRgNUBC7u1689i0TgHjnlyHEWYB7tnn",
    "note": f"pays with {CARD}",
}


@pytest.mark.parametrize(("provider", "secrets"), [("paypal", PAYPAL_SECRETS), ("square", SQUARE_SECRETS)])
def test_what_a_provider_s_answers_tell_of_people_is_scrubbed(
    provider: str, secrets: Mapping[str, str], tmp_path: Path
) -> None:
    scrub = vcr_config(provider)["before_record_response"]
    body = json.dumps({"deep": [{"id": "kept_1", **secrets}], **secrets}).encode()
    headers = {"Content-Type": ["application/json"], "Set-Cookie": ["session=1"], "Authorization": ["Bearer x"]}
    kept = scrub({"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": body}})
    text = kept["body"]["string"].decode()
    assert not [name for name, secret in secrets.items() if secret in text]
    assert CARD not in text
    assert "kept_1" in text
    assert set(kept["headers"]) == {"content-type"}
    path = tmp_path / "answer.yaml"
    path.write_text(yaml.dump({"string": text}, default_style="|"))
    assert leaks_in(path) == ()
    path.write_text(yaml.dump({"string": body.decode()}, default_style="|"))
    assert leaks_in(path)


@pytest.mark.parametrize("provider", ["paypal", "square"])
def test_what_is_sent_to_a_provider_is_scrubbed(provider: str) -> None:
    scrub = vcr_config(provider)["before_record_request"]
    sent = {"Authorization": "Basic c2VjcmV0OnNlY3JldA==", "PayPal-Request-Id": "order-17", "Cookie": "a=b"}
    body = json.dumps({"idempotency_key": "order-17", "invoice_id": "order-17", "email_address": MAIL}).encode()
    kept = scrub(Recorded("https://api.test/v1/x", body, {"Content-Type": "application/json", **sent}))
    assert MAIL.encode() not in kept.body
    assert not {"authorization", "cookie"} & set(kept.headers)
    if provider == "paypal":
        assert kept.headers["paypal-request-id"] == "normalised"
        assert json.loads(kept.body)["invoice_id"] == "normalised"
    else:
        assert json.loads(kept.body)["idempotency_key"] == "normalised"


def test_there_are_rules_only_for_known_providers() -> None:
    with pytest.raises(ValueError, match="paypal, square, stripe"):
        vcr_config("nobody")


@given(st.binary(max_size=60), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_scrubbing_twice_is_scrubbing_once(body: bytes, kind: str) -> None:
    hook = vcr_config("stripe")["before_record_request"]
    once = hook(Recorded("https://api.stripe.com/v1/x?b=2&a=", body, {"Content-Type": kind}))
    before = (once.uri, once.body, once.headers)
    again = hook(Recorded(*before))
    assert (again.uri, again.body, again.headers) == before
