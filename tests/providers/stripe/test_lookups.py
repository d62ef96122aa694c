"""A customer whose creation nobody heard the end of is found again by what it was created with."""

import asyncio
from datetime import UTC, datetime, timedelta

from paylattice import Customer
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import StripeStandIn
from paylattice.transport import AsyncTransport


def found(metadata: dict[str, str] | None, *, since: timedelta = timedelta(0)) -> tuple[Customer, Customer | None]:
    stand_in = StripeStandIn(largest_page=1)
    provider = StripeProvider(
        StripeConfig(secret_key="sk_test_standin"), transport=AsyncTransport(transport=stand_in.transport())
    )

    async def main() -> tuple[Customer, Customer | None]:
        begun = datetime.now(UTC)
        made = await provider.create_customer("ada@example.com", "Ada", {"org_id": "org_1"})
        await provider.create_customer("ada@example.com", "Ada", {"org_id": "org_2"})
        await provider.create_customer("ada@example.com", "Ada")
        again = await provider.find_created_customer("key", begun + since, email="ada@example.com", metadata=metadata)
        return made, again

    return asyncio.run(main())


def test_the_one_with_the_same_metadata_is_found() -> None:
    made, again = found({"org_id": "org_1"})
    assert again is not None
    assert again.id == made.id


def test_another_organisations_or_an_older_one_is_not() -> None:
    assert found({"org_id": "org_3"})[1] is None
    assert found({"org_id": "org_1"}, since=timedelta(hours=1))[1] is None


def test_without_metadata_nobody_can_be_sure() -> None:
    assert found(None)[1] is None
