"""The repository for Django with one part of it left out. Not collected by itself: ``test_django_repository.py`` runs it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from .django_checks import InThreadsOfTheirOwn
from .django_checks import TestDjangoRepository as Whole
from .left_out import KEYS

from django.core.management import call_command  # isort: skip  # after the settings, which the checks above make
from django.db import connection  # isort: skip


class Double(Whole):
    """``table`` and ``columns`` are where a unique key is missing, and which."""

    table: ClassVar[str] = ""
    columns: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[type[InThreadsOfTheirOwn]] = InThreadsOfTheirOwn
    patience = 2.0
    grace = 0.1

    @pytest.fixture
    def repository(self) -> Generator[InThreadsOfTheirOwn]:
        call_command("migrate", "paylattice", "zero", verbosity=0)
        call_command("migrate", verbosity=0)
        key = ""
        if self.columns:
            with connection.cursor() as cursor:
                keys = connection.introspection.get_constraints(cursor, self.table)
                [key] = [name for name, each in keys.items() if each["unique"] and each["columns"] == [*self.columns]]
                cursor.execute(f"alter table {self.table} drop constraint {key}")
        yield self.kind()
        if key:  # the migrations are undone before the next check, and want to find it
            with connection.cursor() as cursor:
                cursor.execute(f"delete from {self.table}")
                cursor.execute(f"alter table {self.table} add constraint {key} unique ({', '.join(self.columns)})")
        connection.close()


class CommitsEachStatement(InThreadsOfTheirOwn):
    """No transaction."""

    @contextmanager
    def transaction(self) -> Generator[str]:
        yield self._using


class TestWithoutATransaction(Double):
    kind = CommitsEachStatement


for name, (table, columns) in KEYS.items():
    globals()[name] = type(name, (Double,), {"table": table, "columns": columns, "__module__": __name__})
del Whole
