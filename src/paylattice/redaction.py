"""Takes secrets and personal data out of text that others wrote, before it gets into an error or a log line."""

import re

__all__ = ["redact"]

_MAX_LENGTH = 300

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[^\s@<>\"'(),;:]{1,64}@[^\s@<>\"'(),;:]{1,255}"), "<e-mail>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"), r"\1 <secret>"),
    (re.compile(r"\b(?:sk|rk|pk|whsec|ek|seti|pi|cs|sq0[a-z]{3}|EAAA)_?[A-Za-z0-9*]*_?(?:secret|live|test)?_[A-Za-z0-9_*-]{8,}"), "<key>"),
    (re.compile(r"\b(?:EAAA|sq0)[A-Za-z0-9_-]{10,}"), "<key>"),
    (re.compile(r"\b(?:\d[ -]?){12,19}\b"), "<number>"),
)


def redact(text: object) -> str:
    """The text without e-mail addresses, keys and card numbers, without control characters, and at most 300 characters long."""
    if not isinstance(text, str):
        return ""
    clean = "".join(c if c.isprintable() else " " for c in text[: 4 * _MAX_LENGTH])
    for pattern, replacement in _PATTERNS:
        clean = pattern.sub(replacement, clean)
    return clean if len(clean) <= _MAX_LENGTH else clean[: _MAX_LENGTH - 1] + "…"
