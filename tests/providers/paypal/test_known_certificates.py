"""The authorities that ship with the package: the table, the files, and the packages that they are in."""

from importlib.resources import files
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from paylattice.providers.paypal.verification import certificates_known
from paylattice.providers.paypal.verification.certificates_known import KNOWN, KnownCertificate, known_certificates
from paylattice.providers.paypal.verification.chains import TrustStore


def in_file(known: KnownCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate((files(certificates_known) / known.file).read_bytes())


def common_name(name: x509.Name) -> object:
    return name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.file)
def test_the_table_says_what_is_in_the_file(known: KnownCertificate) -> None:
    found = in_file(known)
    assert found.fingerprint(SHA256()).hex() == known.sha256
    assert (found.not_valid_before_utc, found.not_valid_after_utc) == (known.not_before, known.not_after)
    assert (common_name(found.subject), common_name(found.issuer)) == (known.name, known.issuer)
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert known.origin


def test_every_file_is_in_the_table() -> None:
    beside = {each.name for each in files(certificates_known).iterdir() if each.name.endswith(".pem")}
    assert beside == {known.file for known in KNOWN}
    assert known_certificates().count(b"BEGIN CERTIFICATE") == len(KNOWN)


def test_files_that_were_left_out_when_an_application_was_packed_are_logged_and_missed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = KNOWN[0]
    (tmp_path / kept.file).write_bytes((files(certificates_known) / kept.file).read_bytes())
    assert known_certificates(tmp_path).count(b"BEGIN CERTIFICATE") == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"paypal: the certificate {missing.file} did not come with the package: FileNotFoundError"
        for missing in KNOWN[1:]
    ]


def test_each_that_is_no_root_was_signed_by_the_one_that_it_names() -> None:
    by_name = {known.name: in_file(known) for known in KNOWN}
    for known in KNOWN:
        if known.name != known.issuer:
            in_file(known).verify_directly_issued_by(by_name[known.issuer])


def test_the_documentation_says_until_when_they_are_valid() -> None:
    page = (Path(__file__).parents[3] / "docs" / "paypal.md").read_text()
    for known in KNOWN:
        assert f"| {known.name} | {known.sha256[:16]} | {known.not_after:%Y-%m-%d} |" in page


def test_they_are_believed_by_default_and_not_beside_a_trust_store_of_ones_own() -> None:
    names = [known.name for known in KNOWN if known.name != known.issuer]
    for source in (None, certifi.where()):
        between = [common_name(found.subject) for found in TrustStore.load(source).intermediates]
        assert between == names
