"""What must not be in a cassette, provider by provider: tables to compare with the providers' pages line by line."""

import re
from collections.abc import Mapping

import attrs

__all__ = ["PATTERNS", "RULES", "SCRUBBED", "Rules"]

SCRUBBED = "scrubbed"
"""What stands in the place of what was taken out."""


@attrs.frozen
class Rules:
    """What differs from provider to provider.

    Args:
        url: of the provider's API; a local server's is replaced by it.
        request_headers: those that are kept; all others may hold a secret.
        response_headers: the same.
        key_headers: those that carry an idempotency key.
        key_fields: fields whose value is an idempotency key, or is made of one.
        secret_fields: fields whose value is a secret, or identifies a person, wherever it stands.
    """

    url: str
    request_headers: frozenset[str]
    response_headers: frozenset[str]
    key_headers: frozenset[str]
    key_fields: frozenset[str]
    secret_fields: frozenset[str]


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_TOKENS = _words("access_token authentication_token client_secret refresh_token secret id_token")
"""https://datatracker.ietf.org/doc/html/rfc6749#section-5.1"""

RULES: Mapping[str, Rules] = {
    "stripe": Rules(
        url="https://api.stripe.com",
        request_headers=_words("content-type idempotency-key stripe-version"),
        response_headers=_words(
            "content-length content-type idempotent-replayed original-request request-id retry-after",
            "stripe-should-retry stripe-version",
        ),
        key_headers=_words("idempotency-key"),
        key_fields=_words("idempotency_key identifier"),
        secret_fields=_TOKENS | _words("fingerprint phone receipt_url"),
    ),
    "paypal": Rules(
        url="https://api-m.sandbox.paypal.com",
        request_headers=_words("content-type paypal-request-id prefer"),
        response_headers=_words("content-length content-type paypal-debug-id retry-after"),
        key_headers=_words("paypal-request-id"),
        # an order's invoice_id is the key: PayPal refuses a second payment of one invoice
        key_fields=_words("invoice_id paypal_request_id"),
        secret_fields=_TOKENS
        | _words(
            "account_id app_id auth_assertion birth_date cert_url client_id national_number nonce payer_id",
            "security_code tax_id transmission_sig webhook_id",
        ),
    ),
    "square": Rules(
        url="https://connect.squareupsandbox.com",
        request_headers=_words("content-type square-version"),
        response_headers=_words("content-length content-type retry-after square-version x-speleo-traceid"),
        key_headers=frozenset(),
        key_fields=_words("idempotency_key"),
        secret_fields=_TOKENS
        | _words(
            "application_id auth_result_code birthday cardholder_name client_id fingerprint phone_number signature_key",
            "square_account_id tax_ids verification_token",
        ),
    ),
}

_HARMLESS = r"(?:[\w-]+\.)*example\.(?:com|org|net)|[\w.-]+\.(?:test|invalid|example)|(?:[\w-]+\.)?localhost"
_MAIL = re.compile(rf"[\w.!#$&'*+/=?^`{{|}}~-]+(?:@|%40)(?!(?:{_HARMLESS})\b)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_PAGES = (
    r"(?:billing|checkout|invoice|pay|payments|pay\.receipts)\.stripe\.com",
    r"www(?:\.sandbox)?\.paypal\.com",
    r"(?:sandbox\.)?square\.link",
    r"[\w-]+\.square\.site",
    r"(?:app\.)?squareup(?:sandbox)?\.com",
)
PATTERNS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("secret key", re.compile(r"\b(?:sk|rk|ek|sk_org)_(?:live|test)_[\w*-]{4,}"), SCRUBBED),
    ("webhook secret", re.compile(r"\bwhsec_\w{4,}"), SCRUBBED),
    ("client secret", re.compile(rf"\b([a-z]+_\w+?_secret)_(?!{SCRUBBED}\b)[\w-]+"), rf"\1_{SCRUBBED}"),
    # PayPal: tokens; client ids and secrets, which are 80 characters long; agreements in the address of a page
    ("access token", re.compile(r"\bA21AA[\w-]{6,}"), SCRUBBED),
    ("secret key", re.compile(r"(?<![\w-])[AE](?=[\w-]*\d)[\w-]{79}(?![\w-])"), SCRUBBED),
    ("client secret", re.compile(r"\bBA-[0-9A-Z]{8,}"), SCRUBBED),
    # Square: tokens, application secrets and ids, one-time card tokens
    ("access token", re.compile(r"\bEAAA[\w-]{10,}"), SCRUBBED),
    ("secret key", re.compile(r"\b(?:sandbox-)?sq0[a-z]{3}-[\w-]{10,}"), SCRUBBED),
    ("card token", re.compile(r"\bcnon:(?!card-nonce-)[\w-]{8,}"), SCRUBBED),
    (
        "bearer token",
        re.compile(rf"(?i)\b(bearer|basic)[ :]+(?!{SCRUBBED}\b)[a-z0-9._~+/=-]{{12,}}"),
        rf"\1 {SCRUBBED}",
    ),
    ("JSON web token", re.compile(r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), SCRUBBED),
    (
        "page of a customer",
        re.compile(rf"(https://(?:{'|'.join(_PAGES)}))/(?!{SCRUBBED}\b)[^\s\"'\\<>&]+"),
        rf"\1/{SCRUBBED}",
    ),
    ("e-mail address", _MAIL, f"{SCRUBBED}@example.com"),
    ("phone number", re.compile(r"(?<![\w+.:-])\+(?!1?555)[1-9]\d{7,14}(?![\w.])"), "+15550000000"),
)
"""What is taken out of every text, and what a cassette must not hold."""
