"""Moves the customers of the old column: ``python move.py preview``, ``run``, ``verify``, ``remove_column``."""

import os
import sqlite3
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from after import PLAN, SQLiteRepository

from paylattice.migration import AdoptionReport, Verification, csv_lines
from paylattice.migration.sync import Adoption
from paylattice.sync import BillingService, create_provider


@cache
def billing() -> BillingService:
    """Billing without the application's handlers: adoption writes to nobody."""
    repository = SQLiteRepository(os.environ["APP_DATABASE"])
    repository.create_tables()
    return BillingService(create_provider("stripe"), repository)


def pairs(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """The old column, in an order that stays."""
    yield from db.execute("select id, stripe_customer_id from orgs where stripe_customer_id is not null order by id")


def adoption() -> Adoption:
    return Adoption(billing(), "stripe", plans={PLAN}, per_second=50)


def preview(db: sqlite3.Connection) -> list[str]:
    """What does not fit, and what to do about it. Writes nothing."""
    lines = adoption().preview(pairs(db))
    return [f"{line.org_id}: {line.problem}. {line.advice}" for line in lines if line.problem]


def run(db: sqlite3.Connection, path: str = "adoption.csv") -> AdoptionReport:
    """Store the customers and their subscriptions. May be stopped, and run again."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        return adoption().run(pairs(db), on_line=csv_lines(file), on_progress=lambda so_far: print(so_far.pairs))


def verify(db: sqlite3.Connection) -> Verification:
    """Old column, records and Stripe."""
    return adoption().verify(pairs(db))


def remove_column(db: sqlite3.Connection) -> None:
    """The end of it: only after ``verify`` was content."""
    db.executescript(
        "create table orgs_new (id text primary key, email text not null);"
        "insert into orgs_new select id, email from orgs; drop table orgs; alter table orgs_new rename to orgs;"
    )


if __name__ == "__main__":
    database = sqlite3.connect(os.environ["APP_DATABASE"], isolation_level=None)
    match sys.argv[1:]:
        case ["preview"]:
            print("\n".join(preview(database)) or "everything fits")
        case ["run"]:
            print(run(database).as_text())
        case ["verify"]:
            print(verify(database).as_text())
        case ["remove_column"] if verify(database).is_clean:
            remove_column(database)
        case _:
            print(__doc__)
