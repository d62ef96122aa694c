"""What every stand-in has: a log of requests, faults, two ways to reach it, simulated time, and webhooks that wait."""

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from .clock import add_months
from .dispatch import Dispatcher
from .faults import Fault, Faults, Kind
from .loopback import serving
from .messages import Answer, Call, Delivery, SeenRequest, Unanswered
from .relocation import Relocation
from .store import JSON, Store

if TYPE_CHECKING:
    from .transport import StandInTransport

__all__ = ["StandIn"]

W = TypeVar("W", bound=Store)
R = TypeVar("R")
K = TypeVar("K")


class StandIn(Dispatcher[R, K], Generic[W, R, K]):
    """A provider's server, after its documentation: it keeps state, and can simulate failures.

    A subclass knows one provider: its endpoints, its objects, its refusals, its way of billing. What is the same for all
    providers is here. One object serves any number of clients and threads, one request at a time. It does what
    :class:`~paylattice.testing.Simulator` lists.

    Args:
        world: what there is.
        clock: the time that deliveries are signed with: seconds since 1970, or an aware datetime.
        strict_keys: whether an idempotency key that comes again with other parameters is refused.

    Attributes:
        faults: what goes wrong next.
    """

    def __init__(
        self, world: W, *, clock: Callable[[], float | datetime] = time.time, strict_keys: bool = True
    ) -> None:
        super().__init__(strict_keys=strict_keys)
        self.faults: Faults = Faults(self._keys.forget)
        self._world = world
        self._clock = clock
        self._lock = threading.RLock()
        self._seen: list[SeenRequest] = []
        self._served: str | None = None
        self._relocation: Relocation | None = None

    # --- requests ------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """Every request that came in, in order, also those that were refused or got no answer."""
        with self._lock:
            return tuple(self._seen)

    def forget_requests(self) -> None:
        """Empty the log."""
        with self._lock:
            self._seen.clear()

    def transport(self) -> "StandInTransport":
        """Return an httpx transport for ``AsyncTransport(transport=...)``, ``BlockingTransport(transport=...)`` and httpx."""
        from .transport import StandInTransport  # noqa: PLC0415 - only who sends pays for httpx

        return StandInTransport(self)

    @contextmanager
    def serve(self, port: int = 0) -> Generator[str]:
        """Serve on 127.0.0.1 until the end of the ``with`` block, which gets the base URL.

        Args:
            port: 0: a free one.
        """
        with serving(self, port) as base:
            self.served_at(base)
            try:
                yield base
            finally:
                self.served_at(None)

    def served_at(self, base: str | None) -> None:
        """Tell where the stand-in is served, for the addresses that it says of itself. None: nowhere."""
        self._served = base

    def relocate(self, relocation: Relocation | None) -> None:
        """Say other addresses for the pages that people are sent to, in answers and in webhooks. None: the provider's own."""
        self._relocation = relocation

    def handle(self, call: Call) -> Answer:
        """Answer a request.

        Raises:
            Unanswered: the test asked for a fault that leaves the client without an answer.
        """
        with self._lock:
            fault = self.faults.take(call)
            answer: Answer | None = None
            self._replayed = False
            if fault is None or fault.after_effect:
                answer = self._respond(call)
                if self._relocation is not None:
                    answer = Answer(answer.status, answer.headers, self._relocation.body(answer.body))
            replayed = self._replayed
            if fault is not None:
                answer = self._instead(fault, answer)
            status = None if answer is None else answer.status
            self._seen.append(
                SeenRequest(call.method, call.path, self._params(call), self._key(call), status, replayed)
            )
        if answer is None:
            raise Unanswered(connected=fault is None or fault.kind is not Kind.REFUSED)
        return answer

    def _instead(self, fault: Fault, answer: Answer | None) -> Answer | None:
        if fault.kind is Kind.DELAYED and answer is not None:
            return Answer(answer.status, answer.headers, answer.body, fault.delay)
        if fault.kind is not Kind.ANSWERED:
            return None
        if fault.body is not None:
            return Answer(fault.status, fault.headers, fault.body)
        said = self._failure(fault.status)
        return Answer(said.status, {**said.headers, **fault.headers}, said.body)

    # --- what a test can look at ---------------------------------------------------------------------------------

    def objects(self, kind: str) -> list[Mapping[str, object]]:
        """Return all objects of a kind, oldest first, as the API sends them.

        Args:
            kind: the provider's own word, such as ``customer`` or ``subscription``.
        """
        with self._lock:
            return [self._shown(kind, row) for row in self._world.rows(kind)]

    def snapshot(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """Return all objects by kind, but for events: equal to a later snapshot if nothing took effect in between."""
        with self._lock:
            return {kind: self.objects(kind) for kind in self._world.kinds if kind != "event"}

    def count(self, kind: str) -> int:
        """Return how many objects of a kind were ever made, deleted ones too."""
        with self._lock:
            return self._world.count(kind)

    # --- webhooks ------------------------------------------------------------------------------------------------

    def deliveries(self, *, at: datetime | None = None) -> list[Delivery]:
        """Return the webhooks that wait, signed; they leave the outbox.

        Args:
            at: the time of the signature; None: now, by the clock that the stand-in was made with.
        """
        with self._lock:
            events, self._world.outbox = self._world.outbox, []
            when = at if at is not None else self._now_for_signatures()
            if self._relocation is not None:
                events = [self._relocation.value(event) for event in events]
            return [self._signed(event, when) for event in events]

    def redeliver(self, event_id: str) -> None:
        """Put an event that was delivered before into the outbox again, as after a failed delivery.

        Raises:
            ValueError: there is no such event.
        """
        with self._lock:
            event = self._world.get("event", event_id)
            if event is None:
                message = "there is no such event"
                raise ValueError(message)
            self._world.outbox.append(self._again(event))

    def send_event(self, name: str, about: Mapping[str, object]) -> None:
        """Send an event whose cause is not simulated, about an object as you hand it over.

        Args:
            name: the provider's own word.
            about: the object that is delivered; take one of :meth:`objects`, and change what is to be different.
        """
        with self._lock:
            self._tell(name, dict(about))

    def _now_for_signatures(self) -> datetime:
        now = self._clock()
        return now if isinstance(now, datetime) else datetime.fromtimestamp(now, UTC)

    # --- time ----------------------------------------------------------------------------------------------------

    def advance(self, *, months: int = 0, days: float = 0, hours: float = 0) -> datetime:
        """Advance the time, with everything that is due: renewals, retries, ends of trials, expiries.

        Returns:
            The new simulated time, in UTC.
        """
        with self._lock:
            self._advance_to(add_months(self.now, months) + timedelta(days=days, hours=hours))
            return self.now

    def renew(self, subscription_id: str) -> Mapping[str, object]:
        """Advance the time until something happens to the subscription: it is billed again, paused, resumed, or over.

        After ``decline_next_payment()`` the renewal is not paid.

        Returns:
            The subscription, as the API sends it.
        """
        with self._lock:
            subscription = self._need("subscription", subscription_id)
            when = self._next_turn(subscription)
            if when is not None:
                self._advance_to(when)
            return self._shown("subscription", subscription)

    # --- the customer and the bank, where the provider has no such thing ------------------------------------------

    def require_authentication(self, *, times: int = 1) -> None:
        """Make the next payments wait for the payer to authenticate.

        Raises:
            ValueError: the provider never asks for that after a payment was requested.
        """
        raise ValueError(self._has_no("authentication of a payment that was requested already"))

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Play the payer who authenticates a payment, or fails to.

        Raises:
            ValueError: the payment does not wait for that.
        """
        raise ValueError(self._has_no("authentication of a payment that was requested already"))

    def approve_change(self, subscription_id: str) -> Mapping[str, object]:
        """Play the customer who agrees to another plan or quantity, where the provider asks.

        Raises:
            ValueError: nothing waits for the payer.
        """
        raise ValueError(self._has_no("consent to a changed subscription"))

    def _has_no(self, what: str) -> str:
        return f"{type(self).__name__}: the provider has no {what}"

    # --- what a provider's stand-in says --------------------------------------------------------------------------

    def _need(self, kind: str, identifier: str) -> JSON:
        found = self._world.get(kind, identifier)
        if found is None:
            message = f"there is no such {kind}: {identifier}"
            raise ValueError(message)
        return found

    @property
    @abstractmethod
    def now(self) -> datetime:
        """The simulated time, in UTC."""

    @abstractmethod
    def _shown(self, kind: str, row: JSON) -> Mapping[str, object]:
        """Return an object as the API sends it."""

    @abstractmethod
    def _signed(self, event: JSON, at: datetime) -> Delivery:
        """Return an event as the provider posts it."""

    @abstractmethod
    def _again(self, event: JSON) -> JSON:
        """Return what is delivered when an event is delivered again."""

    @abstractmethod
    def _tell(self, name: str, about: JSON) -> None:
        """Put an event into the outbox."""

    @abstractmethod
    def _advance_to(self, until: datetime) -> None:
        """Advance the time."""

    @abstractmethod
    def _next_turn(self, subscription: JSON) -> datetime | None:
        """Return when something happens to a subscription next; None: nothing will."""
