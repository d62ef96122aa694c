"""The checks that every operation's arguments pass before anything is sent, by the name of the argument.

The names are those of the protocol, so that the same word is held to the same rule in every operation of every provider.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from .construction import said_as
from .errors import InvalidRequest
from .idempotency import MAX_KEY_LENGTH
from .money import Money

__all__ = [
    "check_argument",
    "check_arguments",
    "check_id",
    "check_timedelta",
    "check_utc",
    "is_id",
    "web_address",
]

_MAX_ID = 255
_MAX_TEXT = 5000
_MAX_URL = 5000
_MAX_TOKEN = 16384
_MAX_INTEGER = 10**15
_NOT_IN_AN_ID = frozenset("/\\?#% ")
_FEWEST_DIGITS, _MOST_DIGITS = 5, 16
_SEPARATORS = re.compile(r"[ ().-]")
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than white space, and halves of characters, which UTF-8 cannot say."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2[eEfF]|5[cC]|00)[0-9A-Fa-f]{2})+)+")


def _fail(name: str, rule: str) -> InvalidRequest:
    return InvalidRequest(f"{name} {rule}", param=name)


def check_id(name: str, value: object) -> None:
    """An id that can go into a path: not empty, not ``.`` or ``..``, nothing that a URL reads as its own, no white space.

    Raises:
        InvalidRequest: it cannot.
    """
    if not isinstance(value, str):
        raise _fail(name, f"must be a str, not {said_as(value)}")
    if not value or len(value) > _MAX_ID:
        raise _fail(name, f"must not be empty, nor longer than {_MAX_ID} characters")
    if value.strip(".") == "" or not value.isprintable() or not _NOT_IN_AN_ID.isdisjoint(value):
        raise _fail(name, "is no id: it holds one of / \\ ? # %, white space or control characters, or only dots")


def is_id(value: object) -> bool:
    """Whether it is an id that can go into a path: see :func:`check_id`."""
    try:
        check_id("", value)
    except InvalidRequest:
        return False
    return True


def check_utc(name: str, value: object) -> None:
    """An aware datetime that is one in UTC, too.

    Raises:
        InvalidRequest: it is naive, no datetime, or at an end of the calendar, where UTC is beyond it.
    """
    if not isinstance(value, datetime):
        raise _fail(name, f"must be a datetime, not {said_as(value)}")
    if value.utcoffset() is None:
        raise _fail(
            name, "has no time zone: use datetime.now(UTC), or .replace(tzinfo=...) with the zone it is meant in"
        )
    try:
        value.astimezone(UTC)
    except OverflowError:
        fits = False
    else:
        fits = True
    if not fits:
        raise _fail(
            name, "is before the year 1, or after 9999, in UTC: for all that there is, take a time some years ago"
        )


def check_timedelta(name: str, value: object) -> None:
    """A length of time.

    Raises:
        InvalidRequest: it is none.
    """
    if not isinstance(value, timedelta):
        raise _fail(name, f"must be a timedelta, not {said_as(value)}")


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise _fail(name, f"must be a str, not {said_as(value)}")
    if not value.strip() or len(value) > _MAX_TEXT or _UNSENDABLE.search(value):
        raise _fail(
            name, f"must not be empty, longer than {_MAX_TEXT} characters, or hold control characters or surrogates"
        )


def _token(name: str, value: object) -> None:
    """What a browser got: printable ASCII in one piece, of any length that providers hand out."""
    if not isinstance(value, str):
        raise _fail(name, f"must be a str, not {said_as(value)}")
    if not 0 < len(value) <= _MAX_TOKEN or not value.isascii() or not value.isprintable() or " " in value:
        raise _fail(name, f"is no token: it must be 1 to {_MAX_TOKEN} printable ASCII characters, without white space")


def _email(name: str, value: object) -> None:
    _text(name, value)
    text = str(value)
    if "@" not in text[1:-1] or any(c.isspace() for c in text):
        raise _fail(name, "is not an e-mail address")


def _phone(name: str, value: object) -> None:
    _text(name, value)
    digits = _SEPARATORS.sub("", str(value)).removeprefix("+")
    if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS or not digits.isascii() or not digits.isdigit():
        raise _fail(name, "is not a phone number, such as +15550100123")


def _url(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise _fail(name, f"must be a str, not {said_as(value)}")
    if len(value) > _MAX_URL or not value.isprintable() or " " in value or not _has_host(value):
        raise _fail(name, f"must be an absolute http(s) URL, not longer than {_MAX_URL} characters")


def _has_host(url: str) -> bool:
    from urllib.parse import urlsplit  # noqa: PLC0415 - not needed by most

    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "\\" not in parts.netloc


def _amount(name: str, value: object) -> None:
    if not isinstance(value, Money):
        raise _fail(name, f"must be Money, such as Money(1999, 'USD') for 19.99 US dollars, not {said_as(value)}")
    if value.amount <= 0:
        raise _fail(name, "must be greater than zero")


def _metadata(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise _fail(name, f"must be a mapping of str to str, not {said_as(value)}")
    for key, word in cast("Mapping[object, object]", value).items():
        if not isinstance(key, str) or not isinstance(word, str):
            raise _fail(name, "must hold only str keys and str values: convert numbers and dates yourself")
        if not key:
            raise _fail(name, "has an empty key")
        if _UNSENDABLE.search(key + word):
            raise _fail(name, "holds control characters or surrogates")


def _integer(least: int) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _fail(name, f"must be an int, not {said_as(value)}")
        if not least <= value <= _MAX_INTEGER:
            raise _fail(name, f"must be at least {least}, and at most {_MAX_INTEGER}")

    return check


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise _fail(name, f"must be True or False, not {said_as(value)}")


def _one_of(*words: str) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if not isinstance(value, str) or value not in words:
            raise _fail(name, f"must be one of {', '.join(words)}")

    return check


def _key(name: str, value: object) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= MAX_KEY_LENGTH and value.isascii() and value.isprintable()
    if not fits or value != str(value).strip():
        rule = "must be 1 to {} printable ASCII characters, without white space around them; operation_key() makes good ones"
        raise _fail(name, rule.format(MAX_KEY_LENGTH))


def _method(name: str, value: object) -> None:
    if not isinstance(value, str) or value not in _METHODS:
        raise _fail(name, f"must be one of {', '.join(_METHODS)}")


def _path(name: str, value: object) -> None:
    """A path below the provider's own address: the credentials go nowhere else."""
    if not isinstance(value, str):
        raise _fail(name, f"must be a str, not {said_as(value)}")
    if (
        len(value) > _MAX_URL
        or not _PATH.fullmatch(value)
        or any(each.strip(".") == "" for each in value.split("/")[1:])
    ):
        raise _fail(
            name,
            "must be a path of the provider's API, such as /v1/things/thing_1: without a host, a query (use params), a "
            "fragment, empty parts, or parts of dots only; other characters quoted, but no / or \\",
        )


def _params(name: str, value: object) -> None:
    if not isinstance(value, dict | list):
        raise _fail(name, f"must be a dict (or a list, where the API takes one), not {said_as(value)}")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        fits = False
    else:
        fits = _has_names(cast("object", value))
    if not fits:
        raise _fail(name, "must be plain JSON: dict with str keys, list, str, int, float, bool and None")


def _has_names(value: object) -> bool:
    if isinstance(value, dict):
        each = cast("dict[object, object]", value)
        return all(isinstance(key, str) for key in each) and all(map(_has_names, each.values()))
    return not isinstance(value, list | tuple) or all(map(_has_names, cast("list[object]", value)))


_CHECKS: Mapping[str, Callable[[str, object], None]] = {
    "email": _email,
    "customer_email": _email,
    "name": _text,
    "phone": _phone,
    "description": _text,
    "reason": _text,
    "token": _token,
    "verification_token": _token,
    "metadata": _metadata,
    "success_url": _url,
    "cancel_url": _url,
    "return_url": _url,
    "quantity": _integer(1),
    "trial_days": _integer(0),
    "limit": _integer(1),
    "amount": _amount,
    "timestamp": check_utc,
    "trial_end": check_utc,
    "start_at": check_utc,
    "until": check_utc,
    "since": check_utc,
    "idempotency_key": _key,
    "at_period_end": _flag,
    "final_invoice": _flag,
    "void_open_invoices": _flag,
    "prorate": _flag,
    "capture": _flag,
    "method": _method,
    "path": _path,
    "params": _params,
    "when": _one_of("now", "period_end"),
    "payment": _one_of("invoice", "now", "first"),
}


_IN_ONE_OPERATION: Mapping[tuple[str, str], Callable[[str, object], None]] = {
    ("create_usage_record", "quantity"): _integer(0),
    ("list_customers", "after"): check_id,
}


def check_argument(operation: str, name: str, value: object) -> None:
    """Check one argument by its name; names that end in ``_id`` are ids, unknown names pass.

    Raises:
        InvalidRequest: the value breaks the rule of its name.
    """
    check = check_id if name.endswith("_id") else _IN_ONE_OPERATION.get((operation, name)) or _CHECKS.get(name)
    if check is not None:
        check(name, value)


def _one_source(arguments: Mapping[str, object]) -> None:
    saved, token = arguments.get("payment_method_id"), arguments.get("token")
    if (saved is None) is (token is None):
        raise _fail(
            "payment_method_id", "or token has to be given, and not both: a saved payment method, or a browser's"
        )
    if saved is not None and arguments.get("customer_id") is None:
        raise _fail("customer_id", "has to say whose saved payment method it is")


_TOGETHER: Mapping[str, Callable[[Mapping[str, object]], None]] = {"create_payment": _one_source}


def check_arguments(
    operation: str, arguments: Iterable[tuple[str, object]], together: Mapping[str, object] | None = None
) -> None:
    """Check several arguments, in their order: see :func:`check_argument`.

    Args:
        operation: whose arguments they are.
        arguments: their names and values.
        together: all of the operation's arguments, if they are to be compared with one another, too.

    Raises:
        InvalidRequest: one is wrong, some exclude one another, or one is missing.
    """
    for name, value in arguments:
        check_argument(operation, name, value)
    if together is not None and operation in _TOGETHER:
        _TOGETHER[operation](together)


def web_address(url: str | None) -> str | None:
    """The address, if it is one that a person may be sent to."""
    try:
        check_argument("", "success_url", url)
    except InvalidRequest:
        return None
    return url
