"""One set of controls for the customer, the bank and the clock, whichever provider is simulated."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import attrs

from ..money import Money

__all__ = ["Delivered", "Simulator", "Webhook", "deliver"]


class Webhook(Protocol):
    """One webhook, as it would arrive over HTTP."""

    @property
    def type(self) -> str:
        """The provider's own word for what happened."""
        ...

    @property
    def event_id(self) -> str:
        """The provider's id of the event."""
        ...

    @property
    def payload(self) -> bytes:
        """The raw body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, the signature among them."""
        ...


class Simulator(Protocol):
    """The controls of a simulated provider.

    Every stand-in server does this, and so does :class:`~paylattice.providers.memory.InMemoryProvider`. A test that is written
    against it runs on any of them. What only one provider has, its stand-in has in addition.
    """

    @property
    def now(self) -> datetime:
        """The simulated time, in UTC. It moves only by :meth:`advance` and :meth:`renew`."""
        ...

    def add_plan(
        self,
        plan_id: str,
        amount: Money,
        *,
        interval: str = "month",
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
    ) -> object:
        """Offer a plan, as the seller does in the provider's dashboard.

        Args:
            plan_id: what a checkout takes.
            amount: per period and unit, or per unit of usage.
            interval: ``day``, ``week``, ``month`` or ``year``.
            interval_count: how many intervals make one period.
            trial_days: the length of a free trial; None: no trial.
            metered: bill usage afterwards, where the provider can.
        """
        ...

    def add_payment_method(self, customer_id: str) -> str:
        """Save a card for a customer, and return its id."""
        ...

    def complete_checkout(self, session_id: str) -> object:
        """Play the customer who subscribes or pays on a checkout page. If the payment is declined, the page stays open."""
        ...

    def abandon_checkout(self, session_id: str) -> object:
        """Play the customer who never returns to a checkout page: it cannot be completed from now on."""
        ...

    def decline_next_payment(self, *, times: int = 1) -> None:
        """Play the bank that declines the next payments, on a page, of a renewal or of a saved card."""
        ...

    def require_authentication(self, *, times: int = 1) -> None:
        """Make the next payments wait for the payer to authenticate, where the provider has that."""
        ...

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> object:
        """Play the payer who authenticates a payment that waits for it, or fails to."""
        ...

    def approve_change(self, subscription_id: str) -> object:
        """Play the customer who agrees to another plan or quantity, where the provider asks (``approval_url``)."""
        ...

    def pay_outstanding(self, subscription_id: str) -> object:
        """Play the customer who pays what a subscription owes."""
        ...

    def delay_next_refund(self, *, times: int = 1) -> None:
        """Make the next refunds be pending until :meth:`settle_refund`."""
        ...

    def settle_refund(self, refund_id: str, *, succeeded: bool = True) -> object:
        """Make the money of a pending refund arrive, or come back."""
        ...

    def open_dispute(self, payment_id: str) -> object:
        """Play the payer's bank that wants the money of a payment back, and return the dispute."""
        ...

    def decide_dispute(self, dispute_id: str, *, won: bool) -> object:
        """Play the bank that decides a dispute for you, or against you."""
        ...

    def advance(self, *, months: int = 0, days: float = 0, hours: float = 0) -> datetime:
        """Advance the time, with everything that is due, and return the new simulated time."""
        ...

    def renew(self, subscription_id: str) -> object:
        """Advance the time until the subscription's period has ended, and it is billed again, or over."""
        ...

    def deliveries(self) -> Sequence[Webhook]:
        """Return the webhooks that wait, signed; they leave the outbox."""
        ...

    def redeliver(self, event_id: str) -> None:
        """Put an event that was delivered before into the outbox again."""
        ...


@attrs.frozen
class Delivered:
    """A delivered webhook, and its answer.

    Args:
        webhook: what was sent.
        status: the HTTP status of the answer.
    """

    webhook: Webhook
    status: int

    @property
    def ok(self) -> bool:
        """Whether the provider counts the webhook as delivered."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the statuses of success


def deliver(simulator: Simulator, to: str | Callable[[Webhook], int], *, timeout: float = 10) -> list[Delivered]:
    """Deliver the webhooks that wait, one after the other.

    A webhook that is not answered with success waits again, as at a provider: another call delivers it again.

    Args:
        simulator: whose webhooks.
        to: the URL to post them to; or a function that takes a webhook and returns an HTTP status, such as a test client's.
        timeout: how many seconds to wait for each answer.

    Returns:
        Each webhook with the status that it was answered with.

    Raises:
        OSError: nothing answers at the URL. That webhook waits again, and so do those behind it.
    """
    waiting = list(simulator.deliveries())
    done: list[Delivered] = []
    try:
        while waiting:
            webhook = waiting[0]
            status = _post(to, webhook, timeout) if isinstance(to, str) else to(webhook)
            done.append(Delivered(webhook, status))
            del waiting[0]
    finally:
        for webhook in (*(each.webhook for each in done if not each.ok), *waiting):
            simulator.redeliver(webhook.event_id)
    return done


def _post(url: str, webhook: Webhook, timeout: float) -> int:
    if not url.startswith(("http://", "https://")):
        message = f"webhooks are posted to an http or https URL, not to {url!r}"
        raise ValueError(message)
    request = Request(url, webhook.payload, dict(webhook.headers), method="POST")  # noqa: S310 - checked above
    try:
        with urlopen(request, timeout=timeout) as answer:  # noqa: S310 - the same
            status: int = answer.status
            return status
    except HTTPError as refused:
        return refused.code
