"""Each field of a stored record that comes to hold personal data is declared, and so listed in the documentation.

A life with every provider is lived under a marked name, and every record that is written on the way is searched for the mark.
"""

import asyncio
import json
from datetime import datetime
from typing import Any

import attrs
import pytest

from paylattice import BillingService, Capability, InMemoryRepository, create_provider
from paylattice.billing import records
from tests.main_job.streets import Street, choose, environment, street_of

RECORDS = (
    records.BillingCustomer,
    records.BillingSubscription,
    records.BillingCheckout,
    records.BillingEvent,
    records.UnmatchedEvent,
    records.BillingOperation,
    records.BillingBookmark,
    records.BillingMigration,
)
PROVIDERS = ("memory", "stripe", "paypal", "square")
MARK = "xyzzy"
EMAIL = f"{MARK}@example.com"
PHONE = "+15550177099"


class Written(InMemoryRepository):
    """Keeps every record that was ever written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Any] = []

    async def insert(self, record: records.Record, **tx: Any) -> bool:
        self.written.append(record)
        return await super().insert(record, **tx)

    async def update(self, record: records.Record, **tx: Any) -> bool:
        self.written.append(record)
        return await super().update(record, **tx)


@pytest.fixture(scope="module", params=PROVIDERS)
def written(request: pytest.FixtureRequest) -> list[Any]:
    """What a life with the provider has left in the repository."""
    with environment(request.param) as (variables, stand_in), pytest.MonkeyPatch.context() as patch:
        choose(request.param, variables, patch)
        provider, repository = create_provider(), Written()
        street = street_of(request.param, provider, stand_in)
        asyncio.run(life(BillingService(provider, repository, clock=street.now), street))
    return repository.written


async def life(billing: BillingService[Any], street: Street) -> None:
    provider = billing.provider(street.name)

    async def deliver() -> None:
        for each in street.post():
            await billing.handle_webhook(street.name, each.payload, dict(each.headers))

    words = {"buyer": MARK} if street.name in {"memory", "stripe"} else {}  # the others keep no words of a customer
    yes, no = f"https://app.test/{MARK}", f"https://app.test/no?{MARK}"
    await billing.ensure_customer("org", email=EMAIL, name=MARK, phone=PHONE, metadata=words)
    session = await billing.start_checkout(
        "org", "plan_pro", email=EMAIL, name=MARK, metadata=words, success_url=yes, cancel_url=no
    )
    await billing.repository.insert(a_migration(street.name, street.now()))
    stranger = await provider.create_customer(EMAIL, MARK)
    elsewhere = await provider.create_checkout_session(stranger.id, "plan_pro", yes, no)
    street.subscribe(elsewhere.id)
    await deliver()  # it may be what the open page sold, as far as is known

    street.subscribe(session.id)
    await deliver()
    await billing.confirm_return(session.id, org_id="org")

    await billing.cancel("org", reason=MARK, at_period_end=Capability.CANCEL_NOW not in provider.capabilities)
    await deliver()
    await billing.maintain()
    await billing.aclose()


def a_migration(source: str, now: datetime) -> records.BillingMigration:
    """The record of one, which takes two providers: ids, times and words of its own."""
    return records.BillingMigration(
        source=source,
        source_subscription_id="sub",
        org_id="org",
        target="another",
        plan_id="plan_pro",
        quantity=1,
        step=records.MigrationStep.PLANNED,
        attempt=1,
        created_at=now,
        updated_at=now,
        expires_at=now,
    )


def holds_the_mark(value: object) -> bool:
    text = json.dumps(value, default=str).lower()
    return MARK in text or PHONE in text


def declared() -> set[tuple[str, str]]:
    return {
        (record.__name__, field.name)
        for record in RECORDS
        for field in attrs.fields(record)
        if "personal" in field.metadata
    }


def marked(written: list[Any]) -> set[tuple[str, str]]:
    return {
        (type(record).__name__, field.name)
        for record in written
        for field in attrs.fields(type(record))
        if holds_the_mark(getattr(record, field.name))
    }


def test_a_field_that_holds_personal_data_is_declared(written: list[Any]) -> None:
    assert {type(record) for record in written} == set(RECORDS)
    assert marked(written) <= declared()


@pytest.mark.parametrize("written", ["memory"], indirect=True)
def test_every_field_that_is_declared_holds_personal_data(written: list[Any]) -> None:
    assert declared() <= marked(written)


def test_no_personal_data_is_shown(written: list[Any]) -> None:
    assert [record for record in written if MARK in repr(record)] == []


def test_a_field_with_personal_data_is_left_out_of_repr() -> None:
    fields = [field for record in RECORDS for field in attrs.fields(record) if "personal" in field.metadata]
    assert [field.name for field in fields if field.repr is not False] == []


def test_every_record_is_looked_at() -> None:
    public = {getattr(records, name) for name in records.__all__}
    assert {each for each in public if attrs.has(each)} == set(RECORDS)
