"""Certificates that look like PayPal's."""

import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import certifi
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from paylattice.errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    VerificationUnavailable,
    WebhookError,
)
from paylattice.providers.paypal.verification.chains import TrustStore, Validity, path_of, signing_certificate_from

from .certificates_support import (
    EVENT,
    LIVE,
    NOW,
    SANDBOX,
    YEAR,
    Issued,
    World,
    chain,
    good,
    intermediate,
    issue,
    leaf,
    root,
    rsa_key,
    trust_store,
)

DAY = 86_400.0


def issued(**changes: object) -> Issued:
    fields = {"names": (SANDBOX,), "by": intermediate(), "key": rsa_key("leaf"), **changes}
    return issue(SANDBOX, **fields)  # type: ignore[arg-type] - the fields of one certificate, with one of them changed


def under_an_expired_intermediate() -> bytes:
    old = issue(
        "Old Intermediate", rsa_key("old"), root(), authority=True, begins=NOW - 900 * DAY, lasts=timedelta(days=899)
    )
    return chain(issued(by=old), old)


def under_somebody_elses_root() -> bytes:
    theirs = issue("Their Root", rsa_key("theirs"), None, authority=True, lasts=YEAR * 5)
    between = issue("Their Intermediate", rsa_key("between"), theirs, authority=True, lasts=YEAR * 5)
    return chain(issued(by=between), between, theirs)


def under_a_root_of_the_same_name() -> bytes:
    fake = issue("Test Root", rsa_key("theirs"), None, authority=True, lasts=YEAR * 5)
    between = issue("Test Intermediate", rsa_key("between"), fake, authority=True, lasts=YEAR * 5)
    return chain(issued(by=between), between, fake)


def under_another_leaf() -> bytes:
    other = issue("www.example.com", rsa_key("other"), intermediate(), names=("www.example.com",))
    return chain(issued(by=other), other, intermediate())


def one_authority_too_many() -> bytes:
    further = issue("Further", rsa_key("further"), intermediate(), authority=True)
    return chain(issued(by=further), further, intermediate())


def for_email() -> bytes:
    return chain(issued(usage=ExtendedKeyUsageOID.EMAIL_PROTECTION), intermediate())


UNKNOWN: dict[str, Callable[[], bytes]] = {
    "signed by itself, with the right names": lambda: chain(issued(by=None)),
    "signed by itself, as an authority": lambda: chain(issued(by=None, authority=True)),
    "without the intermediate": lambda: chain(leaf()),
    "another's root": under_somebody_elses_root,
    "a root that has the name of a trusted one": under_a_root_of_the_same_name,
    "issued by what is no authority": under_another_leaf,
    "a longer path than the intermediate may have": one_authority_too_many,
    "an expired intermediate": under_an_expired_intermediate,
    "made for signing e-mail": for_email,
}
"""Whether these are PayPal's cannot be told from here: with a certificate more, or another trust store, they might be."""
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "another host's name": (
        lambda: chain(issued(names=("api.sandbox.paypal.com",)), intermediate()),
        "not made out to",
    ),
    "the other environment's name": (lambda: chain(leaf("leaf", LIVE), intermediate()), "not made out to"),
    "a name that ends like it": (lambda: chain(issued(names=(f"x.{SANDBOX}",)), intermediate()), "not made out to"),
    "a wildcard that covers it": (
        lambda: chain(issued(names=("*.sandbox.paypal.com",)), intermediate()),
        "not made out to",
    ),
    "its name as the common name only": (lambda: chain(issued(names=()), intermediate()), "not made out to"),
    "expired": (lambda: chain(issued(begins=NOW - 9 * DAY, lasts=timedelta(days=8)), intermediate()), "expired"),
    "not valid yet": (lambda: chain(issued(begins=NOW + 60), intermediate()), "not valid yet"),
    "a key of 1024 bits": (lambda: chain(issued(key=rsa_key("small", 1024)), intermediate()), "no RSA key of at least"),
    "a key on a curve": (
        lambda: chain(issued(key=ec.generate_private_key(ec.SECP256R1())), intermediate()),
        "no RSA key of at least",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_certificate_that_is_not_paypals_is_refused(what: str) -> None:
    make, why = REFUSED[what]
    world = World("async", make())
    error = world.refused()
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.CERTIFICATE_REFUSED)
    assert why in error.message


@pytest.mark.parametrize("verify", ["auto", "offline"])
@pytest.mark.parametrize("what", UNKNOWN)
def test_a_certificate_that_leads_nowhere_is_not_believed_and_not_called_forged(what: str, verify: str) -> None:
    error = World("async", UNKNOWN[what](), verify=verify).refused()
    assert (type(error), error.diagnosis) == (VerificationUnavailable, Diagnosis.CERTIFICATE_UNKNOWN)
    assert "trust_store" in error.message


@pytest.mark.parametrize(
    "answer",
    [
        good,
        lambda: chain(leaf(), intermediate(), root()),
        lambda: chain(leaf(), root(), intermediate(), intermediate()),
        lambda: good().replace(b"\n", b"\r\n"),
        lambda: b"subject=PayPal\n" + good() + b"\ntrailing words",
        lambda: chain(issued(names=("other.paypal.com", SANDBOX)), intermediate()),
        lambda: chain(issued(names=(SANDBOX.upper(),)), intermediate()),
        lambda: chain(issued(by=root())),
    ],
)
def test_a_certificate_of_paypals_is_taken_however_the_answer_is_laid_out(answer: Callable[[], bytes]) -> None:
    assert World("async", answer()).verified() == EVENT


def test_a_single_certificate_is_taken_when_the_trust_store_holds_the_intermediate() -> None:
    world = World("async", chain(leaf()), trust_store=(trust_store() + intermediate().pem.decode()))
    assert world.verified() == EVENT


def test_an_intermediate_alone_is_nobody_to_trust() -> None:
    world = World("async", good(), trust_store=intermediate().pem.decode())
    with pytest.raises(ConfigurationError, match="holds no root"):
        world.verified()
    assert world.fetched == 0


def test_the_trust_store_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(trust_store())
    assert World(trust_store=str(file)).verified() == EVENT
    assert World(trust_store=file).verified() == EVENT
    with pytest.raises(ConfigurationError, match="PAYPAL_TRUST_STORE must be a path or a str, not bytes"):
        World(trust_store=file.read_bytes())


@pytest.mark.parametrize(
    "content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_a_trust_store_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="trust_store="):
        TrustStore.load(str(file))
    with pytest.raises(ConfigurationError, match="trust_store="):
        TrustStore.load((content or "").encode())


def test_the_bundle_of_every_day_is_read_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        trust = TrustStore.load(None)
    assert heard == []
    assert path_of(signing_certificate_from(good()), trust, SANDBOX, NOW) is None


def test_one_bad_certificate_in_a_bundle_harms_nobody() -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    text = broken + trust_store() + Path(certifi.where()).read_text()
    assert World(trust_store=text).verified() == EVENT


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        b"\x30\x82" + b"\x00" * 100,
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 60_000 + b"\n-----END CERTIFICATE-----",
    ],
)
def test_an_answer_that_is_no_certificate_proves_nothing(answer: bytes) -> None:
    assert type(World("async", answer).refused()) is VerificationUnavailable


@examples(deadline=None)  # making keys takes a while
@given(st.integers(0, len(good()) - 1), st.integers(1, 255))
def test_a_damaged_certificate_ends_in_a_refusal(place: int, mask: int) -> None:
    pem = bytearray(good())
    pem[place] ^= mask
    trust = TrustStore.load(trust_store())
    try:
        found = path_of(signing_certificate_from(bytes(pem)), trust, SANDBOX, NOW)
    except WebhookError:
        return
    assert found is None or found.not_after == leaf().certificate.not_valid_after_utc.timestamp()


def test_a_chain_is_good_for_as_long_as_all_of_its_certificates() -> None:
    brief = issue("Brief", rsa_key("brief"), root(), authority=True, begins=NOW - DAY, lasts=timedelta(days=2))
    certificate = signing_certificate_from(chain(issued(by=brief), brief))
    found = path_of(certificate, TrustStore.load(trust_store()), SANDBOX, NOW)
    assert found == Validity(NOW - DAY, NOW + DAY)


def test_what_was_sent_after_the_certificates_end_is_refused() -> None:
    end = timedelta(hours=1)
    world = World("async", chain(issued(begins=NOW - 60, lasts=end), intermediate()))
    last = NOW - 60 + end / timedelta(seconds=1)
    world.now = last + 30
    assert world.verified(sent=last) == EVENT
    assert "expired" in world.refused(sent=last + 1).message


def test_what_was_sent_before_the_certificates_end_is_taken_as_long_as_paypal_tries_to_deliver_it() -> None:
    world = World("async", chain(issued(begins=NOW - 60, lasts=timedelta(hours=1)), intermediate()), max_age=10 * DAY)
    for days in (0, 1, 4):
        world.now = NOW + days * DAY
        assert world.verified(sent=NOW) == EVENT
    world.now += 1
    assert "expired" in world.refused(sent=NOW).message
