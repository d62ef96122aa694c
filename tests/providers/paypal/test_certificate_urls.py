"""Which addresses certificates are fetched from: a short list. Every other one is refused before anything is sent."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from paylattice.errors import ConfigurationError, Diagnosis, InvalidSignature
from paylattice.providers.paypal.verification.certificate_urls import CertificateSources

from .certificates_support import BODY, EVENT, LIVE, URL, World, chain, delivery, intermediate, leaf, settings

NAME = "CERT-360caa42-fca2a594-a5cafa77"
PATH = "/v1/notifications/certs"
HOST = "https://api.sandbox.paypal.com"

HOSTILE = {
    "plain http": f"http://api.sandbox.paypal.com{PATH}/{NAME}",
    "another scheme": f"file://api.sandbox.paypal.com{PATH}/{NAME}",
    "no scheme": f"//api.sandbox.paypal.com{PATH}/{NAME}",
    "upper-case scheme": f"HTTPS://api.sandbox.paypal.com{PATH}/{NAME}",
    "upper-case host": f"https://API.SANDBOX.PAYPAL.COM{PATH}/{NAME}",
    "a host that ends like it": f"https://evilpaypal.com{PATH}/{NAME}",
    "a host that begins like it": f"https://api.sandbox.paypal.com.evil.example{PATH}/{NAME}",
    "another host of PayPal's": f"https://www.paypal.com{PATH}/{NAME}",
    "a host with a dot at its end": f"https://api.sandbox.paypal.com.{PATH}/{NAME}",
    "a host in other letters": f"https://api.sandbox.p\u0430ypal.com{PATH}/{NAME}",
    "a full-width dot": f"https://api.sandbox\uff0epaypal.com{PATH}/{NAME}",
    "this machine": f"https://127.0.0.1{PATH}/{NAME}",
    "the cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "user info": f"https://api.sandbox.paypal.com@evil.example{PATH}/{NAME}",
    "user info before the host": f"https://evil.example:x@api.sandbox.paypal.com{PATH}/{NAME}",
    "another port": f"https://api.sandbox.paypal.com:8443{PATH}/{NAME}",
    "port 80": f"https://api.sandbox.paypal.com:80{PATH}/{NAME}",
    "an empty port": f"https://api.sandbox.paypal.com:{PATH}/{NAME}",
    "port 443 with a zero": f"https://api.sandbox.paypal.com:0443{PATH}/{NAME}",
    "a query": f"{HOST}{PATH}/{NAME}?x=1",
    "an empty query": f"{HOST}{PATH}/{NAME}?",
    "a fragment": f"{HOST}{PATH}/{NAME}#x",
    "a backslash": f"https://api.sandbox.paypal.com\\@evil.example{PATH}/{NAME}",
    "backslashes": f"https:\\\\api.sandbox.paypal.com{PATH}/{NAME}",
    "a space before it": f" {URL}",
    "a space behind it": f"{URL} ",
    "a tab": f"https://api.sandbox.paypal.com\t{PATH}/{NAME}",
    "a line end": f"{URL}\n",
    "another line": f"{URL}\r\nHost: evil.example",
    "a null": f"{URL}\x00",
    "another path": f"{HOST}/v1/payments/{NAME}",
    "a redirecting path": f"{HOST}/signin?returnUri={PATH}/{NAME}",
    "a way up": f"{HOST}{PATH}/../../x/{NAME}",
    "a way up at the end": f"{HOST}{PATH}/{NAME}/../x",
    "an escaped way up": f"{HOST}{PATH}/%2e%2e/{NAME}",
    "two slashes": f"{HOST}/{PATH}/{NAME}",
    "a slash behind it": f"{HOST}{PATH}/{NAME}/",
    "parameters": f"{HOST}{PATH}/{NAME};x=1",
    "an escaped character": f"{HOST}{PATH}/CERT%2D360caa42",
    "no name": f"{HOST}{PATH}/",
    "an empty name": f"{HOST}{PATH}/CERT-",
    "another name": f"{HOST}{PATH}/certificate",
    "a name of other letters": f"{HOST}{PATH}/CERT-xyz",
    "digits of other scripts": f"{HOST}{PATH}/CERT-\u0663\u0666",
    "a long name": f"{HOST}{PATH}/CERT-{'0' * 101}",
    "two addresses": f"{URL}, {URL}",
    "data": "data:application/x-pem-file;base64,AAAA",
    "a word": "certificate",
    "nothing but slashes": "///",
}


@pytest.mark.parametrize("environment", ["sandbox", "live"])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_address_is_forged_and_nothing_is_fetched(what: str, environment: str) -> None:
    world = World(environment=environment)
    error = world.refused(url=HOSTILE[what])
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.HEADER_MALFORMED)
    assert "PAYPAL-CERT-URL" in error.message
    assert "evil" not in error.message
    assert world.fetched == 0


@pytest.mark.parametrize("host", ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"])
@pytest.mark.parametrize("port", ["", ":443"])
def test_the_hosts_of_the_sandbox_are_taken(host: str, port: str) -> None:
    world = World()
    assert world.verified(url=f"https://{host}{port}{PATH}/{NAME}") == EVENT
    assert [str(request.url) for request in world.server.seen] == [f"https://{host}{PATH}/{NAME}"]


@pytest.mark.parametrize("host", ["api.paypal.com", "api-m.paypal.com"])
def test_the_live_hosts_are_taken(host: str) -> None:
    world = World("async", chain(leaf("leaf", LIVE), intermediate()), environment="live")
    assert world.verified(url=f"https://{host}{PATH}/{NAME}") == EVENT


@examples(deadline=None)  # making keys takes a while
@given(st.text(max_size=80), st.sampled_from(["", HOST, HOST + PATH + "/", "https://"]))
def test_no_other_text_is_an_address(noise: str, start: str) -> None:
    sources = CertificateSources(settings())
    try:
        found = sources.source(start + noise)
    except InvalidSignature:
        return
    assert found.url == start + noise
    assert noise.startswith("CERT-")


# A base URL of one's own


@pytest.mark.parametrize(
    "base", ["http://127.0.0.1:8123", "http://localhost:8123", "http://[::1]:8123", "https://proxy.example"]
)
def test_a_local_server_or_a_proxy_over_https_is_taken_when_it_is_the_base_url(base: str) -> None:
    world = World(base_url=base)
    url = f"{base}{PATH}/{NAME}"
    assert world.verified(url=url) == EVENT
    assert [str(request.url) for request in world.server.seen] == [url]
    assert world.verified() == EVENT


@pytest.mark.parametrize(
    "url",
    [
        f"https://127.0.0.1:8123{PATH}/{NAME}",
        f"http://127.0.0.1:8124{PATH}/{NAME}",
        f"http://127.0.0.1{PATH}/{NAME}",
        f"http://localhost:8123{PATH}/{NAME}",
        f"http://127.0.0.1:8123/other/{NAME}",
    ],
)
def test_only_the_base_url_itself_is_taken(url: str) -> None:
    world = World(base_url="http://127.0.0.1:8123")
    assert type(world.refused(url=url)) is InvalidSignature
    assert world.fetched == 0


def test_certificates_are_not_fetched_in_the_clear_from_another_machine() -> None:
    with pytest.raises(ConfigurationError, match="this machine"):
        World(base_url="http://proxy.example")
    world = World(base_url="https://proxy.example")
    assert type(world.refused(url=f"http://proxy.example{PATH}/{NAME}")) is InvalidSignature
    assert world.fetched == 0


def test_a_base_url_does_not_change_whom_the_certificate_must_be_made_out_to() -> None:
    base = "http://127.0.0.1:8123"
    world = World("async", chain(leaf("leaf", "127.0.0.1.example"), intermediate()), base_url=base)
    assert "messageverificationcerts.sandbox.paypal.com" in world.refused(url=f"{base}{PATH}/{NAME}").message


def test_the_certificate_is_asked_for_without_credentials() -> None:
    world = World()
    world.verified(BODY, delivery())
    (request,) = world.server.seen
    assert request.method == "GET"
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers
    assert request.content == b""
