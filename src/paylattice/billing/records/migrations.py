"""A migration: a subscription that moves from one provider to another, and how far it has come."""

from datetime import datetime
from enum import StrEnum

import attrs

from ..tables import Index, Table

__all__ = [
    "MIGRATIONS",
    "MIGRATIONS_BY_ORG",
    "MIGRATIONS_BY_SOURCE",
    "MIGRATIONS_BY_STEP",
    "BillingMigration",
    "MigrationStep",
]


class MigrationStep(StrEnum):
    """How far a migration has come."""

    PLANNED = "planned"
    """No page is open yet."""
    WAITING = "waiting"
    """The customer has a page at the target, and has not agreed yet."""
    CONSENTED = "consented"
    """The customer has agreed; the subscription at the source is not set to end yet."""
    ENDING = "ending"
    """The subscription at the source is set to end, or has ended; the first payment at the target is not known yet."""
    RETURNING = "returning"
    """It is being taken back, and the subscription at the source goes on."""
    DONE = "done"
    """The target was paid, and the source has ended."""
    FAILED = "failed"
    """It will not be tried again by itself; the record says why."""
    ABORTED = "aborted"
    """Your application has taken it back."""
    UNKNOWN = "unknown"
    """A newer version of paylattice has written it, and only that version goes on with it."""

    @classmethod
    def _missing_(cls, value: object) -> "MigrationStep":  # noqa: ARG003 - as Enum declares it
        return cls.UNKNOWN

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens."""
        return self in _FINAL


_FINAL = frozenset({MigrationStep.DONE, MigrationStep.FAILED, MigrationStep.ABORTED})


@attrs.frozen
class BillingMigration:
    """A subscription that moves from one provider to another.

    Unique: ``(source, source_subscription_id)``.

    Args:
        source: the name of the provider that it leaves.
        source_subscription_id: that provider's id of it.
        org_id: your id of the organisation.
        target: the name of the provider that it moves to.
        plan_id: the target's id of the plan.
        quantity: how many units.
        step: see :class:`MigrationStep`.
        attempt: counts the pages; a new one is opened when what the source was paid for has changed.
        created_at: UTC.
        updated_at: UTC.
        expires_at: when it is given up if the customer has not agreed; UTC.
        moves_at: when the target charges first, and the source ends; UTC. None: no page is open.
        session_id: the target's id of the page.
        target_subscription_id: the target's id of the new subscription.
        reminded_at: when the customer was last to be asked; UTC.
        reason: why it failed, or is taken back.
        leads_to: the step after it is taken back.
    """

    source: str
    source_subscription_id: str
    org_id: str
    target: str
    plan_id: str
    quantity: int
    step: MigrationStep = attrs.field(converter=MigrationStep)
    attempt: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    moves_at: datetime | None = None
    session_id: str | None = None
    target_subscription_id: str | None = None
    reminded_at: datetime | None = None
    reason: str | None = None
    leads_to: str | None = None


MIGRATIONS_BY_SOURCE = Index("by_source", ("source",), order=("source_subscription_id",))
MIGRATIONS_BY_STEP = Index("by_step", ("source", "step"), order=("source_subscription_id",))
MIGRATIONS_BY_ORG = Index("by_org", ("org_id",), order=("source", "source_subscription_id"))

_STAYS = frozenset({"source", "source_subscription_id"})

MIGRATIONS = Table(
    "billing_migrations",
    BillingMigration,
    primary_key=("source", "source_subscription_id"),
    indexes=(MIGRATIONS_BY_SOURCE, MIGRATIONS_BY_STEP, MIGRATIONS_BY_ORG),
    updatable=tuple(field.name for field in attrs.fields(BillingMigration) if field.name not in _STAYS),
)
