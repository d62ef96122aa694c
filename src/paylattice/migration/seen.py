"""Remembers which pairs a dry run has seen: on disk, so that a long list needs no more memory than a short one."""

from types import TracebackType
from typing import Self

__all__ = ["Seen"]


class Seen:
    """The ids that went by. They are kept in a temporary file that SQLite deletes."""

    def __init__(self) -> None:
        import sqlite3  # noqa: PLC0415 - only a dry run needs it, and not every Python has it

        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE pair (external_id TEXT PRIMARY KEY, org_id TEXT) WITHOUT ROWID")
        self._db.execute("CREATE INDEX by_org ON pair (org_id)")

    def note(self, org_id: str, external_id: str) -> tuple[str | None, str | None]:
        """Note a pair. Returns the organisation that had the id before, and the id that the organisation had; else None."""
        of_id = self._one("SELECT org_id FROM pair WHERE external_id = ?", external_id)
        of_org = self._one("SELECT external_id FROM pair WHERE org_id = ?", org_id)
        if of_id is None:
            self._db.execute("INSERT INTO pair VALUES (?, ?)", (external_id, org_id))
        return of_id, of_org

    def has_org(self, org_id: str) -> bool:
        """Whether a pair of the organisation went by."""
        return self._one("SELECT external_id FROM pair WHERE org_id = ?", org_id) is not None

    def _one(self, query: str, value: str) -> str | None:
        row = self._db.execute(query, (value,)).fetchone()
        return None if row is None else str(row[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
