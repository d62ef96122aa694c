"""Finds out whether a database asks for a transaction to be run again: it has lost a race, and nothing else is wrong.

https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html,
https://dev.mysql.com/doc/refman/8.4/en/innodb-deadlocks-handling.html, https://mariadb.com/kb/en/mariadb-error-codes/
"""

from collections.abc import Iterator, Set

__all__ = ["ATTEMPTS", "asks_for_retry", "lost_its_statement"]

ATTEMPTS = 5
"""How often a single statement is run that is a transaction by itself."""

_NO_STATEMENT = frozenset({"26000"})
"""invalid_sql_statement_name"""
_SQLSTATES = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
    }
)
_MYSQL_ERRORS = frozenset(
    {
        1020,  # ER_CHECKREAD: the record has changed since the transaction's snapshot (MariaDB)
        1213,  # ER_LOCK_DEADLOCK
    }
)
_MYSQL_DRIVERS = frozenset({"MySQLdb", "aiomysql", "asyncmy", "mysql", "pymysql"})


def asks_for_retry(error: BaseException) -> bool:
    """Whether the error, or one that it was made of, is a serialization failure or a deadlock."""
    return any(_is_conflict(each) for each in _made_of(error))


def lost_its_statement(error: BaseException) -> bool:
    """Whether PostgreSQL does not know the prepared statement: a pooler has prepared it on another connection.

    Nothing was executed. https://www.pgbouncer.org/features.html
    """
    return any(_has_sqlstate(each, _NO_STATEMENT) for each in _made_of(error))


def _made_of(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [getattr(one, "orig", None), one.__cause__]  # SQLAlchemy's way, and Django's


def _has_sqlstate(error: BaseException, states: Set[str]) -> bool:
    return getattr(error, "sqlstate", None) in states or getattr(error, "pgcode", None) in states


def _is_conflict(error: BaseException) -> bool:
    if _has_sqlstate(error, _SQLSTATES):
        return True
    driver = type(error).__module__.partition(".")[0]
    return driver in _MYSQL_DRIVERS and bool(error.args) and error.args[0] in _MYSQL_ERRORS
