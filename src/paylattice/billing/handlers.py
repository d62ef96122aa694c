"""Your handlers of events, and the context that they get."""

import difflib
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isasyncgenfunction, isawaitable, isgeneratorfunction, signature
from typing import Generic, TypeAlias, TypeVar, cast

import attrs

from ..errors import ConfigurationError
from ..event_table import EVENTS, Sender, senders
from ..events import EventType, WebhookEvent
from ..models import SubscriptionStatus
from .changes import SubscriptionStateChange
from .records import BillingCustomer, BillingSubscription
from .repository import Tx

__all__ = ["EventContext", "Handler", "Handlers"]

_NOTHING_CHANGED = SubscriptionStateChange()


@attrs.frozen
class EventContext(Generic[Tx]):
    """The context that a handler gets with the event.

    Args:
        customer: the customer that the event is about; None if it is about none.
        subscription: the subscription as stored after the event.
        transaction: the object that the repository's transaction yields: what you write with it commits with the event.
        previous: the subscription as stored before the event; None if it was not stored.
        change: what the event changed in the subscription.
        claimed_customer: if ``customer`` is None: the customer whose id the event carries, at a provider where a buyer can
            write it (PayPal's ``custom_id``). It proves nothing: check the payment's id against your own order first.
    """

    customer: BillingCustomer | None
    subscription: BillingSubscription | None
    transaction: Tx
    previous: BillingSubscription | None = None
    change: SubscriptionStateChange = _NOTHING_CHANGED
    claimed_customer: BillingCustomer | None = None

    @property
    def previous_status(self) -> SubscriptionStatus | None:
        """The status of the subscription before the event; None if it was not stored."""
        return None if self.previous is None else self.previous.status


Handler: TypeAlias = Callable[[WebhookEvent, EventContext[Tx]], Awaitable[None] | None]
H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])


@attrs.define(eq=False)
class _Running:
    """The time in which handlers run. Tasks that a handler starts inherit it, even if they outlive the handler."""

    handlers: object
    transaction: object
    outer: "_Running | None"
    over: bool = False


_running: ContextVar[_Running | None] = ContextVar("paylattice_running", default=None)


class Handlers(Generic[Tx]):
    """The handlers, by event name."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[Handler[Tx]]] = {}

    def on(
        self,
        event_type: EventType | str,
        *,
        everywhere: bool = False,
        providers: Mapping[str, Sender] | None = None,
    ) -> Callable[[H], H]:
        """Register the decorated function for an event.

        Args:
            event_type: a member of :class:`~paylattice.EventType`, or ``<provider>:<its own name>``.
            everywhere: refuse an event that not all providers lead to.
            providers: by name.

        Raises:
            ConfigurationError: no event has this name; or not all providers lead to it, and ``everywhere``; or the decorated
                object is not a function of two arguments, or is a generator.
        """
        word = str(event_type)
        if ":" not in word and word not in set(EventType):
            near = difflib.get_close_matches(word, list(EventType), n=1)
            hint = f"Did you mean {str(near[0])!r}?" if near else "The words are those of paylattice.EventType."
            message = f"there is no event {word[:60]!r}. {hint}"
            raise ConfigurationError(message)

        if everywhere:
            _check_everywhere(word, providers or {})

        def register(function: H) -> H:
            _check(function, word)
            self._by_word.setdefault(word, []).append(function)
            return function

        return register

    def listens_to(self, word: str) -> bool:
        """Return whether a handler is registered for the event name."""
        return word in self._by_word

    async def run(self, words: tuple[str, ...], event: WebhookEvent, context: EventContext[Tx]) -> bool:
        """Run the handlers of the event names, in the order of registration. The first exception ends the run.

        Returns:
            Whether there were any.
        """
        handlers = [handler for word in words for handler in self._by_word.get(word, ())]
        with self._run(context.transaction):
            for handler in handlers:
                result = handler(event, context)
                if isawaitable(result):
                    await result
        return bool(handlers)

    def refuse_inside(self) -> None:
        """Refuse a call from a running handler that would need its own transaction, before anything is sent.

        Raises:
            ConfigurationError: a handler is running here.
        """
        if self._here() is not None:
            message = (
                "a handler called a billing operation that writes, and it would wait for the transaction it is in. "
                "Write with context.transaction, and leave the rest to an outbox that is read after the commit"
            )
            raise ConfigurationError(message)

    def transaction(self) -> Tx | None:
        """Return the transaction of the handler that is running here; None if none is.

        A handler reads with it: it sees the event's own changes and needs no second connection, for which
        all deliveries might wait at the same time.
        """
        here = self._here()
        return None if here is None else cast("Tx", here.transaction)

    def _here(self) -> _Running | None:
        here = _running.get()
        while here is not None and (here.handlers is not self or here.over):
            here = here.outer
        return here

    @contextmanager
    def _run(self, transaction: Tx) -> Generator[None]:
        here = _Running(self, transaction, _running.get())
        token = _running.set(here)
        try:
            yield
        finally:
            here.over = True
            _running.reset(token)


def _check_everywhere(word: str, providers: Mapping[str, Sender]) -> None:
    """Refuse an event that a provider of the service never leads to, and suggest what to use instead."""
    if ":" in word:
        message = f"{word[:60]!r} is one provider's own event: no other provider sends it"
        raise ConfigurationError(message)
    having, lacking = senders(word, providers)
    if lacking:
        instead = EVENTS[EventType(word)].instead
        where = f"{', '.join(having)} only" if having else "none of your providers"
        message = (
            f"{word!r} is sent by {where}, not by {', '.join(lacking)}. Instead, {instead or 'see the table of events'}"
        )
        raise ConfigurationError(message)


def _check(handler: object, word: str) -> None:
    """Refuse at start-up a handler that would fail for every event, or seem to succeed without running."""
    if not callable(handler):
        message = f"the handler of {word!r} must be a function; this is {type(handler).__name__}"
        raise ConfigurationError(message)
    if any(is_one(handler) or is_one(handler.__call__) for is_one in (isgeneratorfunction, isasyncgenfunction)):
        message = f"the handler of {word!r} yields, so that calling it runs nothing: return, or await, instead"
        raise ConfigurationError(message)
    try:
        parameters = signature(handler)
    except ValueError:  # some that are written in C do not tell
        return
    try:
        parameters.bind("event", "context")
    except TypeError as error:
        message = f"the handler of {word!r} must take two arguments, the event and its context: {error}"
        raise ConfigurationError(message) from None
