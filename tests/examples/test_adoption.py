"""The application of the guide "From your own Stripe code", before, on the way, and after."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from paylattice import Money
from paylattice.testing import StripeStandIn

Load = Callable[[str], ModuleType]
FOLDER = Path(__file__).parents[2] / "examples" / "adoption"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StripeStandIn]:
    account = StripeStandIn()
    account.add_plan("price_pro", Money(1900, "USD"))
    monkeypatch.setenv("STRIPE_SECRET_KEY", account.secret_key)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", account.webhook_secret)
    monkeypatch.setenv("APP_DATABASE", str(tmp_path / "app.db"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    with account.serve() as url:
        monkeypatch.setenv("STRIPE_API_BASE", url)
        yield account
    for name in ("after", "sqlite_repository"):
        sys.modules.pop(name, None)


def test_the_application_moves_endpoint_by_endpoint(account: StripeStandIn, load: Load, tmp_path: Path) -> None:
    before = load("adoption/before")
    db = before.connect(str(tmp_path / "app.db"))
    for org in ("ada", "bob", "new"):
        db.execute("insert into orgs (id, email) values (?, ?)", (org, f"{org}@example.com"))
    for org in ("ada", "bob"):
        account.complete_checkout(before.checkout(db, org))
    assert [before.may_use(db, org) for org in ("ada", "bob")] == [True, True]

    after = load("adoption/after")
    assert {after.webhook(each.payload, each.headers) for each in account.deliveries()} == {200}
    assert not after.may_use("ada")  # its deliveries wait for it

    move = load("adoption/move")
    db.execute("insert into orgs values ('odd', 'odd@example.com', 'cus_gone')")
    [problem] = move.preview(db)
    assert problem.startswith("odd: missing. ")
    assert move.run(db).problems == {"missing": 1}
    assert "missing" in (tmp_path / "adoption.csv").read_text()
    assert not move.verify(db).is_clean
    db.execute("update orgs set stripe_customer_id = null where id = 'odd'")
    assert move.run(db).is_complete
    assert move.verify(db).as_text().endswith("all agree")

    assert [after.may_use(org) for org in ("ada", "bob", "new")] == [True, True, False]
    after.cancel("ada")
    account.complete_checkout(after.checkout("new", "new@example.com"))
    assert {after.webhook(each.payload, each.headers) for each in account.deliveries()} == {200}
    assert after.may_use("new")
    found = move.verify(db)
    assert (found.is_clean, found.only_stored) == (True, 1)
    move.remove_column(db)
    assert [row[1] for row in db.execute("pragma table_info(orgs)")] == ["id", "email"]
    for service in (after.billing(), move.billing()):
        service.close()
    before.client()._requestor._get_http_client().close()


def test_the_queries_of_the_guide_read_the_tables_of_other_libraries() -> None:
    """dj-stripe's, Laravel Cashier's and pay-rails' own columns, as their migrations create them."""
    page = (FOLDER.parents[1] / "docs" / "adopt.md").read_text(encoding="utf-8")
    queries = [block.partition("```")[0] for block in page.split("```text\n")[1:]]
    db = sqlite3.connect(":memory:")
    db.executescript(
        "create table djstripe_customer (id text, subscriber_id integer, livemode boolean);"
        "insert into djstripe_customer values ('cus_1', 7, 1), ('cus_2', null, 1), ('cus_3', 8, 0);"
        "create table users (id integer, stripe_id text);"
        "insert into users values (7, 'cus_1'), (8, null);"
        "create table pay_customers (id integer, owner_type text, owner_id integer, processor text, processor_id text,"
        ' deleted_at text, "default" boolean);'
        "insert into pay_customers values (1, 'User', 7, 'stripe', 'cus_1', null, 1),"
        " (2, 'User', 8, 'fake_processor', 'x', null, 1),"
        " (3, 'Team', 7, 'stripe', 'cus_9', null, 1), (4, 'User', 9, 'stripe', 'cus_4', '2026-01-01', 1);"
    )
    assert [db.execute(query).fetchall() for query in queries] == [[("7", "cus_1")]] * 3
