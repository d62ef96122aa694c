"""Decides whether a request is sent again, and when."""

from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from ..construction import refused
from .messages import Request, Response

__all__ = ["SERVER_ERROR", "RetryPolicy", "retry_after"]

_TRANSIENT = frozenset({408, 425, 429})
SERVER_ERROR = 500
_LONGEST = 365 * 86_400.0


def seconds(owner: object, field: "attrs.Attribute[float]", value: object) -> None:
    """A number of seconds.

    Raises:
        ConfigurationError: it is none, or less than 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise refused(f"{type(owner).__name__}({field.name}=...)", value, "a number of seconds, 0 or more")


def _attempts(_owner: object, _field: "attrs.Attribute[int]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise refused("RetryPolicy(attempts=...)", value, "a whole number", "1 sends once, and never again")


@attrs.frozen
class RetryPolicy:
    """Exponential backoff with full jitter: attempt n waits between 0 and ``min(cap, base * 2**(n-1))`` seconds.

    A request is repeated only if that does no harm (a read, or a write with an idempotency key that its endpoint honours), and
    only after a failure that passes: no connection, a timeout, 408, 425, 429 or 5xx, or a hint from the provider.
    The wait is exactly as long as ``Retry-After`` says.

    Args:
        attempts: how many in all.
        base: seconds.
        cap: seconds.
    """

    attempts: int = attrs.field(default=4, validator=_attempts)
    base: float = attrs.field(default=0.5, validator=seconds)
    cap: float = attrs.field(default=8.0, validator=seconds)

    def after_answer(self, request: Request, response: Response, attempt: int) -> bool:
        """Return whether to send the request again after this answer."""
        wanted = request.hint(response) if request.hint else None
        if wanted is None:
            wanted = response.status in _TRANSIENT or response.status >= SERVER_ERROR
        return wanted and attempt < self.attempts and request.repeatable

    def after_silence(self, request: Request, attempt: int, *, sent: bool) -> bool:
        """Return whether to send the request again without an answer. A request that was never sent can always be repeated."""
        return attempt < self.attempts and (request.repeatable or not sent)

    def wait(self, attempt: int, uniform: Callable[[float, float], float]) -> float:
        """Return the seconds to wait before the next attempt."""
        return uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt - 1, 60)))


def retry_after(response: Response, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Return the seconds of the answer's ``Retry-After``, at most a year; None if it has none that can be read."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.replace(".", "", 1).isdecimal() and value.isascii():
        return min(float(value), _LONGEST)
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - rarely needed

    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(0.0, (when - now()).total_seconds()), _LONGEST)
