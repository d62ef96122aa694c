"""An organisation as a customer of a provider."""

from datetime import datetime

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
        email: as given by the application.
        name: as given by the application.
        metadata: the application's own words.
        created_at: UTC.
        updated_at: UTC.
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
    updatable=("external_customer_id", "email", "name", "metadata", "updated_at"),
)
