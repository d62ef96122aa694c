"""The ways to verify a delivery: with PayPal's certificate, with issuers that have to be fetched, and by asking PayPal."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from paylattice.errors import (
    AuthenticationError,
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    MalformedPayload,
    NetworkError,
    ProviderUnavailable,
    StaleSignature,
    VerificationUnavailable,
)
from paylattice.providers.paypal.verification.verifier import WebhookVerifier
from paylattice.transport import AsyncTransport, RetryPolicy, WebhookVerified

from .certificates_support import (
    BODY,
    EVENT,
    LIVE,
    LIVE_URL,
    NOW,
    SANDBOX,
    URL,
    WEBHOOK,
    YEAR,
    World,
    chain,
    changed,
    delivery,
    good,
    intermediate,
    issue,
    leaf,
    root,
    rsa_key,
    settings,
)

SUCCESS, FAILURE = {"verification_status": "SUCCESS"}, {"verification_status": "FAILURE"}
AUTHORITY = "http://cacerts.digicert.com/TestIntermediate.crt"
DAY = 86_400.0


class PayPal:
    """Answers whether deliveries are its own."""

    def __init__(self, answer: Any = SUCCESS) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def __call__(self, request: bytes) -> Any:
        self.asked.append(json.loads(request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[WebhookVerified] = []

    def on_webhook_verified(self, event: WebhookVerified) -> None:
        self.told.append(event)


def alone() -> bytes:
    """What PayPal's server answers: the certificate alone, which names its issuer."""
    return chain(issue(SANDBOX, rsa_key("leaf"), intermediate(), names=(SANDBOX,), issuer_at=(AUTHORITY,)))


def servers(*issuer: bytes | httpx.Response, certificate: bytes | None = None) -> Callable[[httpx.Request], Any]:
    """PayPal's certificate server, and an authority's; the latter answers one after the other."""
    left = list(issuer)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith("paypal.com"):
            return httpx.Response(200, content=alone() if certificate is None else certificate)
        found = left.pop(0) if len(left) > 1 else left[0]
        return found if isinstance(found, httpx.Response) else httpx.Response(200, content=found)

    return answer


def der(which: Any) -> bytes:
    return which.certificate.public_bytes(Encoding.DER)  # type: ignore[no-any-return] - cryptography's own


def hosts(world: World) -> list[str]:
    return [request.url.host for request in world.server.seen]


# --- asking PayPal where the certificate leads nowhere --------------------------------------------------------------


def test_what_cannot_be_told_here_is_asked_of_paypal(mode: str) -> None:
    paypal = PayPal()
    world = World(mode, chain(leaf()), postback=paypal)
    assert world.verified() == EVENT
    assert [asked["webhook_event"] for asked in paypal.asked] == [EVENT]


def test_the_body_goes_to_paypal_byte_for_byte() -> None:
    sent: list[bytes] = []

    async def paypal(request: bytes) -> Any:
        sent.append(request)
        return SUCCESS

    body = rb' {"b":10.0,"a":1.00,"u":"https:\/\/x","\u00e9":"\u00e9"} '
    World("async", chain(leaf()), postback=paypal).verified(body)
    assert sent[0].endswith(b'"webhook_event": ' + body + b"}")


def test_what_paypal_denies_is_forged(mode: str) -> None:
    world = World(mode, chain(leaf()), postback=PayPal(FAILURE))
    error = world.refused()
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


@pytest.mark.parametrize(
    "failure", [NetworkError("no answer"), ProviderUnavailable("503"), AuthenticationError("wrong"), {"name": "?"}]
)
def test_when_paypal_cannot_be_asked_either_it_has_to_deliver_again(mode: str, failure: Any) -> None:
    error = World(mode, chain(leaf()), postback=PayPal(failure)).refused()
    assert (type(error), error.diagnosis) == (VerificationUnavailable, Diagnosis.CERTIFICATE_UNKNOWN)
    assert "leads to no trusted root" in error.message
    assert "PayPal" in error.message.partition(" And ")[2]


def test_offline_asks_nobody(mode: str) -> None:
    paypal = PayPal()
    error = World(mode, chain(leaf()), postback=paypal, verify="offline").refused()
    assert (type(error), error.diagnosis) == (VerificationUnavailable, Diagnosis.CERTIFICATE_UNKNOWN)
    assert "PAYPAL_VERIFY=auto" in error.message
    assert paypal.asked == []


def test_what_the_certificate_proves_is_not_asked_about(mode: str) -> None:
    paypal = PayPal(FAILURE)
    world = World(mode, postback=paypal)
    assert world.verified() == EVENT
    assert paypal.asked == []


def test_of_several_webhooks_paypal_is_asked_about_the_one_that_the_signature_names() -> None:
    paypal = PayPal()
    world = World("async", chain(leaf()), postback=paypal, webhook_id=("1JE4291016473214C", WEBHOOK, "5XX"))
    assert world.verified() == EVENT
    assert [asked["webhook_id"] for asked in paypal.asked] == [WEBHOOK]


def test_a_signed_body_that_is_no_object_is_malformed_and_not_asked_about() -> None:
    paypal = PayPal()
    assert type(World("async", chain(leaf()), postback=paypal).refused(b"[]")) is MalformedPayload
    assert paypal.asked == []


def test_an_old_delivery_is_stale_and_not_asked_about(mode: str) -> None:
    paypal = PayPal()
    error = World(mode, chain(leaf()), postback=paypal).refused(sent=NOW - 5 * DAY)
    assert type(error) is StaleSignature
    assert paypal.asked == []


def test_nobody_can_be_asked_about_the_simulator() -> None:
    paypal = PayPal()
    world = World("async", chain(leaf("leaf", LIVE)), postback=paypal, simulator=True)
    error = world.refused(webhook_id="WEBHOOK_ID", url=LIVE_URL)
    assert type(error) is VerificationUnavailable
    assert paypal.asked == []


# --- forgeries ------------------------------------------------------------------------------------------------------

FORGED: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "a changed byte": lambda: (BODY.replace(b"20.00", b"90.00"), delivery()),
    "another transmission": lambda: (BODY, changed(delivery(), "PAYPAL-TRANSMISSION-ID", "another")),
    "another time": lambda: (BODY, changed(delivery(), "PAYPAL-TRANSMISSION-TIME", "2026-09-21T14:13:19Z")),
    "another webhook": lambda: (BODY, delivery(webhook_id="1JE4291016473214C")),
    "another key": lambda: (BODY, delivery(key=rsa_key("other"))),
    "a signature of nothing": lambda: (BODY, changed(delivery(), "PAYPAL-TRANSMISSION-SIG", "QUJD" * 86)),
}


@pytest.mark.parametrize("what", FORGED)
@pytest.mark.parametrize("answer", [good, alone])
def test_a_forgery_is_refused_at_once_whatever_is_known_of_the_certificate(
    what: str, answer: Callable[[], bytes], mode: str
) -> None:
    paypal = PayPal(NetworkError("no answer"))
    world = World(mode, servers(good(), certificate=answer()), postback=paypal)
    body, headers = FORGED[what]()
    for _ in range(3):
        assert type(world.refused(body, headers)) is InvalidSignature
    assert hosts(world) == ["api.sandbox.paypal.com"]
    assert paypal.asked == []


def test_a_certificate_of_another_name_is_refused_although_the_signature_fits_and_paypal_would_confirm_it() -> None:
    paypal = PayPal()
    other = issue("www.paypal.com", rsa_key("leaf"), intermediate(), names=("www.paypal.com",))
    error = World("async", chain(other), postback=paypal).refused()
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.CERTIFICATE_REFUSED)
    assert paypal.asked == []


# --- issuers that have to be fetched --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda: der(intermediate()),
        lambda: intermediate().pem,
        lambda: chain(root(), intermediate()),
    ],
)
def test_a_missing_issuer_is_fetched_from_the_authority(answer: Callable[[], bytes], mode: str) -> None:
    paypal = PayPal(FAILURE)
    world = World(mode, servers(answer()), postback=paypal)
    assert world.verified() == EVENT
    assert hosts(world) == ["api.sandbox.paypal.com", "cacerts.digicert.com"]
    assert paypal.asked == []


def test_an_issuer_is_fetched_once_without_credentials(mode: str) -> None:
    world = World(mode, servers(der(intermediate())))
    for number in range(5):
        assert world.verified(identity=f"t-{number}") == EVENT
    other = URL.replace("a5cafa77", "aecacc47")
    assert world.verified(url=other) == EVENT
    assert hosts(world).count("cacerts.digicert.com") == 1
    request = world.server.seen[1]
    assert (request.method, str(request.url)) == ("GET", AUTHORITY)
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


def test_the_issuer_of_an_issuer_is_fetched_too() -> None:
    above = "http://cacerts.digicert.com/TestRoot.crt"
    own = issue("Above", rsa_key("Above"), root(), authority=True, begins=NOW - 1000 * DAY, lasts=YEAR * 10)
    between = issue("Between", rsa_key("between"), own, authority=True, depth=0, issuer_at=(above,))
    signs = issue(SANDBOX, rsa_key("leaf"), between, names=(SANDBOX,), issuer_at=(AUTHORITY,))
    world = World("async", servers(der(between), der(own), certificate=chain(signs)))
    assert world.verified() == EVENT
    assert [str(request.url) for request in world.server.seen[1:]] == [AUTHORITY, above]


NOT_AN_AUTHORITYS: dict[str, str] = {
    "another host": "http://evil.example/TestIntermediate.crt",
    "a host that ends like it": "http://evilcacerts.digicert.com/TestIntermediate.crt",
    "a host that begins like it": "http://cacerts.digicert.com.evil.example/x.crt",
    "user info": "http://cacerts.digicert.com@evil.example/x.crt",
    "another port": "http://cacerts.digicert.com:8080/x.crt",
    "this machine": "http://127.0.0.1/x.crt",
    "the cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "a file": "file:///etc/passwd",
    "a directory service": "ldap://cacerts.digicert.com/x",
    "a path": "http://cacerts.digicert.com/a/../x.crt",
    "a query": "http://cacerts.digicert.com/x.crt?y",
    "a line end": "http://cacerts.digicert.com/x.crt\r\nHost: evil.example",
    "no name": "http://cacerts.digicert.com/",
    "a long name": f"http://cacerts.digicert.com/{'x' * 300}",
}


@pytest.mark.parametrize("what", NOT_AN_AUTHORITYS)
def test_nothing_is_fetched_from_where_no_authority_is(what: str) -> None:
    signs = issue(SANDBOX, rsa_key("leaf"), intermediate(), names=(SANDBOX,), issuer_at=(NOT_AN_AUTHORITYS[what],))
    paypal = PayPal()
    world = World("async", servers(der(intermediate()), certificate=chain(signs)), postback=paypal)
    assert world.verified() == EVENT
    assert hosts(world) == ["api.sandbox.paypal.com"]
    assert len(paypal.asked) == 1


USELESS: dict[str, httpx.Response] = {
    "404": httpx.Response(404),
    "500": httpx.Response(500),
    "a redirect": httpx.Response(302, headers={"Location": "http://evil.example/x.crt"}),
    "nothing": httpx.Response(200),
    "noise": httpx.Response(200, content=b"\x30\x82" + b"x" * 500),
    "HTML": httpx.Response(200, html="<html>blocked</html>"),
    "too much": httpx.Response(200, content=intermediate().pem + b"\n" * 65 * 1024),
    "the certificate itself": httpx.Response(200, content=chain(leaf())),
    "somebody else's root": httpx.Response(
        200, content=issue("Their Root", rsa_key("theirs"), None, authority=True, lasts=timedelta(days=900)).pem
    ),
}


@pytest.mark.parametrize("what", USELESS)
def test_when_the_authority_does_not_help_paypal_is_asked_and_the_authority_left_alone(what: str, mode: str) -> None:
    paypal = PayPal()
    world = World(mode, servers(USELESS[what]), postback=paypal)
    for number in range(5):
        assert world.verified(identity=f"t-{number}") == EVENT
        world.now += 60
    assert hosts(world).count("cacerts.digicert.com") == 1
    assert "evil.example" not in hosts(world)
    assert len(paypal.asked) == 5


def test_an_authority_that_was_down_is_asked_again_after_ten_minutes() -> None:
    paypal = PayPal()
    world = World("async", servers(httpx.Response(503), der(intermediate())), postback=paypal)
    assert world.verified() == EVENT
    world.now += 600
    assert world.verified(sent=world.now) == EVENT
    assert (len(paypal.asked), hosts(world).count("cacerts.digicert.com")) == (1, 2)


def test_a_root_that_was_fetched_is_not_trusted() -> None:
    theirs = issue("Their Root", rsa_key("theirs"), None, authority=True, lasts=YEAR * 5)
    between = issue("Their Intermediate", rsa_key("between"), theirs, authority=True, lasts=YEAR * 5)
    signs = issue(SANDBOX, rsa_key("leaf"), between, names=(SANDBOX,), issuer_at=(AUTHORITY,))
    error = World("async", servers(chain(between, theirs), certificate=chain(signs))).refused()
    assert error.diagnosis is Diagnosis.CERTIFICATE_UNKNOWN


def test_a_local_server_in_paypals_place_is_the_only_one_that_is_dialled() -> None:
    base = "http://127.0.0.1:8123"
    paypal = PayPal()
    world = World("async", alone(), base_url=base, postback=paypal)
    for url in (URL, f"{base}/v1/notifications/certs/CERT-1"):
        assert world.verified(url=url) == EVENT
    assert set(hosts(world)) == {"127.0.0.1"}
    assert len(paypal.asked) == 2


# --- asking PayPal where there is no certificate --------------------------------------------------------------------


def test_without_a_certificate_paypal_is_asked(mode: str) -> None:
    paypal = PayPal()
    world = World(mode, httpx.Response(503), postback=paypal)
    assert world.verified() == EVENT
    assert len(paypal.asked) == 1


def test_however_many_unknown_certificates_are_named_paypal_is_asked_ten_times_in_a_minute() -> None:
    paypal = PayPal(FAILURE)
    world = World("async", httpx.Response(404), postback=paypal)
    seen = {type(world.refused(url=f"{URL[:-8]}{number:08x}")) for number in range(100)}
    assert seen == {InvalidSignature, VerificationUnavailable}
    assert (len(paypal.asked), world.fetched) == (10, 10)


def test_without_a_certificate_an_old_delivery_is_not_asked_about() -> None:
    paypal = PayPal()
    world = World("async", httpx.Response(503), postback=paypal)
    assert type(world.refused(sent=NOW - 5 * DAY)) is VerificationUnavailable
    assert paypal.asked == []


# --- a few at a time ------------------------------------------------------------------------------------------------


def test_paypal_is_asked_about_a_few_deliveries_at_a_time() -> None:
    running = most = 0

    async def paypal(_: bytes) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return SUCCESS

    transport = AsyncTransport(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=chain(leaf()))),
        retry=RetryPolicy(attempts=1),
    )
    verifier = WebhookVerifier(settings(), transport, clock=lambda: NOW, postback=paypal)

    async def main() -> list[Any]:
        calls = (verifier.verified(BODY, delivery(identity=f"t-{number}")) for number in range(50))
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == [EVENT] * 50
    assert most == 4


# --- who is told ----------------------------------------------------------------------------------------------------


def watched(world: World) -> Watcher:
    watcher = Watcher()
    world.transport._observers = (watcher,)  # type: ignore[assignment] - one that watches deliveries alone
    return watcher


@pytest.mark.parametrize(
    ("answer", "verify", "told"),
    [
        (good, "auto", WebhookVerified("paypal", "offline")),
        (good, "offline", WebhookVerified("paypal", "offline")),
        (lambda: chain(leaf()), "auto", WebhookVerified("paypal", "postback", "certificate_unknown")),
        (lambda: b"", "auto", WebhookVerified("paypal", "postback", "certificate_unavailable")),
        (good, "postback", WebhookVerified("paypal", "postback")),
    ],
)
def test_the_way_is_told_to_observers_and_logged_once(
    answer: Callable[[], bytes], verify: str, told: WebhookVerified, caplog: pytest.LogCaptureFixture
) -> None:
    world = World("blocking", answer(), postback=PayPal(), verify=verify)
    watcher = watched(world)
    caplog.set_level(logging.INFO, logger="paylattice")
    world.verified()
    world.verified()
    assert watcher.told == [told, told]
    lines = [record.message for record in caplog.records if "verified" in record.message]
    assert len(lines) == 1
    assert all(word not in lines[0] for word in (WEBHOOK, "WH-1", "b2384410", "notarealsecret"))


def test_what_is_refused_is_not_told(mode: str) -> None:
    world = World(mode, chain(leaf()), postback=PayPal(FAILURE))
    watcher = watched(world)
    world.refused()
    world.refused(key=rsa_key("other"))
    assert watcher.told == []


def test_an_observer_that_raises_harms_no_delivery(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def on_webhook_verified(self, event: WebhookVerified) -> None:
            raise ValueError(event.way)

    world = World()
    world.transport._observers = (Broken(), object())  # type: ignore[assignment] - as above
    assert world.verified() == EVENT
    assert "an observer failed: Broken" in caplog.text


# --- without the network --------------------------------------------------------------------------------------------


def test_a_preloaded_certificate_comes_with_its_issuers(mode: str) -> None:
    world = World(mode, servers(der(intermediate())))
    world.run(world.verifier.preload(URL))
    assert world.verifier.verified_offline(BODY, delivery(), WEBHOOK) == EVENT
    assert world.fetched == 2


def test_offline_a_certificate_that_leads_nowhere_is_not_believed() -> None:
    world = World("async", chain(leaf()), postback=PayPal())
    assert world.verified() == EVENT
    with pytest.raises(VerificationUnavailable) as caught:
        world.verifier.verified_offline(BODY, delivery(), WEBHOOK)
    assert caught.value.diagnosis is Diagnosis.CERTIFICATE_UNKNOWN
    with pytest.raises(InvalidSignature):
        world.verifier.verified_offline(BODY + b" ", delivery(), WEBHOOK)


def test_a_trust_store_that_cannot_be_read_is_a_wrong_setting_in_every_way(mode: str) -> None:
    for verify in ("auto", "offline"):
        world = World(mode, postback=PayPal(), verify=verify, trust_store="/nowhere/roots.pem")
        with pytest.raises(ConfigurationError, match="trust_store="):
            world.verified()
        assert world.fetched == 0
