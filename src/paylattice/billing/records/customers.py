"""An organisation as a customer of a provider."""

from datetime import datetime
from typing import Self

import attrs

from ...frozen import FrozenMap
from ...models import NOTHING
from ...models.base import string_map
from ..tables import Index, Table, UniqueKey
from .fields import personal

__all__ = ["CUSTOMERS", "CUSTOMERS_BY_ORG", "CUSTOMERS_BY_PROVIDER", "BillingCustomer"]


@attrs.frozen
class BillingCustomer:
    """An organisation as a customer of one provider.

    Unique: ``(org_id, provider)`` and ``(provider, external_customer_id)``.

    Args:
        id: this record's own id.
        org_id: the application's id of who pays.
        provider: the provider's name.
        external_customer_id: the provider's id of the customer.
        email: as given by the application, or as the provider has told since.
        name: as given by the application, or as the provider has told since.
        metadata: the application's own words.
        created_at: UTC.
        updated_at: UTC.
        phone: as given by the application, or as the provider has told since.
        ticket: which reading of the provider's customer ``email``, ``name`` and ``phone`` are; 0: of none yet.
        erased_customer_id: the provider's id of the customer that was forgotten here last: nothing personal is taken from what
            is theirs.
    """

    id: str
    org_id: str
    provider: str
    external_customer_id: str
    email: str | None = attrs.field(default=None, repr=False, metadata=personal("the e-mail address of who pays"))
    name: str | None = attrs.field(default=None, repr=False, metadata=personal("the name of who pays"))
    metadata: FrozenMap[str, str] = attrs.field(
        default=NOTHING, converter=string_map, repr=False, metadata=personal("whatever your application put into it")
    )
    created_at: datetime | None = None
    updated_at: datetime | None = None
    phone: str | None = attrs.field(default=None, repr=False, metadata=personal("the phone number of who pays"))
    ticket: int = 0
    erased_customer_id: str | None = None

    @property
    def is_erased(self) -> bool:
        """Whether it was forgotten, and has not come back."""
        return self.erased_customer_id == self.external_customer_id

    def following(self, external_customer_id: str, *, now: datetime) -> Self:
        """This record at another profile of the same organisation; erased there, too, if it is erased.

        Args:
            external_customer_id: the provider's id of the profile.
            now: UTC.
        """
        erased = external_customer_id if self.is_erased else self.erased_customer_id
        return attrs.evolve(self, external_customer_id=external_customer_id, erased_customer_id=erased, updated_at=now)


CUSTOMERS_BY_PROVIDER = Index("by_provider", ("provider",), order=("id",))
CUSTOMERS_BY_ORG = Index("by_org", ("org_id",), order=("id",))

CUSTOMERS = Table(
    "billing_customers",
    BillingCustomer,
    primary_key=("id",),
    unique_keys=(
        UniqueKey("org", ("org_id", "provider")),
        UniqueKey("external", ("provider", "external_customer_id")),
    ),
    indexes=(CUSTOMERS_BY_PROVIDER, CUSTOMERS_BY_ORG),
    updatable=(
        "org_id",
        "external_customer_id",
        "email",
        "name",
        "metadata",
        "updated_at",
        "phone",
        "ticket",
        "erased_customer_id",
    ),
)
