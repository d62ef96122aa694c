"""The operation log: what is sent to a provider is recorded before it is sent."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import attrs

from ..tables import Index, Table
from .fields import personal

__all__ = [
    "IN_DOUBT",
    "OPERATIONS",
    "OPERATIONS_BY_EXTERNAL_ID",
    "OPERATIONS_BY_ORG",
    "OPERATIONS_BY_PROVIDER",
    "OPERATIONS_BY_REFERENCE",
    "OPERATIONS_BY_STATE",
    "BillingOperation",
    "OperationState",
]


IN_DOUBT = "OutcomeUnknown"
"""The ``error`` of an open operation with several attempts, perhaps: a refusal of one says nothing of the others."""


class OperationState(StrEnum):
    """The state of an operation in the log."""

    OPEN = "open"
    """It was sent, or was about to be sent; its outcome is unknown."""
    DONE = "done"
    """The provider did it."""
    FAILED = "failed"
    """Nothing was changed by any attempt, as the provider refused it, or never received it."""
    ABANDONED = "abandoned"
    """Not known to have been done, and not sent again by itself, as the provider has forgotten its key, or something newer
    was asked for since."""


@attrs.frozen
class BillingOperation:
    """A row of the operation log: what the service sends to a provider is recorded before it is sent.

    Unique: ``(provider, key)``.

    Args:
        provider: the provider's name.
        key: the idempotency key that it is sent with.
        operation: the name of the provider's operation.
        org_id: the organisation that it is for.
        arguments: what it is sent with, ready for JSON. What billing decides later is added to it once.
        created_at: UTC; when it was recorded, before the first attempt.
        state: see :class:`OperationState`.
        external_id: the provider's id of what it made: a customer, a checkout session; or of the subscription it changes,
            which is known from the beginning.
        reference: of a checkout: what the provider's events call it by, where that is not its id. Of the creation of a
            customer: the provider's id of the one that it replaces, who was deleted there.
        error: the class of the error that ended it. Of one that is done, ``ActionRequired``: the payer has to agree first. Of
            an open one, ``OutcomeUnknown``: several attempts may be under way.
        closed_at: UTC.
        ticket: its place in the order in which operations were asked for: a fencing token, strictly increasing, so that no
            clock has to be trusted.
    """

    provider: str
    key: str
    operation: str
    org_id: str
    arguments: Mapping[str, object] = attrs.field(
        repr=False,
        metadata=personal(
            "what was asked for, in plain JSON: e-mail address, name and phone number of a customer; e-mail address, metadata "
            "and URLs of a page; the token of a payment method, while it is open, later its digest; the "
            "reason of a cancellation"
        ),
    )
    created_at: datetime
    state: OperationState = attrs.field(default=OperationState.OPEN, converter=OperationState)
    external_id: str | None = None
    reference: str | None = None
    error: str | None = None
    closed_at: datetime | None = None
    ticket: int = 0

    @property
    def is_in_doubt(self) -> bool:
        """Whether it was sent more than once, or may have been, and it is not known what came of it."""
        return self.state is OperationState.OPEN and self.error == IN_DOUBT


_AS_ASKED_FOR = ("ticket", "key")
OPERATIONS_BY_PROVIDER = Index("by_provider", ("provider",), order=_AS_ASKED_FOR)
OPERATIONS_BY_STATE = Index("by_state", ("provider", "state"), order=_AS_ASKED_FOR)
OPERATIONS_BY_EXTERNAL_ID = Index("by_external_id", ("provider", "external_id"), order=_AS_ASKED_FOR)
OPERATIONS_BY_REFERENCE = Index("by_reference", ("provider", "reference"), order=_AS_ASKED_FOR)
OPERATIONS_BY_ORG = Index("by_org", ("org_id",), order=(*_AS_ASKED_FOR, "provider"))

OPERATIONS = Table(
    "billing_operations",
    BillingOperation,
    primary_key=("provider", "key"),
    indexes=(
        OPERATIONS_BY_PROVIDER,
        OPERATIONS_BY_STATE,
        OPERATIONS_BY_EXTERNAL_ID,
        OPERATIONS_BY_REFERENCE,
        OPERATIONS_BY_ORG,
    ),
    updatable=("org_id", "arguments", "created_at", "state", "external_id", "reference", "error", "closed_at"),
)
