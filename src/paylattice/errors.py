"""Every error that paylattice raises.

    PaymentError
    ├── ConfigurationError          a setting is missing or wrong; nothing was sent
    │   └── InvalidProvider             a provider's class or object breaks the protocol (also a TypeError)
    ├── AuthenticationError         the provider does not accept the credentials
    ├── PermissionDenied            the credentials are good, the permission is missing
    ├── InvalidRequest              the request is wrong and will be wrong again (also a ValueError)
    ├── NotFound                    the object does not exist at the provider
    ├── Declined                    the payer's bank or the provider said no
    ├── ActionRequired              the payer has to act first
    ├── Conflict                    the object's state forbids the operation, or another request is changing it
    ├── IdempotencyMismatch         the idempotency key was used before with other parameters
    ├── RateLimited                 too many requests; wait ``retry_after`` seconds
    ├── ProviderUnavailable         the provider answers with a server error
    ├── NetworkError                no answer at all
    ├── InvalidResponse             the response cannot be read, or does not match the request
    ├── OutcomeUnknown              a write may or may not have happened; ``provider.recover(error)`` finds out
    │   ├── NetworkOutcomeUnknown       (also a NetworkError)
    │   ├── UnavailableOutcomeUnknown   (also a ProviderUnavailable)
    │   └── ResponseOutcomeUnknown      (also an InvalidResponse)
    ├── UnsupportedOperation        the provider cannot do this; the error says why, and what to do instead
    └── WebhookError                a delivery was rejected
        ├── InvalidSignature            none of the configured secrets signed it
        ├── StaleSignature              the signature is good but too old, or from the future
        ├── MalformedPayload            the body is not an event
        └── VerificationUnavailable     it cannot be verified now: answer 503, the provider delivers again

Messages help the engineer who reads them at night. They contain no secret, no e-mail address and no payload.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Self, TypeAlias

from .declines import OFF_SESSION, ON_SESSION, Advice, DeclineReason

__all__ = [
    "ActionRequired",
    "Advice",
    "AuthenticationError",
    "ConfigurationError",
    "Conflict",
    "DeclineReason",
    "Declined",
    "Diagnosis",
    "IdempotencyMismatch",
    "InvalidProvider",
    "InvalidRequest",
    "InvalidResponse",
    "InvalidSignature",
    "MalformedPayload",
    "NetworkError",
    "NetworkOutcomeUnknown",
    "NotFound",
    "OutcomeUnknown",
    "PaymentError",
    "PermissionDenied",
    "ProviderUnavailable",
    "RateLimited",
    "ResponseOutcomeUnknown",
    "StaleSignature",
    "UnavailableOutcomeUnknown",
    "UnsupportedOperation",
    "VerificationUnavailable",
    "WebhookError",
]

Replay: TypeAlias = Callable[[Any], Awaitable[object]]
"""Calls the failed operation again on the given provider, with the same idempotency key."""


class Diagnosis(StrEnum):
    """The likely reason why a webhook delivery was rejected. Safe to log: it never contains a byte of the delivery."""

    HEADER_MISSING = "header_missing"
    HEADER_MALFORMED = "header_malformed"
    SECRET_NOT_CONFIGURED = "secret_not_configured"  # noqa: S105 - a word, not a secret
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a word, not a secret
    TEST_SECRET_FOR_LIVE_EVENT = "test_secret_for_live_event"  # noqa: S105 - a word, not a secret
    LIVE_SECRET_FOR_TEST_EVENT = "live_secret_for_test_event"  # noqa: S105 - a word, not a secret
    WRONG_MODE = "wrong_mode"
    """A test event with a live key, or a live event with a test key."""
    BODY_REENCODED = "body_reencoded"
    BODY_EMPTY = "body_empty"
    BODY_NOT_AN_EVENT = "body_not_an_event"
    URL_MISMATCH = "url_mismatch"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    CLOCK_SKEW = "clock_skew"
    CERTIFICATE_UNAVAILABLE = "certificate_unavailable"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_REFUSED = "certificate_refused"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNKNOWN = "unknown"


class PaymentError(Exception):
    """The base class of all errors of this library.

    Args:
        message: what failed and what to do, in one or two sentences.
        provider: the provider's name, for example ``stripe``.
        operation: the protocol's name of the operation, for example ``create_customer``.
        code: the provider's own word for the failure.
        http_status: the status of the provider's answer, if there was one.
        request_id: the provider's id of the request: quote it to the provider's support.
        retryable: whether the same call, with the same idempotency key, may succeed later. None: the class decides.
        outcome_unknown: whether a write may have happened although it failed.
        idempotency_key: the key that the operation was sent with.
    """

    provider: str | None = None
    operation: str | None = None
    code: str | None = None
    http_status: int | None = None
    request_id: str | None = None
    retryable: bool = False
    outcome_unknown: bool = False
    idempotency_key: str | None = None

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        operation: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        outcome_unknown: bool = False,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.operation = operation
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.retryable = type(self).retryable if retryable is None else retryable
        self.outcome_unknown = outcome_unknown
        self.idempotency_key = idempotency_key

    def __str__(self) -> str:
        where = ".".join(part for part in (self.provider, self.operation) if part)
        facts = [
            self.code,
            f"HTTP {self.http_status}" if self.http_status else None,
            f"request {self.request_id}" if self.request_id else None,
        ]
        about = ", ".join(fact for fact in facts if fact)
        return f"{where + ': ' if where else ''}{self.message}{f' ({about})' if about else ''}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Callable[..., "PaymentError"], tuple[type[Self], str, dict[str, object]]]:
        """Lets errors travel between processes (task queues), without the means to repeat the failed call."""
        state = {name: value for name, value in self.__dict__.items() if not name.startswith("_")}
        return _rebuild, (type(self), self.message, state)


def _rebuild(cls: type[PaymentError], message: str, state: dict[str, object]) -> PaymentError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class ConfigurationError(PaymentError):
    """A setting is missing or wrong. Nothing was sent. Fix the configuration and start again."""


class InvalidProvider(ConfigurationError, TypeError):
    """A provider's class or object breaks the protocol. Raised when you define the class or pass the object."""


class AuthenticationError(PaymentError):
    """The provider does not accept the credentials."""


class PermissionDenied(PaymentError):
    """The credentials are good, but they may not do this."""


class InvalidRequest(PaymentError, ValueError):
    """The request is wrong and will be wrong again.

    Args:
        message: what is wrong.
        param: the argument, or the provider's parameter, that is wrong.
        **context: the fields of :class:`PaymentError`.
    """

    def __init__(self, message: str, *, param: str | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.param = param


class NotFound(PaymentError):
    """The object does not exist at the provider, or not in this mode (test or live) or account."""


class Declined(PaymentError):
    """The payment was declined. The library does not retry it: the same idempotency key gets the same answer.

    Args:
        message: what happened. Show it to an operator, not to the payer.
        reason: the cause, in this library's vocabulary; ``code`` has the provider's own.
        payment_id: the declined payment, if the provider keeps one.
        advice_off_session: what to do while the payer is away. None: it follows from the reason.
        **context: the fields of :class:`PaymentError`.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: DeclineReason = DeclineReason.UNKNOWN,
        payment_id: str | None = None,
        advice_off_session: Advice | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message, **context)
        self.reason = reason
        self.payment_id = payment_id
        self.advice_off_session: Advice = advice_off_session or OFF_SESSION[reason]
        self.advice_on_session: Advice = ON_SESSION[reason]
        if self.advice_on_session is Advice.TRY_AGAIN_LATER is not self.advice_off_session:
            self.advice_on_session = Advice.USE_ANOTHER_METHOD


class ActionRequired(PaymentError):
    """The payer has to act (authenticate, consent) before the payment can go on.

    Args:
        message: what is needed.
        url: where to send the payer, if the provider hosts the step.
        client_secret: the secret with which a browser component runs the step; never logged, absent from ``repr`` and ``vars``.
        payment_id: the payment that waits for the payer.
        **context: the fields of :class:`PaymentError`.
    """

    __slots__ = ("_client_secret",)

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        client_secret: str | None = None,
        payment_id: str | None = None,
        **context: Any,
    ) -> None:
        super().__init__(message, **context)
        self.url = url
        self._client_secret = client_secret
        self.payment_id = payment_id

    @property
    def client_secret(self) -> str | None:
        """The secret with which a browser component runs the step; None once the error has travelled to another process."""
        return getattr(self, "_client_secret", None)

    @client_secret.setter
    def client_secret(self, value: str | None) -> None:
        self._client_secret = value


class Conflict(PaymentError):
    """The object's current state forbids the operation, or another request is changing it."""


class IdempotencyMismatch(PaymentError):
    """The idempotency key was used before with other parameters. Use a new key for a new operation."""


class RateLimited(PaymentError):
    """Too many requests.

    Args:
        message: what happened.
        retry_after: the seconds to wait, if the provider says so.
        **context: the fields of :class:`PaymentError`.
    """

    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, **context: Any) -> None:
        super().__init__(message, **context)
        self.retry_after = retry_after


class ProviderUnavailable(PaymentError):
    """The provider answers with a server error."""

    retryable = True


class NetworkError(PaymentError):
    """There was no answer: no connection, a timeout, or a connection that broke."""

    retryable = True


class InvalidResponse(PaymentError):
    """The response cannot be read, or does not match the request."""


class OutcomeUnknown(PaymentError):
    """A write may or may not have happened: its answer never arrived, or could not be read.

    Do not call the operation again with a new key. ``await provider.recover(error)`` repeats it with the same
    idempotency key (or looks the object up where the provider has no keys) and returns what exists.
    """

    retryable = True
    _replay: Replay | None = None

    def __init__(self, message: str, **context: Any) -> None:
        context["outcome_unknown"] = True
        super().__init__(message, **context)


class NetworkOutcomeUnknown(OutcomeUnknown, NetworkError):
    """The request was, or may have been, sent; no answer arrived."""


class UnavailableOutcomeUnknown(OutcomeUnknown, ProviderUnavailable):
    """The provider answered a write with a server error: it may have happened."""


class ResponseOutcomeUnknown(OutcomeUnknown, InvalidResponse):
    """The provider accepted the write, but its answer cannot be read."""


class UnsupportedOperation(PaymentError):
    """The provider cannot do this.

    Args:
        message: what to say. Empty: made from the reason and the alternative.
        reason: why the provider cannot do it.
        alternative: what to do instead.
        **context: the fields of :class:`PaymentError`.
    """

    def __init__(self, message: str = "", *, reason: str, alternative: str | None = None, **context: Any) -> None:
        super().__init__(
            message or f"not supported: {reason}{f' Instead: {alternative}' if alternative else ''}", **context
        )
        self.reason = reason
        self.alternative = alternative


class WebhookError(PaymentError):
    """A webhook delivery was rejected.

    Args:
        message: what is wrong and how to fix it.
        diagnosis: the likely cause; safe to log.
        **context: the fields of :class:`PaymentError`.
    """

    def __init__(self, message: str, *, diagnosis: Diagnosis = Diagnosis.UNKNOWN, **context: Any) -> None:
        if context:
            super().__init__(message, **context)
        else:  # an attacker sends forged deliveries by the thousand: the class attributes save the time
            self.message = message
        self.diagnosis = diagnosis


class InvalidSignature(WebhookError):
    """None of the configured secrets signed the delivery. Answer 400."""


class StaleSignature(WebhookError):
    """The signature is good but its time is out of bounds: a replay, or a wrong clock. Answer 400."""


class MalformedPayload(WebhookError):
    """The body is not an event of this provider. Answer 400."""


class VerificationUnavailable(WebhookError):
    """The delivery cannot be verified right now. Answer 503: the provider delivers it again."""

    retryable = True
