"""The guard around the two methods that take a delivery: hostile bodies choose no exception, and leave nothing behind."""

import functools
import re
import sys
from collections.abc import Awaitable, Callable, Mapping

from .errors import Diagnosis, InvalidResponse, MalformedPayload, PaymentError, WebhookError
from .events import WebhookEvent
from .frames import clear_all, clearing_all
from .guarded import Guarded, stray
from .storable import check_event

__all__ = ["check_mode", "guarded_parse", "guarded_step", "guarded_verify"]

_ODD = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def check_mode(provider: Guarded, event: WebhookEvent) -> None:
    """Refuse an event of the other mode: what was paid with a test card must not be delivered, nor a test shop act on money.

    Raises:
        WebhookError: it is one (``wrong_mode``). Where event or provider do not tell their mode, nothing is refused.
    """
    here = provider.livemode
    if here is None or event.livemode is None or event.livemode is here:
        return
    message = _MODES[here]
    raise WebhookError(
        message, diagnosis=Diagnosis.WRONG_MODE, provider=provider.get_provider_name(), operation="parse_webhook"
    )


_MODES: Mapping[bool, str] = {
    True: (
        "this is a test event, and the key that is configured here is live: give test mode an endpoint, and a service, of its "
        "own. It is not applied"
    ),
    False: (
        "this is a live event, and the key that is configured here is a test key: set the live key and the live endpoint's "
        "secret, or take the live endpoint to where these are. It is not applied"
    ),
}


def guarded_parse(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """Put the guard around a ``parse_webhook``: it answers with a checked event, or raises one of this library's errors."""

    @functools.wraps(method)
    async def call(self: Guarded, *args: object, **kwargs: object) -> object:
        outer = sys.exception()
        try:
            parsed = await method(self, *args, **kwargs)
            return _event(self, parsed, args[0] if args else kwargs.get("payload"))
        except PaymentError as error:
            _refused(error, self, "parse_webhook", outer)
            del self, args, kwargs, outer
            raise
        except Exception as exc:  # noqa: BLE001 - hostile bodies must not choose the exception
            broken = _malformed(self, exc, "parse_webhook")
        except BaseException as error:
            clear_all(error, outer)
            del self, args, kwargs, outer
            raise
        del self, args, kwargs, outer
        raise broken

    return call


def guarded_verify(method: Callable[..., object]) -> Callable[..., object]:
    """Put the guard around a ``verify_webhook_signature``: only this library's errors leave it."""

    @functools.wraps(method)
    def call(self: Guarded, *args: object, **kwargs: object) -> object:
        outer = sys.exception()
        try:
            return method(self, *args, **kwargs)
        except PaymentError as error:
            _refused(error, self, "verify_webhook_signature", outer)
            del self, args, kwargs, outer
            raise
        except Exception as exc:  # noqa: BLE001 - hostile bodies must not choose the exception
            broken = _malformed(self, exc, "verify_webhook_signature")
        del self, args, kwargs, outer
        raise broken

    return call


def guarded_step(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    """Put the guard around a method that billing hands an event to before it applies it: it answers with an event.

    What it raises otherwise is an :class:`~paylattice.errors.InvalidResponse`: the provider delivers again.
    """

    @functools.wraps(method)
    async def call(self: Guarded, event: WebhookEvent) -> WebhookEvent:
        try:
            found = await method(self, event)
            if isinstance(found, WebhookEvent) and found.provider == event.provider:
                return found
            broken = f"{type(self).__name__}.{method.__name__}() returns no event of its own"
        except PaymentError as error:
            error.provider = error.provider or self.get_provider_name()
            error.operation = error.operation or method.__name__
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, it must not carry a payload to the caller
            broken = stray(self, exc)
        raise InvalidResponse(broken, provider=self.get_provider_name(), operation=method.__name__)

    return clearing_all(call)


def _event(provider: Guarded, parsed: object, payload: object) -> WebhookEvent:
    if not isinstance(parsed, WebhookEvent):
        broken = f"{type(provider).__name__} made no WebhookEvent of it: report it to the provider's authors"
        raise MalformedPayload(broken)
    check_mode(provider, parsed)
    check_event(parsed, whole=_is_odd(payload))
    return parsed


def _is_odd(payload: object) -> bool:
    """Whether a text in it may hold what no database takes: in JSON, only such an escape can say it."""
    return not isinstance(payload, bytes) or _ODD.search(payload) is not None


def _refused(error: PaymentError, provider: Guarded, operation: str, outer: BaseException | None) -> None:
    """Say in the error whose it is, and empty the frames behind it."""
    if error.provider is None:
        error.provider = provider.get_provider_name()
    if error.operation is None:
        error.operation = operation
    clear_all(error, outer)


def _malformed(provider: Guarded, exc: Exception, operation: str) -> MalformedPayload:
    return MalformedPayload(stray(provider, exc), provider=provider.get_provider_name(), operation=operation)
