"""The printed schemas are accepted by their databases, twice; and they are the tables that the repositories use."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pymysql
import pytest
from sqlite_repository import SQLiteRepository

from paylattice import BillingCheckout, BillingCustomer
from paylattice.billing.records import TABLES
from paylattice.billing.schema import Dialect, schema
from tests.mariadb import MariaDB
from tests.postgres import PostgresServer, fresh_databases

from .sqlalchemy_support import database

COLUMNS = """
    select table_name, column_name, data_type, is_nullable, coalesce(collation_name, '')
    from information_schema.columns where table_schema = 'public' order by 1, 2
"""
KEYS = """
    select conrelid::regclass::text, contype::text, array(
        select attname::text from unnest(conkey) with ordinality as part (place, number)
        join pg_attribute on attrelid = conrelid and attnum = place order by number
    )
    from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f') order by 1, 2, 3
"""
INDEXES = """
    select indexrelid::regclass::text, array(
        select attname::text from unnest(indkey) with ordinality as key (place, number)
        join pg_attribute on attrelid = indrelid and attnum = place order by number
    )
    from pg_index where indrelid::regclass::text like 'billing%' and not indisunique order by 1, 2
"""
SEQUENCES = "select sequencename::text, increment_by, cache_size from pg_sequences order by 1"


def tables(url: str) -> dict[str, object]:
    with psycopg.connect(url) as connection:
        statements = {"columns": COLUMNS, "keys": KEYS, "indexes": INDEXES, "sequences": SEQUENCES}
        return {what: connection.execute(sql.encode()).fetchall() for what, sql in statements.items()}


def printed(dialect: str) -> str:
    command = [sys.executable, "-m", "paylattice", "schema", dialect]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("dialect", Dialect)
def test_the_command_prints_the_schema(dialect: Dialect) -> None:
    assert printed(dialect) == schema(dialect)


def test_postgresql_takes_it_and_has_the_tables_of_the_sqlalchemy_repository(postgres: PostgresServer) -> None:
    with fresh_databases(postgres) as databases, database(postgres) as example:
        name = databases.create()
        for _ in range(2):
            with psycopg.connect(postgres.url(name)) as connection:
                connection.execute(schema("postgresql").encode())
        for what, found in tables(postgres.url(name)).items():
            assert found == tables(postgres.url(example))[what], what


def test_sqlite_takes_it_and_every_page_is_served_by_its_index(tmp_path: Path) -> None:
    SQLiteRepository(tmp_path / "billing.db").create_tables()
    connection = sqlite3.connect(tmp_path / "billing.db")
    connection.executescript(schema("sqlite"))
    for table in TABLES:
        for index in table.indexes:
            where = " and ".join(f'"{name}" = ?' for name in index.columns)
            order = ", ".join(f'"{name}"' for name in index.order)
            sql = f"explain query plan select * from {table.name} where {where} order by {order} limit 9"
            plan = " ".join(row[3] for row in connection.execute(sql, [""] * len(index.columns)))
            assert f"USING INDEX {table.name}_{index.name}" in plan, plan
            assert "TEMP B-TREE" not in plan
    connection.close()


def test_mariadb_takes_it_and_compares_ids_character_by_character(mariadb: MariaDB) -> None:
    with mariadb.database() as name:
        for _ in range(2):
            mariadb.execute(schema("mysql"), name)
        found = mariadb.execute(
            "select table_name from information_schema.tables where table_schema = database()", name
        )
        assert {row[0] for row in found} == {*(table.name for table in TABLES), "billing_tickets"}
        columns = "id, org_id, provider, external_customer_id, metadata, ticket"
        row = f"insert into billing_customers ({columns}) values ('{{id}}', '{{id}}', 'p', '{{id}}', '{{{{}}}}', 0)"
        for value in ("x" * 255, "cus_a", "cus_A", "cus_\u00e4", "cus_\U0001f600"):
            mariadb.execute(row.format(id=value), name)
        with pytest.raises(pymysql.IntegrityError):
            mariadb.execute(row.format(id="cus_a"), name)
        assert mariadb.execute("select count(*) from billing_customers", name) == [(5,)]
        for table in TABLES:
            for index in table.indexes:
                where = " and ".join(f"`{column}` = 'x'" for column in index.columns)
                order = ", ".join(f"`{column}`" for column in index.order)
                sql = f"explain select * from {table.name} force index ({index.name}) where {where} order by {order} limit 9"
                plan = str(mariadb.execute(sql, name))
                assert index.name in plan
                assert "filesort" not in plan, (table.name, index.name, plan)


def test_mariadb_has_the_tables_of_the_sqlalchemy_repository(mariadb: MariaDB) -> None:
    """Columns, and what is in each index; the names of the indexes are a matter of taste."""
    columns = (
        "select table_name, column_name, column_type, is_nullable, collation_name from information_schema.columns "
        "where table_schema = database() order by 1, 2"
    )
    indexes = (
        "select table_name, non_unique, group_concat(column_name order by seq_in_index) from information_schema.statistics "
        "where table_schema = database() group by table_name, index_name, non_unique order by 1, 2, 3"
    )
    with mariadb.database() as name, database(mariadb) as repository:
        mariadb.execute(schema("mysql"), name)
        for sql in (columns, indexes):
            assert mariadb.execute(sql, name) == mariadb.execute(sql, repository)


def test_no_column_of_an_order_may_be_null_or_change_and_each_key_identifies() -> None:
    for table in TABLES:
        nullable = {column.name for column in table.columns if column.nullable}
        for index in table.indexes:
            assert not nullable & {*index.order}, (table.name, index.name)
            assert not {*table.updatable} & {*index.order}, (table.name, index.name)
            assert any({*key} <= {*index.columns, *index.order} and not nullable & {*key} for key in table.keys)
        assert not {*table.primary_key} & {*table.updatable}
        assert {*table.updatable} <= {*table.kinds}
        assert table.update_may_clash is (table.record in {BillingCustomer, BillingCheckout})
