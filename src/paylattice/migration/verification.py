"""Verifies an adoption: the old column against billing's records, and those against the provider."""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from ..billing.maintenance.reconcile import Difference
from ..billing.records import BillingCustomer
from ..billing.records.customers import CUSTOMERS_BY_PROVIDER
from ..billing.repository import Tx
from ..billing.service import BillingService
from .fitting import Fitting
from .pairs import Pairs, Selection, batches
from .seen import Seen

__all__ = ["Mismatch", "MismatchKind", "Verification", "verified"]

_SHOWN = 100
_PAGE = 100


class MismatchKind(StrEnum):
    """How two sides differ."""

    NOT_STORED = "not_stored"
    """The column has an id, and billing has no record of it."""
    OTHER_ID = "other_id"
    """The column has another id than billing's record."""
    UNLIKE_PROVIDER = "unlike_provider"
    """A stored subscription is not as the provider's, or one side lacks it."""


@attrs.frozen
class Mismatch:
    """One difference.

    Args:
        org_id: your id of the organisation.
        external_id: the provider's id: of the column, or of the subscription that differs.
        kind: how it differs.
        fields: which fields of the subscription differ.
    """

    org_id: str
    external_id: str
    kind: MismatchKind
    fields: tuple[str, ...] = ()


@attrs.frozen
class Verification:
    """What a comparison of column, records and provider has found.

    Args:
        pairs: how many pairs were compared with the records.
        customers: how many records were compared with the provider.
        counts: how many mismatches there are, by kind.
        mismatches: the first hundred of them.
        unread: how many customers could not be read at the provider now.
        only_stored: how many records no pair has: organisations that came after your code stopped writing the column.
    """

    pairs: int
    customers: int
    counts: Mapping[MismatchKind, int] = attrs.field(factory=dict[MismatchKind, int])
    mismatches: tuple[Mismatch, ...] = ()
    unread: int = 0
    only_stored: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether all three agree, and the column can go."""
        return not self.counts and not self.unread

    def as_text(self) -> str:
        """The result for a person."""
        lines = [f"{self.pairs} pairs and {self.customers} customers compared"]
        lines += [f"  {count} {kind}" for kind, count in self.counts.items()]
        lines += [
            f"    {each.org_id} {each.external_id}: {', '.join((each.kind, *each.fields))}" for each in self.mismatches
        ]
        lines += [f"  {self.unread} could not be read now"] if self.unread else []
        lines += [f"  {self.only_stored} only in billing's records"] if self.only_stored else []
        return "\n".join([*lines, "all agree" if self.is_clean else "not yet"])


async def verified(
    billing: BillingService[Tx], provider_name: str, fitting: Fitting[Tx], pairs: Pairs, *, in_flight: int
) -> Verification:
    """Compare the pairs with the records, and all records of the provider with the provider."""
    counts: dict[MismatchKind, int] = {}
    shown: list[Mismatch] = []
    compared = only_stored = 0

    def note(mismatch: Mismatch) -> None:
        counts[mismatch.kind] = counts.get(mismatch.kind, 0) + 1
        if len(shown) < _SHOWN:
            shown.append(mismatch)

    def on_difference(difference: Difference) -> None:
        fields = (*difference.fields, *(() if difference.lacks is None else (f"lacks {difference.lacks}",)))
        note(Mismatch(difference.org_id, difference.subscription_id, MismatchKind.UNLIKE_PROVIDER, fields))

    with Seen() as seen:
        async for batch in batches(pairs, Selection()):
            for org_id, external_id in batch:
                compared += 1
                seen.note(org_id, external_id)
                stored = await fitting.stored((org_id, external_id))
                if not stored.known:
                    known = stored.problem is not None and await fitting.customer_of(org_id) is not None
                    kind = MismatchKind.OTHER_ID if known else MismatchKind.NOT_STORED
                    note(Mismatch(org_id, external_id, kind))
        last: BillingCustomer | None = None
        key = {"provider": provider_name}
        while page := await billing.repository.find(
            BillingCustomer, CUSTOMERS_BY_PROVIDER, key, after=last, limit=_PAGE
        ):
            only_stored += sum(not seen.has_org(each.org_id) for each in page)
            last = page[-1]
    there = await billing.reconcile(provider_name, in_flight=in_flight, on_difference=on_difference)
    return Verification(compared, there.customers, counts, tuple(shown), there.failed, only_stored)
