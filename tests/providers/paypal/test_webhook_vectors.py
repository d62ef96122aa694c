"""Deliveries that PayPal itself signed, from 2015 to 2025, with the certificates of their time: each without its issuer.

They are public. Set ``PAYLATTICE_SPECS``; the folder ``vectors`` beside it holds them.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from paylattice.errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    NetworkError,
    StaleSignature,
    VerificationUnavailable,
)
from paylattice.providers.paypal.events import event_from
from paylattice.providers.paypal.verification.postback import postback_request
from paylattice.providers.paypal.verification.transmission import Signed
from paylattice.providers.paypal.verification.verifier import SIMULATOR, transmission_from

from .certificates_support import World, changed, trust_store

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[4] / "shared" / "specs")
FOLDER = SPECS.parent / "vectors" / "paypal"
pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(
        not FOLDER.is_dir(),
        reason="PayPal's deliveries are not here: set PAYLATTICE_SPECS; they are in ../vectors/paypal",
    ),
]
VECTORS = sorted(path.stem for path in FOLDER.glob("*.json") if not path.stem.endswith(".body"))
OURS = [name for name in VECTORS if not name.startswith("simulator")]
OLD = "v2015_05_12_sale"


class Genuine:
    """One delivery, and a verifier on the day on which it came, with default settings."""

    def __init__(self, name: str, mode: str = "async", **changes: Any) -> None:
        said = json.loads((FOLDER / f"{name}.json").read_text())
        self.body = (FOLDER / said["body_file"]).read_bytes()
        self.webhook_id = said["webhook_id"]
        self.certificate = (FOLDER / said["cert_file"]).read_bytes()
        self.headers = {
            "Paypal-Transmission-Id": said["transmission_id"],
            "Paypal-Transmission-Time": said["transmission_time"],
            "Paypal-Transmission-Sig": said["transmission_sig"],
            "Paypal-Cert-Url": said["cert_url"],
            "Paypal-Auth-Algo": said["auth_algo"],
        }
        self.sent = datetime.fromisoformat(said["transmission_time"]).timestamp()
        simulated = self.webhook_id == SIMULATOR
        live = "sandbox" not in said["cert_url"] and not simulated
        defaults: dict[str, Any] = {
            "webhook_id": ("0EH40505U7160970P",) if simulated else (self.webhook_id,),
            "simulator": simulated,
            "environment": "live" if live else "sandbox",
            "trust_store": None,
            "now": self.sent + 3,
        }
        self.world = World(mode, self._answer, **{**defaults, **changes})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith(".paypal.com"):
            return httpx.Response(200, content=self.certificate)
        return httpx.Response(503)  # nobody else can be reached


class PayPal:
    """Answers whether deliveries are its own."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer
        self.asked: list[bytes] = []

    async def __call__(self, request: bytes) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"verification_status": self.answer}


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", VECTORS)
def test_what_paypal_signed_is_taken(name: str, mode: str) -> None:
    genuine = Genuine(name, mode)
    found = genuine.world.verified(genuine.body, genuine.headers)
    assert found == json.loads(genuine.body)
    assert genuine.world.verifier.verified_offline(genuine.body, genuine.headers, genuine.webhook_id) == found
    assert genuine.world.fetched == 1


@pytest.mark.parametrize("name", VECTORS)
def test_what_paypal_signed_is_read(name: str) -> None:
    genuine = Genuine(name)
    signed = Signed(transmission_from(genuine.headers), genuine.body)
    event = event_from(json.loads(genuine.body), datetime.now(UTC), signed)
    assert event.id.startswith("WH-")
    assert abs(event.created_at.timestamp() - genuine.sent) < 86_400
    if "HELD" in genuine.body.decode():  # completed, and not the merchant's yet
        assert event.payment is not None
        assert (event.type, event.payment.status) == ("payment.processing", "processing")


@pytest.mark.parametrize("name", OURS)
def test_without_the_known_issuers_paypal_decides(name: str) -> None:
    for answer, error in (("SUCCESS", None), ("FAILURE", InvalidSignature)):
        paypal = PayPal(answer)
        genuine = Genuine(name, trust_store=trust_store(), postback=paypal)
        if error is None:
            assert genuine.world.verified(genuine.body, genuine.headers) == json.loads(genuine.body)
        else:
            assert type(genuine.world.refused(genuine.body, genuine.headers)) is error
        (asked,) = paypal.asked
        assert asked.endswith(b'"webhook_event": ' + genuine.body + b"}")


@pytest.mark.parametrize("name", OURS)
def test_without_the_known_issuers_and_without_paypal_nothing_is_called_forged(name: str) -> None:
    paypal = PayPal(NetworkError("no answer"))
    genuine = Genuine(name, trust_store=trust_store(), postback=paypal)
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert (type(error), error.diagnosis) == (VerificationUnavailable, Diagnosis.CERTIFICATE_UNKNOWN)
    assert len(paypal.asked) == 1


@pytest.mark.parametrize("name", VECTORS)
def test_the_certificate_of_another_delivery_is_refused(name: str) -> None:
    for other in VECTORS:
        genuine, swapped = Genuine(name), Genuine(other).certificate
        if swapped != genuine.certificate and swapped not in _same_key_as(genuine.certificate):
            genuine.certificate = swapped
            error = genuine.world.refused(genuine.body, genuine.headers)
            assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


def _same_key_as(certificate: bytes) -> set[bytes]:
    from cryptography.x509 import load_pem_x509_certificate

    key = load_pem_x509_certificate(certificate).public_key()
    found = {Genuine(name).certificate for name in VECTORS}
    return {each for each in found if load_pem_x509_certificate(each).public_key() == key}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("place", [0, 1, 500, -1])
def test_one_changed_byte_is_refused(name: str, place: int) -> None:
    paypal = PayPal("SUCCESS")
    genuine = Genuine(name, postback=paypal)
    body = bytearray(genuine.body)
    body[place] ^= 1
    error = genuine.world.refused(bytes(body), genuine.headers)
    assert type(error) is InvalidSignature
    assert (genuine.world.fetched, paypal.asked) == (1, [])


@pytest.mark.parametrize("name", VECTORS)
def test_another_webhook_is_refused(name: str) -> None:
    genuine = Genuine(name, webhook_id=("0EH40505U7160970P",), simulator=False)
    genuine.headers = changed(genuine.headers, "Paypal-Cert-Url", _in_the_environment(genuine))
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


def _in_the_environment(genuine: Genuine) -> str:
    """The certificate's address; the simulator's is a live one."""
    host = "api.paypal.com" if genuine.world.settings.livemode else "api.sandbox.paypal.com"
    return f"https://{host}/v1/notifications/certs/{genuine.headers['Paypal-Cert-Url'].rpartition('/')[2]}"


@pytest.mark.parametrize("name", VECTORS)
def test_another_transmission_is_refused(name: str) -> None:
    genuine = Genuine(name)
    other = "b2384410-f8d2-11e4-8bf3-77339302725c"
    error = genuine.world.refused(genuine.body, changed(genuine.headers, "Paypal-Transmission-Id", other))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("time", ["2015-05-19T00:00:00Z", "2015-05-12T18:14:15Z", "2015-05-12T18:14:14+00:00"])
def test_another_time_is_refused(name: str, time: str) -> None:
    genuine = Genuine(name)
    error = genuine.world.refused(genuine.body, changed(genuine.headers, "Paypal-Transmission-Time", time))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


@pytest.mark.parametrize("name", VECTORS)
def test_a_weaker_algorithm_is_refused_before_anything_is_fetched(name: str) -> None:
    genuine = Genuine(name)
    error = genuine.world.refused(genuine.body, changed(genuine.headers, "Paypal-Auth-Algo", "SHA1withRSA"))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.HEADER_MALFORMED)
    assert genuine.world.fetched == 0


def test_a_delivery_older_than_four_days_needs_a_certificate_that_is_valid_still() -> None:
    genuine = Genuine(OLD, max_age=10**9)
    genuine.world.now = datetime(2017, 3, 22, 12, tzinfo=UTC).timestamp()
    genuine.world.verified(genuine.body, genuine.headers)
    genuine.world.now += 1
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert type(error) is InvalidSignature
    assert "expired" in error.message


def test_the_same_delivery_is_stale_after_four_days() -> None:
    genuine = Genuine(OLD)
    genuine.world.verified(genuine.body, genuine.headers)
    genuine.world.now += 4 * 86_400
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert (type(error), error.diagnosis) == (StaleSignature, Diagnosis.TIMESTAMP_TOO_OLD)


def test_a_trust_store_replaces_the_known_roots_and_not_the_known_way_to_them() -> None:
    root, issuer = (
        FOLDER / f"{name}.pem" for name in ("root_digicert_high_assurance_ev", "issuer_digicert_sha2_ev_server_ca")
    )
    genuine = Genuine(OLD, trust_store=root)
    genuine.world.verified(genuine.body, genuine.headers)
    with pytest.raises(ConfigurationError, match="holds no root certificate"):
        Genuine(OLD, trust_store=issuer).world.verified(genuine.body, genuine.headers)


def test_the_checksum_is_written_without_a_sign() -> None:
    """Above 2**31 a signed checksum would be negative: at least one of the deliveries tells the difference."""
    from zlib import crc32

    assert any(crc32(Genuine(name).body) >= 2**31 for name in VECTORS)


@pytest.mark.parametrize("name", OURS)
def test_the_request_that_sends_a_delivery_back_is_as_paypal_describes_it(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    described = json.loads((SPECS / "paypal" / "notifications_webhooks_v1.json").read_text())
    schema = {"$ref": "#/components/schemas/verify_webhook_signature", "components": described["components"]}
    genuine = Genuine(name)
    request = json.loads(postback_request(transmission_from(genuine.headers), genuine.webhook_id, genuine.body))
    jsonschema.Draft4Validator(schema).validate(request)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate({**request, "webhook_id": "a-b"})


def test_written_again_by_python_the_body_still_names_its_fault() -> None:
    genuine = Genuine(OLD)
    body = json.dumps(json.loads(genuine.body)).encode()
    assert genuine.world.refused(body, genuine.headers).diagnosis is Diagnosis.BODY_REENCODED
