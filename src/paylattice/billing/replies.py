"""The HTTP status for a delivery, and the log record of one that was not applied.

A provider delivers again unless the status is 2xx. So the status only says whether the delivery was accepted, and
who has to act if it was not: its sender (400), this application (500), or no one, because waiting helps (503).
"""

import logging
from traceback import StackSummary, walk_tb
from typing import Final

import attrs

from ..errors import (
    ConfigurationError,
    Diagnosis,
    InvalidRequest,
    PaymentError,
    VerificationUnavailable,
    WebhookError,
)
from .outcomes import WebhookOutcome

__all__ = ["WebhookReply", "check_body", "log_failed", "log_refused", "reply_to"]

OK: Final = 200
BAD_REQUEST: Final = 400
SERVER_ERROR: Final = 500
UNAVAILABLE: Final = 503

_log = logging.getLogger("paylattice")


@attrs.frozen
class WebhookReply:
    """The answer to a delivery. Return ``status`` with your framework; the provider reads no body.

    Args:
        status: 200: accepted, duplicates included. 400: not a delivery of this provider for you. 503: it cannot be
            verified or applied now, and waiting helps. 500: fix something in your application. The provider delivers again
            unless it is 200.
        outcome: what happened to it; None unless ``status`` is 200.
        diagnosis: why it was rejected; None if verification did not fail.
        error: the class of the error that ``respond()`` caught; None if ``status`` is 200. The log has the rest.
    """

    status: int
    outcome: WebhookOutcome | None = None
    diagnosis: Diagnosis | None = None
    error: str | None = None


def reply_to(error: Exception, *, verified: bool) -> WebhookReply:
    """Return the answer to a delivery that ended in an error.

    Args:
        error: the error.
        verified: whether the delivery was verified before the error.
    """
    diagnosis: Diagnosis | None = None
    if isinstance(error, WebhookError):
        status = UNAVAILABLE if isinstance(error, VerificationUnavailable) else BAD_REQUEST
        diagnosis = error.diagnosis
    elif isinstance(error, ConfigurationError):
        status = SERVER_ERROR
        diagnosis = None if verified else Diagnosis.SECRET_NOT_CONFIGURED
    else:
        status = UNAVAILABLE if isinstance(error, PaymentError) and error.retryable else SERVER_ERROR
    return WebhookReply(status, diagnosis=diagnosis, error=type(error).__name__)


def check_body(body: object) -> None:
    """Refuse a body that the application parsed before it passed it on. No delivery can cause this.

    Raises:
        InvalidRequest: the body is neither bytes nor text.
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        message = f"the body must be the raw bytes, before a framework parses them, not {type(body).__name__}"
        raise InvalidRequest(message, param="body", operation="respond")


def log_refused(provider: str, error: PaymentError, diagnosis: Diagnosis) -> None:
    """Log a rejected delivery: one record, with cause and cure.

    Args:
        provider: the provider of the delivery; empty if the service does not have it.
        error: says how to fix it.
        diagnosis: the likely cause.
    """
    level = logging.WARNING if isinstance(error, WebhookError) else logging.ERROR
    what = "cannot be verified now" if isinstance(error, VerificationUnavailable) else "is refused"
    _log.log(level, "a delivery for %s %s (%s): %s", provider or "an unknown provider", what, diagnosis, error.message)


def log_failed(provider: str, error: Exception, status: int) -> None:
    """Log a delivery that could not be applied: one record.

    It has the class of the error and the lines that it came through. It has the message only of this
    library's errors: the message of a database's or a handler's error may hold personal data.

    Args:
        provider: the provider of the delivery.
        error: the error.
        status: the status that is answered.
    """
    words = f": {error}" if isinstance(error, PaymentError) else ""
    stack = "" if status == UNAVAILABLE else "\n" + "".join(StackSummary.extract(walk_tb(error.__traceback__)).format())
    _log.log(
        logging.WARNING if status == UNAVAILABLE else logging.ERROR,
        "a delivery for %s is not applied, answered with %d, and comes again: %s%s%s",
        provider,
        status,
        _with_causes(error),
        words,
        stack.rstrip(),
    )


def _with_causes(error: BaseException) -> str:
    names: list[str] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        names.append(type(each).__qualname__)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return ", caused by ".join(names)
