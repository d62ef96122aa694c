"""A customer whose creation nobody heard the end of is found again by what it was created with."""

import asyncio
from datetime import UTC, datetime, timedelta

from paylattice import Customer, Money
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


def test_payments_and_refunds_are_found_by_the_key_that_they_were_made_under() -> None:
    stand_in = StripeStandIn(largest_page=1)
    provider = StripeProvider(
        StripeConfig(secret_key="sk_test_standin"), transport=AsyncTransport(transport=stand_in.transport())
    )

    async def main() -> None:
        begun = datetime.now(UTC)
        ada, ben = [(await provider.create_customer(f"{name}@example.com")).id for name in ("ada", "ben")]
        card = stand_in.add_payment_method(ada)
        made = [
            await provider.create_payment(
                Money(1900, "USD"),
                customer_id=ada,
                payment_method_id=card,
                metadata={"order": str(number)},
                idempotency_key=f"charge-{number}",
            )
            for number in range(3)
        ]
        assert [dict(each.metadata) for each in made] == [{"order": str(number)} for number in range(3)]
        for number in range(3):
            assert await provider.find_payment(f"charge-{number}", begun, customer_id=ada) == made[number]
        assert await provider.find_payment("charge-9", begun, customer_id=ada) is None
        assert await provider.find_payment("charge-0", begun, customer_id=ben) is None
        assert await provider.find_payment("charge-0", begun + timedelta(hours=1), customer_id=ada) is None
        back = await provider.refund_payment(made[0].id, Money(100, "USD"), "late", idempotency_key="refund-0")
        await provider.refund_payment(made[0].id, Money(200, "USD"), idempotency_key="refund-1")
        assert await provider.find_refund("refund-0", begun, payment_id=made[0].id) == back
        assert await provider.find_refund("refund-0", begun, payment_id=made[1].id) is None

    asyncio.run(main())
