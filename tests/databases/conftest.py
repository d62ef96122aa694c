"""The example repositories are importable here, as in the application that they were copied into; and one server for all."""

import sys
from pathlib import Path

from tests.mariadb import mariadb
from tests.pgbouncer import pgbouncer
from tests.postgres import postgres

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "repositories"))

from .sqlalchemy_support import tables

__all__ = ["mariadb", "pgbouncer", "postgres", "tables"]
