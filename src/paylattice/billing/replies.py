"""What to answer to a delivery, and what the log says of one that was not applied.

A provider delivers again what is not answered with 2xx. So the status only has to say whether the delivery was taken, and
whom to look for if it was not: its sender (400), this application (500), or nobody, as waiting mends it (503).
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
from .webhooks import WebhookOutcome

__all__ = ["WebhookReply", "check_body", "log_failed", "log_refused", "reply_to"]

OK: Final = 200
BAD_REQUEST: Final = 400
SERVER_ERROR: Final = 500
UNAVAILABLE: Final = 503

_log = logging.getLogger("paylattice")


@attrs.frozen
class WebhookReply:
    """What to answer to a delivery. Hand ``status`` to your framework; the provider reads no body.

    Args:
        status: 200: it was taken, a duplicate too. 400: it is no delivery of this provider for you. 503: it cannot be
            verified or applied now, and waiting helps. 500: something here has to be mended. All but 200 come again.
        outcome: what became of it; None unless ``status`` is 200.
        diagnosis: why it was not accepted; None where verifying it did not fail.
        error: the class of what ``respond()`` caught; None if ``status`` is 200. The rest is in the log.
    """

    status: int
    outcome: WebhookOutcome | None = None
    diagnosis: Diagnosis | None = None
    error: str | None = None


def reply_to(error: Exception, *, verified: bool) -> WebhookReply:
    """What to answer where a delivery ended in an error.

    Args:
        error: what was raised.
        verified: whether the delivery had been verified before.
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
    """Refuse what no delivery can cause: a body that the application has parsed before it handed it over.

    Raises:
        InvalidRequest: it is neither bytes nor a text.
    """
    if not isinstance(body, bytes | bytearray | memoryview | str):
        message = f"the body must be the raw bytes, before a framework parses them, not {type(body).__name__}"
        raise InvalidRequest(message, param="body", operation="respond")


def log_refused(provider: str, error: PaymentError, diagnosis: Diagnosis) -> None:
    """Note a delivery that was not accepted: one record, with the cause and the cure.

    Args:
        provider: for which it came; empty: for none that is here.
        error: says how to mend it.
        diagnosis: the likely cause.
    """
    level = logging.WARNING if isinstance(error, WebhookError) else logging.ERROR
    what = "cannot be verified now" if isinstance(error, VerificationUnavailable) else "is refused"
    _log.log(level, "a delivery for %s %s (%s): %s", provider or "an unknown provider", what, diagnosis, error.message)


def log_failed(provider: str, error: Exception, status: int) -> None:
    """Note a delivery that could not be applied: one record.

    It has the class of the error and the lines that it came through. It has the error's own words only where they are this
    library's: those of a database or a handler may hold what they were given.

    Args:
        provider: for which it came.
        error: what was raised.
        status: what is answered.
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
