"""Checks of what comes back: every value of every column as it was written, whatever the database makes of it."""

from datetime import datetime, timedelta

import attrs

from ....billing.records import BillingCustomer, Record, UnmatchedEvent, table_of
from ....billing.tables import ColumnKind
from ..expectations import expect
from .concurrency import Actors
from .hooks import Repository, RepositoryChecks
from .samples import HOSTILE, KINDS, bare, key_of, sample, with_values

__all__ = ["ValueChecks"]


async def expect_there(repo: Repository, record: Record) -> None:
    """Fail unless the record is found as it was written, by each of its keys and each of its indexes."""
    kind = type(record)
    table = table_of(kind)
    row = table.row(record)
    for columns in table.keys:
        key = key_of(table, columns, record)
        if None not in key.values():
            found = await repo.get(kind, key)
            expect(found == record, f"get by {', '.join(columns)} brought {found!r} for {record!r}")
    for index in table.indexes:
        values = {name: row[name] for name in index.columns}
        if None not in values.values():
            page = await repo.find(kind, index, values)
            expect(record in page, f"find by {index.name} does not bring {record!r}")


class ValueChecks(RepositoryChecks):
    """What is written is what is read."""

    def test_a_record_comes_back_as_it_was_written(self, repository: object) -> None:
        """With a value in every column, and with None in every column that may be NULL; by each key and index."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                for record in (sample(kind, 1), bare(kind, 2), sample(kind, 3)):
                    expect(await repo.insert(record) is True, f"insert of a new {kind.__name__} must answer True")
                for record in (sample(kind, 1), bare(kind, 2), sample(kind, 3)):
                    await expect_there(repo, record)

        self.drive(repository, check)

    def test_what_is_not_there_is_none(self, repository: object) -> None:
        """And an empty page; no exception."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                await repo.insert(sample(kind, 1))
                table, row = table_of(kind), table_of(kind).row(sample(kind, 2))
                for columns in table.keys:
                    for name in columns:
                        key = {**key_of(table, columns, sample(kind, 1)), name: "x"}
                        found = await repo.get(kind, key)
                        expect(found is None, f"get of a {kind.__name__} that is not there brought {found!r}")
                        expect(await repo.get(kind, key, lock=True) is None, "so did get with a lock")
                for index in table.indexes:
                    values = {name: "x" if name == "provider" else row[name] for name in index.columns}
                    expect(await repo.find(kind, index, values) == [], f"find by {index.name} brought what it must not")

        self.drive(repository, check)

    def test_json_comes_back_as_it_was(self, repository: object) -> None:
        """It is what a provider sent: large numbers, half characters, NUL, long texts. What cannot be kept would be lost."""

        async def check(repo: Repository, _actors: Actors) -> None:
            strings = {key: value for key, value in HOSTILE.items() if isinstance(value, str)}
            for kind in KINDS:
                for column in table_of(kind).columns:
                    if column.kind is ColumnKind.JSON:
                        free = column.name != "metadata"
                        record = with_values(sample(kind, 1), **{column.name: HOSTILE if free else strings})
                        await repo.insert(record)
                        await expect_there(repo, record)
                        expect(await repo.delete(record), "delete of a row must answer True")

        self.drive(repository, check)

    def test_times_come_back_in_utc(self, repository: object) -> None:
        """To the microsecond, and whatever the time zone of the server, the session or the process is."""

        async def check(repo: Repository, _actors: Actors) -> None:
            for kind in KINDS:
                written = sample(kind, 1)
                await repo.insert(written)
                found = await repo.get(kind, table_of(kind).key_of(written))
                for name, value in ({} if found is None else attrs.asdict(found, recurse=False)).items():
                    if isinstance(value, datetime):
                        utc = value.utcoffset() == timedelta(0)
                        expect(utc, f"{kind.__name__}.{name} came back in another time zone than UTC")
                        expect(value == getattr(written, name), f"{kind.__name__}.{name} is not the time it was")

        self.drive(repository, check)

    def test_keys_are_compared_character_by_character(self, repository: object) -> None:
        """Upper and lower case and accents tell two keys apart: a collation that folds them loses events."""

        async def check(repo: Repository, _actors: Actors) -> None:
            names = ["evt_a", "evt_A", "evt_ä", "evt_á", "Evt_a", "evt_b", "evt_\U0001f600", "\x7f", "~"]
            events = [sample(UnmatchedEvent, 1, external_event_id=name) for name in names]
            for each in events:
                expect(await repo.insert(each), f"the key {each.external_event_id!r} was taken for another one")
            for each in events:
                await expect_there(repo, each)
            long = sample(BillingCustomer, 1, id="i" * 255, external_customer_id="x" * 255, org_id="o" * 255)
            expect(await repo.insert(long), "a new customer was not inserted")
            await expect_there(repo, long)

        self.drive(repository, check)
