"""The application's own code for events, and what it is given."""

import difflib
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isasyncgenfunction, isawaitable, isgeneratorfunction, signature
from typing import Generic, TypeAlias, TypeVar, cast

import attrs

from ..errors import ConfigurationError
from ..event_table import EVENTS, senders
from ..events import EventType, WebhookEvent
from ..models import SubscriptionStatus
from .changes import SubscriptionStateChange
from .records import BillingCustomer, BillingSubscription
from .repository import Tx

__all__ = ["EventContext", "Handler", "Handlers"]

_NOTHING_CHANGED = SubscriptionStateChange()


@attrs.frozen
class EventContext(Generic[Tx]):
    """What a handler gets beside the event.

    Args:
        customer: whom the event is about; None if it is about nobody.
        subscription: as stored after the event.
        transaction: what the repository's transaction yields: what is written with it commits together with the event.
        previous: the whole record of the subscription before the event; None if it was not stored.
        change: what of it the event changed.
        claimed_customer: where ``customer`` is None, whose customer id the event carries, at a provider where anybody can
            write one (PayPal's ``custom_id``). It proves nothing: check the payment's id against your own order first.
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
    """The time in which handlers run. What they start, and what outlives them, inherits it."""

    handlers: object
    transaction: object
    outer: "_Running | None"
    over: bool = False


_running: ContextVar[_Running | None] = ContextVar("paylattice_running", default=None)


class Handlers(Generic[Tx]):
    """The handlers, by the word of the event."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[Handler[Tx]]] = {}

    def on(
        self,
        event_type: EventType | str,
        *,
        everywhere: bool = False,
        sends: Mapping[str, Iterable[EventType] | None] | None = None,
    ) -> Callable[[H], H]:
        """Register the decorated function for an event.

        Args:
            event_type: a word of :class:`~paylattice.EventType`, or ``<provider>:<its own name>``.
            everywhere: refuse a word that not all providers lead to.
            sends: what each provider sends itself, by its name.

        Raises:
            ConfigurationError: no event has this name; or not all providers lead to it, and ``everywhere``; or, when it
                decorates, that is no function of two arguments, or one that yields.
        """
        word = str(event_type)
        if ":" not in word and word not in set(EventType):
            near = difflib.get_close_matches(word, list(EventType), n=1)
            hint = f"Did you mean {str(near[0])!r}?" if near else "The words are those of paylattice.EventType."
            message = f"there is no event {word[:60]!r}. {hint}"
            raise ConfigurationError(message)

        if everywhere:
            _check_everywhere(word, sends or {})

        def register(function: H) -> H:
            _check(function, word)
            self._by_word.setdefault(word, []).append(function)
            return function

        return register

    def listens_to(self, word: str) -> bool:
        """Whether anything is registered for the word."""
        return word in self._by_word

    async def run(self, words: tuple[str, ...], event: WebhookEvent, context: EventContext[Tx]) -> None:
        """Run what is registered for the words, in the order of registration. The first exception ends it."""
        handlers = [handler for word in words for handler in self._by_word.get(word, ())]
        with self._run(context.transaction):
            for handler in handlers:
                result = handler(event, context)
                if isawaitable(result):
                    await result

    def refuse_inside(self) -> None:
        """Refuse to a running handler what needs a transaction of its own, before anything is sent.

        Raises:
            ConfigurationError: one of these handlers is running here.
        """
        if self._here() is not None:
            message = (
                "a handler called a billing operation that writes, and it would wait for the transaction it is in. "
                "Write with context.transaction, and leave the rest to an outbox that is read after the commit"
            )
            raise ConfigurationError(message)

    def transaction(self) -> Tx | None:
        """The transaction in which one of these handlers is running here; None if none is.

        What a handler reads, it reads with it: it sees the event's own changes, and needs no second connection, for which
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


def _check_everywhere(word: str, sends: Mapping[str, Iterable[EventType] | None]) -> None:
    """Refuse a word that a provider of the service never leads to, and say what to use in its place."""
    if ":" in word:
        message = f"{word[:60]!r} is one provider's own event: no other provider sends it"
        raise ConfigurationError(message)
    having, lacking = senders(word, sends)
    if lacking:
        instead = EVENTS[EventType(word)].instead
        where = f"{', '.join(having)} only" if having else "none of your providers"
        message = (
            f"{word!r} is sent by {where}, not by {', '.join(lacking)}. Instead, {instead or 'see the table of events'}"
        )
        raise ConfigurationError(message)


def _check(handler: object, word: str) -> None:
    """Refuse, while the application starts, what would fail for every event, or be taken for done without having run."""
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
