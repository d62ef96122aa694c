"""Defines what a database has to do for billing: the protocol that your application implements over its own, in seven methods.

A repository knows tables, not rules. What is written over what, and who wins, is in :mod:`paylattice.billing.store`.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

from typing_extensions import TypeVar

from .tables import Index, Record

__all__ = ["BillingRepository", "BlockingBillingRepository", "Tx"]

Tx = TypeVar("Tx", default=Any)
R = TypeVar("R", bound=Record)


class BillingRepository(Protocol[Tx]):
    """Where billing keeps its records: one row for each, in the tables that ``python -m paylattice schema`` prints.

    Every method takes ``tx``, what :meth:`transaction` yields; with None it runs in a transaction of its own.
    :func:`paylattice.billing.records.table_of` gives the table of a class of records: its name, columns, keys and indexes.

    The guarantees:

    * **Atomicity.** What is done with one ``tx`` becomes visible at once, when the ``async with`` block ends, or never,
      when it ends with an exception or the process dies.
    * **Isolation.** A transaction sees committed records only, and its own. READ COMMITTED is enough, and is what to choose.
    * **Uniqueness.** The primary key and the unique keys of a table are unique, also among transactions that run at the same
      time: the later one waits for the earlier one, and then finds its record.
    * **Durability.** What is committed is there after a crash; so are the tickets that were given out.

    Errors of the database (a lost connection, a full disk, a timeout) come out as they are: the delivery is then answered with
    500, and the provider delivers again. A repository may have one more method, ``should_retry``, which is not async and
    gets the error: where it returns True (a deadlock, a serialization failure), the transaction is run again instead, handlers
    included, at most seven times. With it, REPEATABLE READ and SERIALIZABLE do as well.
    """

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Open a transaction. What it yields is handed to your handlers, so that their writes commit with it."""
        ...

    async def next_ticket(self) -> int:
        """Take a ticket: a number greater than every number given out before, in any process.

        Tickets are fencing tokens: they say which of two readings is later, without a clock. Gaps do no harm. A ticket is taken
        outside of transactions, and waits for none.
        """
        ...

    async def insert(self, record: Record, *, tx: Tx | None = None) -> bool:
        """Insert a row.

        Args:
            record: one of billing's records.
            tx: the transaction.

        Returns:
            False, and nothing is changed, if the primary key or a unique key of the table is taken. If another transaction has
            inserted such a row and has not ended, this waits for its end. The transaction goes on in both cases.
        """
        ...

    async def get(
        self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx | None = None
    ) -> R | None:
        """Get the row with this key.

        Args:
            kind: the class of the record.
            key: a value for each column of the primary key, or of one of the unique keys.
            lock: keep others from changing the row until the transaction ends (``SELECT ... FOR UPDATE``); wait for whoever has
                locked it, and get what they have committed.
            tx: the transaction.

        Returns:
            The record; None if there is none.
        """
        ...

    async def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: Tx | None = None,
    ) -> list[R]:
        """Find a page of rows by one of the table's indexes.

        Args:
            kind: the class of the records.
            index: one of the table's.
            values: a value for each of the index's ``columns``; none of them is None.
            after: go on behind this record: only its values of the index's ``order`` count. Its row may be gone by now.
            limit: the most rows.
            tx: the transaction.

        Returns:
            The records, in the index's ``order``, ascending; texts as the database compares them, the same way each time.
        """
        ...

    async def update(self, record: Record, *, tx: Tx | None = None) -> bool:
        """Write the table's ``updatable`` columns of the row with the record's primary key. Not called if it has none.

        Args:
            record: the values.
            tx: the transaction.

        Returns:
            False, and nothing is changed, if there is no such row, or if another row has the new value of a unique key. The
            transaction goes on in all cases.
        """
        ...

    async def delete(self, record: Record, *, tx: Tx | None = None) -> bool:
        """Delete the row with the record's primary key; False if there is none."""
        ...


class BlockingBillingRepository(Protocol[Tx]):
    """The same without ``await``, for :mod:`paylattice.sync`. The docstrings are :class:`BillingRepository`'s."""

    def transaction(self) -> AbstractContextManager[Tx]:
        """See :meth:`BillingRepository.transaction`."""
        ...

    def next_ticket(self) -> int:
        """See :meth:`BillingRepository.next_ticket`."""
        ...

    def insert(self, record: Record, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.insert`."""
        ...

    def get(self, kind: type[R], key: Mapping[str, object], *, lock: bool = False, tx: Tx | None = None) -> R | None:
        """See :meth:`BillingRepository.get`."""
        ...

    def find(
        self,
        kind: type[R],
        index: Index,
        values: Mapping[str, object],
        *,
        after: R | None = None,
        limit: int = 100,
        tx: Tx | None = None,
    ) -> list[R]:
        """See :meth:`BillingRepository.find`."""
        ...

    def update(self, record: Record, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.update`."""
        ...

    def delete(self, record: Record, *, tx: Tx | None = None) -> bool:
        """See :meth:`BillingRepository.delete`."""
        ...
