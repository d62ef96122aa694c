"""A hosted checkout and its status."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..frozen import FrozenMap
from .base import NOTHING, Model, string_map

__all__ = ["CheckoutSession", "CheckoutStatus", "OpenCheckout"]


class CheckoutStatus(StrEnum):
    """The status of a hosted checkout. ``PENDING``: the customer has finished, and the money has not arrived yet."""

    OPEN = "open"
    PENDING = "pending"
    COMPLETE = "complete"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@attrs.frozen
class CheckoutSession(Model):
    """A hosted page where the customer pays, subscribes, or saves a payment method.

    Args:
        id: the provider's id.
        url: where to send the customer. None: the page is not open any more.
        customer_id: the customer that you created it for.
        metadata: your own keys and values.
        status: see :class:`CheckoutStatus`.
        subscription_id: the subscription that the customer got.
        payment_id: the payment that the customer made.
        expires_at: when the page closes; UTC. None: the provider does not say.
        raw_status: the provider's own status.
        payment_method_id: what the customer saved on a setup page. None: nothing yet, or the provider does not say.
        reference: the id that the provider's events use for the session, if it is not its own id.
    """

    id: str
    url: str | None = attrs.field(default=None, repr=False)
    customer_id: str | None = None
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)
    status: CheckoutStatus = CheckoutStatus.OPEN
    subscription_id: str | None = None
    payment_id: str | None = None
    expires_at: datetime | None = None
    raw_status: str | None = None
    reference: str | None = None
    payment_method_id: str | None = None


class OpenCheckout(CheckoutSession):
    """A checkout session with an open page, so you can redirect to its ``url`` without a check.

    :meth:`paylattice.BillingService.start_checkout` returns it.
    """

    __slots__ = ()
    url: str

    @classmethod
    def of(cls, session: CheckoutSession) -> "OpenCheckout | None":
        """Return the session as an open one; None if its page is not open."""
        if session.url is None:
            return None
        return cls(**{each.name: getattr(session, each.name) for each in attrs.fields(CheckoutSession)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CheckoutSession) and _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return super().__hash__()


def _compared(session: CheckoutSession) -> list[object]:
    return [getattr(session, each.name) for each in attrs.fields(CheckoutSession) if each.eq]
