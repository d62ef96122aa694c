"""Takes secrets and personal data out of text that others wrote, before it gets into an error or a log line.

Ids stay readable (``cus_...``, ``pi_...``, ``price_...``, ``cs_test_...``): an engineer needs them at night.
"""

import re
from collections.abc import Collection
from urllib.parse import quote

__all__ = ["matching", "redact"]

_MAX_LENGTH = 300
_MAX_READ = 4 * _MAX_LENGTH
_TAIL = 120

_NO_ADDRESS = r"\s@<>\"'(),;:/?&=#"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # jane@example.com, also as it stands in a URL: jane%40example.com
    (re.compile(rf"(?:[^{_NO_ADDRESS}%]|%(?!40))*+(?:@|%40)[^{_NO_ADDRESS}]+"), "<e-mail>"),
    # what an Authorization header holds
    (re.compile(r"(?i)\b(bearer|basic)[\s:]+[a-z0-9._~+/=-]{16,}"), r"\1 <secret>"),
    # password=..., "client_secret": "..."; words of prose after such a name hold no digit
    (
        re.compile(
            r"(?i)((?:password|secret|token|api[_-]?key|authorization)[\"']?\s*[:=]\s*[\"']?)(?=[^\s\"',&]*\d)[^\s\"',&]{8,}"
        ),
        r"\1<secret>",
    ),
    # Stripe: sk_live_..., rk_test_..., whsec_..., and half-masked ones as its own messages show them
    (re.compile(r"(?:(?:sk|rk|pk|ek|sk_org)_(?:live|test)|whsec)_[\w*-]+"), "<key>"),
    # Stripe: pi_..._secret_..., which lets a browser act on the payment
    (re.compile(r"[a-z]+_\w+?_secret_[\w-]+"), "<key>"),
    # Square: EAAA..., sq0atp-..., sandbox-sq0idb-...
    (re.compile(r"(?:EAAA[\w-]{10,}|sq0[a-z]{3}-[\w-]{10,})"), "<key>"),
    # PayPal: A21AA...; its client ids and secrets are 80 characters long
    (re.compile(r"A21AA[\w-]{10,}|\b[AE][A-Za-z0-9_-]{79}\b"), "<key>"),
    # a JSON Web Token
    (re.compile(r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), "<key>"),
    # a card number, in groups or not; an id of digits (cus_424242424242) is none
    (re.compile(r"(?<![\d_])\d(?:[ .-]{0,2}\d){11,18}(?!\d)"), "<number>"),
)


def redact(text: object, secrets: Collection[str] = ()) -> str:
    """The text without e-mail addresses, keys and card numbers, without control characters, and at most 300 characters long.

    Args:
        text: text from outside; anything else leaves nothing.
        secrets: what must not be in it either, whatever it looks like.
    """
    if not isinstance(text, str):
        return ""
    clean = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text[:_MAX_READ])
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        for written in {secret, quote(secret, safe="")} if secret else ():
            clean = clean.replace(written, "<secret>")
    for pattern, replacement in _PATTERNS:
        clean = pattern.sub(replacement, clean)
    if len(text) > _MAX_READ:
        clean = clean[
            :-_TAIL
        ]  # it may be the beginning of an address or a number, cut where nothing matches it any more
    return clean if len(clean) <= _MAX_LENGTH else clean[: _MAX_LENGTH - 1] + "…"


def matching(pattern: re.Pattern[str], value: str | None, secrets: Collection[str] = ()) -> str | None:
    """The value if it looks as it should: hostile answers must not smuggle a payload, or a secret, into an error's fields."""
    fits = value is not None and pattern.fullmatch(value) and redact(value, secrets) == value
    return value if fits else None
