"""The HMAC that deliveries are checked with is that of the standard library, however long the secret and the body are."""

import hmac

import pytest

from paylattice.config import Secret
from paylattice.signatures import SigningKey


@pytest.mark.parametrize("length", [1, 31, 63, 64, 65, 128, 1000])
def test_the_mac_is_hmac_sha256(length: int) -> None:
    text = ("whsec_" + "k" * length)[:length]
    key = SigningKey(Secret(text))
    for prefix, body in ((b"", b""), (b"1790000000.", b"{}"), (b"https://app.test/hook", b"x" * 100_000)):
        assert key.mac(prefix, body) == hmac.digest(text.encode(), prefix + body, "sha256")


def test_a_key_is_used_again_and_again() -> None:
    key = SigningKey(Secret("whsec_1"))
    assert len({key.mac(b"1.", b"body") for _ in range(3)}) == 1


@pytest.mark.parametrize("text", ["ключ", "half \ud800"])
def test_a_secret_of_any_text_makes_a_key(text: str) -> None:
    assert SigningKey(Secret(text)).mac(b"", b"") == hmac.digest(text.encode(errors="surrogatepass"), b"", "sha256")


def test_a_key_does_not_show_its_secret() -> None:
    key = SigningKey(Secret("whsec_secret"))
    assert "whsec" not in repr(key)
    assert not hasattr(key, "__dict__")
