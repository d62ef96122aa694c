"""Deliveries that PayPal itself signed, with the certificates of their time.

They are published in PayPal's own SDKs. Set ``PAYLATTICE_SPECS``; the folder ``vectors`` beside it holds them.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from paypal_certificates_support import World, changed

from paylattice.errors import Diagnosis, InvalidSignature, StaleSignature
from paylattice.providers.paypal.postback import postback_request
from paylattice.providers.paypal.webhooks import transmission_from

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[3] / "shared" / "specs")
FOLDER = SPECS.parent / "vectors" / "paypal"
pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(
        not FOLDER.is_dir(),
        reason="PayPal's deliveries are not here: set PAYLATTICE_SPECS; they are in ../vectors/paypal",
    ),
]
VECTORS = sorted(path.stem for path in FOLDER.glob("v*.json") if not path.stem.endswith(".body"))


class Genuine:
    """One delivery, and a verifier on the day on which it came."""

    def __init__(self, name: str, mode: str = "async", **changes: Any) -> None:
        said = json.loads((FOLDER / f"{name}.json").read_text())
        self.body = (FOLDER / said["body_file"]).read_bytes()
        self.webhook_id = said["webhook_id"]
        self.headers = {
            "Paypal-Transmission-Id": said["transmission_id"],
            "Paypal-Transmission-Time": said["transmission_time"],
            "Paypal-Transmission-Sig": said["transmission_sig"],
            "Paypal-Cert-Url": said["cert_url"],
            "Paypal-Auth-Algo": said["auth_algo"],
        }
        sent = datetime.fromisoformat(said["transmission_time"]).timestamp()
        trusted = "".join(
            (FOLDER / f"{each}.pem").read_text()
            for each in ("root_digicert_high_assurance_ev", "issuer_digicert_sha2_ev_server_ca")
        )
        self.world = World(
            mode,
            (FOLDER / said["cert_file"]).read_bytes(),
            now=sent + 3,
            **{"webhook_id": (self.webhook_id,), "trust_store": trusted, **changes},
        )


@pytest.mark.parametrize("mode", ["async", "blocking"])
@pytest.mark.parametrize("name", VECTORS)
def test_what_paypal_signed_is_taken(name: str, mode: str) -> None:
    genuine = Genuine(name, mode)
    found = genuine.world.verified(genuine.body, genuine.headers)
    assert found == json.loads(genuine.body)
    assert found["event_type"] == "PAYMENT.SALE.COMPLETED"
    assert genuine.world.verifier.verified_offline(genuine.body, genuine.headers, genuine.webhook_id) == found
    assert genuine.world.fetched == 1


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("place", [0, 1, 500, -1])
def test_one_changed_byte_is_refused(name: str, place: int) -> None:
    genuine = Genuine(name)
    body = bytearray(genuine.body)
    body[place] ^= 1
    error = genuine.world.refused(bytes(body), genuine.headers)
    assert type(error) is InvalidSignature


@pytest.mark.parametrize("name", VECTORS)
def test_another_webhook_is_refused(name: str) -> None:
    genuine = Genuine(name, webhook_id=("0EH40505U7160970P",))
    error = genuine.world.refused(genuine.body, genuine.headers)
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


@pytest.mark.parametrize("name", VECTORS)
def test_a_clock_after_the_certificates_end_is_refused(name: str) -> None:
    genuine = Genuine(name, max_age=10**9)
    genuine.world.now = datetime(2017, 3, 22, 12, 0, 1, tzinfo=UTC).timestamp()
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert type(error) is InvalidSignature
    assert "expired" in error.message


def test_the_same_delivery_is_stale_after_four_days() -> None:
    genuine = Genuine(VECTORS[0])
    genuine.world.verified(genuine.body, genuine.headers)
    genuine.world.now += 4 * 86_400
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert (type(error), error.diagnosis) == (StaleSignature, Diagnosis.TIMESTAMP_TOO_OLD)


@pytest.mark.parametrize("trusted", ["root_digicert_high_assurance_ev", "issuer_digicert_sha2_ev_server_ca", None])
def test_its_certificate_needs_the_whole_way_to_a_trusted_root(trusted: str | None) -> None:
    """The certificate came alone; and the bundle of today has not got its root any more."""
    text = None if trusted is None else (FOLDER / f"{trusted}.pem").read_text()
    genuine = Genuine(VECTORS[0], trust_store=text)
    if trusted and trusted.startswith("issuer"):
        with pytest.raises(Exception, match="holds no root certificate"):
            genuine.world.verified(genuine.body, genuine.headers)
        return
    error = genuine.world.refused(genuine.body, genuine.headers)
    assert type(error) is InvalidSignature
    assert "trust_store" in error.message


def test_the_checksum_is_written_without_a_sign() -> None:
    """Above 2**31 a signed checksum would be negative: at least one of the deliveries tells the difference."""
    from zlib import crc32

    assert any(crc32(Genuine(name).body) >= 2**31 for name in VECTORS)


@pytest.mark.parametrize("name", VECTORS)
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
    genuine = Genuine(VECTORS[0])
    body = json.dumps(json.loads(genuine.body)).encode()
    assert genuine.world.refused(body, genuine.headers).diagnosis is Diagnosis.BODY_REENCODED
