"""The tables in the documentation are those of the examples."""

import re
from pathlib import Path

import psycopg

from tests.postgres import PostgresServer, fresh_databases

from .sqlalchemy_support import database

PAGE = Path(__file__).parents[2] / "docs" / "repositories.md"

COLUMNS = """
    select table_name, column_name, data_type, is_nullable, is_identity
    from information_schema.columns where table_schema = 'public' order by 1, 2
"""
KEYS = """
    select conrelid::regclass::text, contype::text, array(
        select attname::text from unnest(conkey) as place join pg_attribute on attrelid = conrelid and attnum = place
    )
    from pg_constraint where connamespace = 'public'::regnamespace and contype in ('p', 'u', 'f') order by 1, 2, 3
"""
INDEXES = """
    select indrelid::regclass::text, array(
        select attname::text from unnest(indkey) with ordinality as key (place, number)
        join pg_attribute on attrelid = indrelid and attnum = place order by number
    )
    from pg_index where indrelid::regclass::text like 'billing%' and not indisunique order by 1, 2
"""
SEQUENCES = "select sequencename::text, increment_by, cache_size from pg_sequences order by 1"


def tables(url: str) -> dict[str, object]:
    with psycopg.connect(url) as connection:
        return {
            "columns": connection.execute(COLUMNS).fetchall(),
            "keys": connection.execute(KEYS).fetchall(),
            "indexes": connection.execute(INDEXES).fetchall(),
            "sequences": connection.execute(SEQUENCES).fetchall(),
        }


def test_the_documented_tables_are_those_of_the_sqlalchemy_example(postgres: PostgresServer) -> None:
    block = re.search(r"```sql\n(create table.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    with fresh_databases(postgres) as databases, database(postgres) as example:
        documented = databases.create()
        with psycopg.connect(postgres.url(documented)) as connection:
            connection.execute(block[1].encode())
        for what, found in tables(postgres.url(documented)).items():
            assert found == tables(postgres.url(example))[what], what
