"""What an answer means: an object, or one of this library's errors. The same for every provider that speaks JSON over HTTP.

A provider reads its own error body into an :class:`ErrorResponse`; what follows from it is decided here: above all, whether
a write may have taken effect in spite of the error.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import TypedDict

import attrs

from ..errors import (
    ActionRequired,
    Advice,
    AuthenticationError,
    Conflict,
    Declined,
    DeclineReason,
    IdempotencyMismatch,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    ResponseOutcomeUnknown,
    UnavailableOutcomeUnknown,
)
from ..jsonlike import JsonObject, parse_object
from ..redaction import matching, redact
from .messages import REQUEST_ID, Response
from .retry import SERVER_ERROR, retry_after

__all__ = ["SUCCESS", "WORD", "Asked", "ErrorResponse", "failure_from", "object_from", "unreadable"]

_BY_STATUS: Mapping[int, type[PaymentError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: Declined,
    403: PermissionDenied,
    404: NotFound,
    408: ProviderUnavailable,
    409: Conflict,
    410: NotFound,
    422: InvalidRequest,
    424: ProviderUnavailable,
    425: ProviderUnavailable,
    429: RateLimited,
}

_SAYS_NOTHING_OF_EARLIER_ATTEMPTS = (
    AuthenticationError,
    Conflict,
    InvalidResponse,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
"""Errors of this attempt alone. The others come from the endpoint, which would have repeated an earlier result."""

_LEADS: Mapping[type[PaymentError], str] = {
    ActionRequired: "the payer has to act: bring them back and complete the payment there",
    AuthenticationError: "{sender} does not accept the credentials: check {credentials} (wrong, revoked, or expired)",
    Conflict: "{sender} cannot do this in the object's present state, or somebody else is changing it",
    Declined: "the payment was declined",
    IdempotencyMismatch: "the idempotency key was used before with other parameters: a new operation needs a new key",
    InvalidRequest: "{sender} refuses the request",
    InvalidResponse: "this is no answer of {sender}'s API: check the base URL, and what stands between here and {sender}",
    OutcomeUnknown: "{sender} is still working on it",
    NotFound: "{sender} has no such object, in this account and mode (test or live)",
    PermissionDenied: "the credentials may not do this: give them the permission, or use others",
    ProviderUnavailable: "{sender} cannot answer at the moment",
    RateLimited: "too many requests to {sender}",
}

_SILENT = (AuthenticationError,)
"""The provider's own text for these may repeat a part of the credentials."""

_MAY_HAVE_HAPPENED = "it may have taken effect. Do not send it as new: provider.recover(error) finds out"
_REPLAYED_FAILURE = (
    "{sender} stored this failure under the idempotency key and will only repeat it: read the object's state, "
    "and if nothing happened, send it again with a new key"
)
SUCCESS = range(200, 300)
_REDIRECTS = range(300, 400)
_MISSING = frozenset({404, 410})
_EMPTY = frozenset({204, 205})
_ACCEPTED = 202
"""It may have a body, or none."""
_NOTHING: JsonObject = {}

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}")
"""What a provider's own word for a failure looks like."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_PARAM = re.compile(r"[A-Za-z0-9_./\[\]-]{1,200}")


@attrs.frozen
class Asked:
    """Who was asked, and what for.

    Args:
        provider: the provider's name.
        sender: the provider, as a person calls it.
        credentials: the settings that hold the credentials, for the message.
        writes: whether the request may have changed something.
        key: the idempotency key that it was sent with.
        request_id_header: where the provider's id of the request is, in lower case.
        secrets: returns what must not be in a message, whatever the provider repeats.
    """

    provider: str
    sender: str
    credentials: str = "the credentials"
    writes: bool = False
    key: str | None = None
    request_id_header: str = "request-id"
    secrets: Callable[[], Collection[str]] = attrs.field(default=tuple, repr=False)


@attrs.frozen
class ErrorResponse:
    """What a provider's error body says, in this library's words. What it does not say stays None.

    Args:
        kind: the error that it means; None: what the HTTP status means.
        code: the provider's own word for it.
        message: the provider's own text; secrets, e-mail addresses and card numbers are taken out of it.
        param: the parameter that is wrong, of an :class:`~paylattice.errors.InvalidRequest`.
        reason: of a :class:`~paylattice.errors.Declined`.
        advice: what to do while the payer is away, if the provider has an advice of its own.
        payment_id: the payment that exists all the same, or waits for the payer.
        url: where the payer has to go, of an :class:`~paylattice.errors.ActionRequired`.
        client_secret: what a browser component needs for it.
        transient: whether waiting resolves a conflict; None: it does for status 409.
        replayed: whether the provider keeps this answer under the idempotency key, and will only repeat it.
    """

    kind: type[PaymentError] | None = None
    code: str | None = None
    message: str | None = attrs.field(default=None, repr=False)
    param: str | None = None
    reason: DeclineReason = DeclineReason.UNKNOWN
    advice: Advice | None = None
    payment_id: str | None = None
    url: str | None = attrs.field(default=None, repr=False)
    client_secret: str | None = attrs.field(default=None, repr=False)
    transient: bool | None = None
    replayed: bool = False


class _Context(TypedDict, total=False):
    provider: str
    code: str | None
    http_status: int
    request_id: str | None
    idempotency_key: str | None


def object_from(response: Response) -> JsonObject | None:
    """The object in the answer; an empty one for an answer without content; None if it is anything else."""
    empty = response.status in _EMPTY or (response.status == _ACCEPTED and not response.body)
    return _NOTHING if empty else parse_object(response.body)


def failure_from(response: Response, asked: Asked, error: ErrorResponse | None = None) -> PaymentError:
    """The error for an answer that is no success.

    Args:
        response: the answer.
        asked: what it answers.
        error: what the error body says; None: it holds no error of the provider's.
    """
    kind = _kind(response, error)
    error = error or ErrorResponse()
    context = _context(response, asked, error.code)
    said = "" if issubclass(kind, _SILENT) else redact(error.message, asked.secrets())
    lead = _LEADS.get(kind, "{sender} refuses the request").format(sender=asked.sender, credentials=asked.credentials)
    lead = f"{lead}. {asked.sender} says: {said}" if said else lead
    if asked.writes and response.status >= SERVER_ERROR:
        consequence = _REPLAYED_FAILURE.format(sender=asked.sender) if error.replayed else _MAY_HAVE_HAPPENED
        return UnavailableOutcomeUnknown(f"{lead}; {consequence}", retryable=not error.replayed, **context)
    if asked.writes and response.unsettled and issubclass(kind, _SAYS_NOTHING_OF_EARLIER_ATTEMPTS):
        return OutcomeUnknown(f"{lead}; an earlier attempt brought no answer: {_MAY_HAVE_HAPPENED}", **context)
    if kind is OutcomeUnknown:
        return kind(f"{lead}: {_MAY_HAVE_HAPPENED}", **context)
    payment_id = matching(_ID, error.payment_id, asked.secrets())
    if issubclass(kind, Declined):
        return kind(lead, reason=error.reason, advice_off_session=error.advice, payment_id=payment_id, **context)
    if issubclass(kind, ActionRequired):
        return kind(lead, url=error.url, client_secret=error.client_secret, payment_id=payment_id, **context)
    if issubclass(kind, InvalidRequest):
        return kind(lead, param=matching(_PARAM, error.param, asked.secrets()), **context)
    if issubclass(kind, RateLimited):
        return kind(lead, retry_after=retry_after(response), **context)
    if issubclass(kind, Conflict):
        transient = _BY_STATUS.get(response.status) is Conflict if error.transient is None else error.transient
        return kind(lead, retryable=transient, **context)
    return kind(lead, **context)


def unreadable(why: str, response: Response, asked: Asked) -> PaymentError:
    """The error for a success that cannot be read: a write was done all the same."""
    context = _context(response, asked, None)
    if asked.writes:
        return ResponseOutcomeUnknown(
            f"{asked.sender} took the request, but its answer cannot be read: {why}", **context
        )
    return InvalidResponse(f"{asked.sender}'s answer cannot be read: {why}", **context)


def _kind(response: Response, error: ErrorResponse | None) -> type[PaymentError]:
    status = response.status
    if status >= SERVER_ERROR:
        return ProviderUnavailable
    if status in _REDIRECTS:
        return InvalidResponse
    if error is not None and error.kind is not None:
        return error.kind
    if status in _MISSING and error is None:
        return InvalidResponse  # a proxy, or a wrong base URL: it says nothing about the object
    return _BY_STATUS.get(status) or (InvalidRequest if error is not None else InvalidResponse)


def _context(response: Response, asked: Asked, code: str | None) -> _Context:
    return {
        "provider": asked.provider,
        "code": matching(WORD, code, asked.secrets()),
        "http_status": response.status,
        "request_id": matching(REQUEST_ID, response.headers.get(asked.request_id_header), asked.secrets()),
        "idempotency_key": asked.key,
    }
