"""Cassettes (recorded HTTP exchanges of vcrpy) that hold no secret, match on what was sent, and replay at once.

:func:`vcr_config` gives the settings, :func:`leaks_in` looks whether a file or a folder of cassettes holds something that
it must not. This module needs no vcrpy; the settings need vcrpy 9.2 or later, since older ones would sleep in a replay.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import attrs

from .cassette_rules import PATTERNS, RULES, SCRUBBED, Rules

__all__ = ["SCRUBBED", "Leak", "leaks_in", "vcr_config"]

_KEY = "normalised"
"""What stands in the place of every idempotency key, so that a new one still matches."""

_BYTES = "surrogateescape"
"""How bytes that are no text pass through text unchanged."""


_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])")


class _Request(Protocol):
    """What vcrpy hands to its hooks."""

    uri: str
    body: object
    headers: Mapping[str, str]


Hook = Callable[[_Request], _Request]
_Response = dict[str, object]


def vcr_config(provider: str, *, base_url: str | None = None) -> dict[str, object]:
    """The settings for vcrpy, and for pytest-recording's fixture of this name.

    Secrets, e-mail addresses, tokens and client secrets are taken out of requests, answers and URLs; only known headers
    are kept; bodies are matched, whatever the order of their fields; idempotency keys match one another; compressed
    bodies are decoded; and a replay does not wait between attempts, whatever ``Retry-After`` was recorded.

    Args:
        provider: ``stripe``, ``paypal`` or ``square``.
        base_url: of a local server that stands in for the provider: it is recorded as the provider's own.

    Raises:
        ValueError: there are no rules for the provider.
    """
    rules = RULES.get(provider)
    if rules is None:
        message = f"there are no cassette rules for {provider!r}, only for {', '.join(sorted(RULES))}"
        raise ValueError(message)
    return {
        "match_on": ("method", "uri", "raw_body"),
        "decode_compressed_response": True,
        "before_record_request": _request_hook(rules, base_url),
        "before_record_response": _response_hook(rules),
        "after_load_interaction": _without_waiting,
        "before_save_interaction": _as_recorded,
    }


def _request_hook(rules: Rules, base_url: str | None) -> Hook:
    def scrub(request: _Request) -> _Request:
        uri = request.uri
        if base_url is not None and uri.startswith(base_url):
            uri = rules.url + uri.removeprefix(base_url)
        parts = urlsplit(uri)
        path, query = _clean(parts.path), _clean_form(parts.query, rules)
        request.uri = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
        headers = {name.lower(): value for name, value in request.headers.items()}
        kept = {name: _clean(value) for name, value in headers.items() if name in rules.request_headers}
        kept.update(dict.fromkeys(rules.key_headers & kept.keys(), _KEY))
        request.headers = kept
        request.body = _clean_request_body(request.body, kept.get("content-type", ""), rules)
        return request

    return scrub


def _clean_request_body(body: object, content_type: str, rules: Rules) -> object:
    if not isinstance(body, bytes | str) or not body:
        return body
    text = body if isinstance(body, str) else body.decode("utf-8", _BYTES)
    if "json" in content_type:
        return _clean_json(text, rules).encode("utf-8", _BYTES)
    return _clean_form(text, rules).encode("utf-8", _BYTES)


def _response_hook(rules: Rules) -> Callable[[_Response], _Response]:
    def scrub(response: _Response) -> _Response:
        headers = cast("Mapping[str, list[str]]", response["headers"])
        kept = {
            name.lower(): [_clean(value) for value in values]
            for name, values in headers.items()
            if name.lower() in {*rules.response_headers, _RECORDED}
        }
        body = cast("dict[str, object]", response["body"])
        raw = body.get("string")
        if isinstance(raw, bytes | str):
            text = raw if isinstance(raw, str) else raw.decode("utf-8", _BYTES)
            clean = _clean_json(text, rules).encode("utf-8", _BYTES)
            if "content-length" in kept:
                kept["content-length"] = [str(len(clean))]
            body = {**body, "string": clean}
        return {**response, "headers": kept, "body": body}

    return scrub


def _without_waiting(request: object, response: _Response) -> tuple[object, _Response]:
    """What was recorded, but without the waits between attempts."""
    code = cast("dict[str, int]", response["status"])["code"]
    if code in _RETRIED or code >= _SERVER_ERROR:
        headers = cast("dict[str, list[str]]", response["headers"])
        recorded = headers.get("retry-after", [])
        response = {**response, "headers": {**headers, "retry-after": ["0"], _RECORDED: recorded}}
    return request, response


def _as_recorded(request: object, response: _Response) -> tuple[object, _Response]:
    """The opposite, for a cassette that is loaded, added to and written again."""
    headers = dict(cast("dict[str, list[str]]", response["headers"]))
    if _RECORDED in headers:
        headers["retry-after"] = headers.pop(_RECORDED)
    return request, {**response, "headers": {name: values for name, values in headers.items() if values}}


_RECORDED = "recorded-retry-after"
_RETRIED = frozenset({408, 409, 425, 429})
_SERVER_ERROR = 500


def _clean(text: str) -> str:
    for _, pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return _CARD.sub(lambda found: SCRUBBED if _is_card(found[0]) else found[0], text)


def _clean_form(text: str, rules: Rules) -> str:
    pairs = sorted(parse_qsl(text, keep_blank_values=True, errors=_BYTES))
    return urlencode([(name, _clean_field(name, value, rules)) for name, value in pairs], safe="[]@:/{}", errors=_BYTES)


def _clean_field(name: str, value: str, rules: Rules) -> str:
    last = name.rstrip("]").rpartition("[")[2]
    if last in rules.key_fields:
        return _KEY
    return SCRUBBED if last in rules.secret_fields else _clean(value)


def _clean_json(text: str, rules: Rules) -> str:
    try:
        data = json.loads(text)
    except ValueError:
        return _clean(text)
    return json.dumps(_clean_value(data, rules), indent=1, ensure_ascii=False)


def _clean_value(value: object, rules: Rules) -> object:
    if isinstance(value, dict):
        known = cast("dict[str, object]", value)
        return {name: _clean_entry(name, inner, rules) for name, inner in known.items()}
    if isinstance(value, list):
        return [_clean_value(inner, rules) for inner in cast("list[object]", value)]
    return _clean(value) if isinstance(value, str) else value


def _clean_entry(name: str, value: object, rules: Rules) -> object:
    if isinstance(value, str) and name in rules.key_fields:
        return _KEY
    if isinstance(value, str) and name in rules.secret_fields:
        clean = _clean(value)
        return clean if SCRUBBED in clean else SCRUBBED  # a client secret still says whose it is
    return _clean_value(value, rules)


_SECRET_FIELDS = "|".join(sorted({name for rules in RULES.values() for name in rules.secret_fields}))
_SECRET_FIELD = re.compile(rf"""(?<![\w-])["']?({_SECRET_FIELDS})["']?\s*:\s*["']([^"'\n]+)["']""")
"""A secret field with its value, in a JSON body."""


# --- the gate ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Leak:
    """Something that looks like a secret. It does not hold the secret itself.

    Args:
        path: the file.
        line: counted from 1.
        what: what it looks like.
    """

    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def leaks_in(path: Path | str) -> tuple[Leak, ...]:
    """Find what looks like a secret, a token, an e-mail address or a card number in a cassette, or in a folder of them.

    Addresses at example.com and in reserved top-level domains belong to no one, and pass. A body that is no text cannot be
    looked into: it counts as a leak.

    Args:
        path: a file; or a folder, whose files are all read, at any depth.
    """
    start = Path(path)
    files = sorted(found for found in start.rglob("*") if found.is_file()) if start.is_dir() else [start]
    return tuple(leak for file in files for leak in _leaks_of(file))


def _leaks_of(path: Path) -> list[Leak]:
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = text.splitlines()
    found = [Leak(path, number, what) for number, line in enumerate(lines, start=1) for what in _suspicions(line)]
    whole = _unfolded(text)
    known = {leak.what for leak in found}
    return [*found, *(Leak(path, 1, what) for what in _suspicions(whole) if what not in known)]


def _suspicions(text: str) -> list[str]:
    found = [what for what, pattern, _ in PATTERNS if pattern.search(text)]
    if any(_is_card(number[0]) for number in _CARD.finditer(text)):
        found.append("card number")
    if any(SCRUBBED not in field[2] for field in _SECRET_FIELD.finditer(text)):
        found.append("field that must be scrubbed")
    if "!!binary" in text:
        found.append("body that is no text")
    return found


def _unfolded(text: str) -> str:
    """The text with YAML's folded lines joined: a secret may be broken at the end of a line."""
    return re.sub(r"\n\s*", " ", re.sub(r"\\\n\s*\\?", "", text))


def _is_card(number: str) -> bool:
    """Whether the digits end in the check digit of a card number (Luhn)."""
    digits = [int(digit) for digit in reversed(number) if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1
