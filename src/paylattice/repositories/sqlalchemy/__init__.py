"""Billing on SQLAlchemy 2: PostgreSQL, MySQL 8, MariaDB 10.11 and SQLite, async and blocking. ``paylattice[sqlalchemy]``."""

from .blocking import BlockingSQLAlchemyRepository
from .repository import SQLAlchemyRepository
from .tables import BillingTables, include_metadata

__all__ = ["BillingTables", "BlockingSQLAlchemyRepository", "SQLAlchemyRepository", "include_metadata"]
