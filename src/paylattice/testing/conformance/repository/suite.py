"""The test classes that the author of a repository inherits: one for async repositories, one for blocking ones.

    class TestMyRepository(RepositoryConformance):
        @pytest.fixture
        def repository(self) -> MyRepository:
            return MyRepository(a_fresh_database())

The checks are those of the docstrings of :class:`~paylattice.BillingRepository`, written once for both. No pytest plugin is
needed.
"""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, ClassVar, cast

import pytest

from ....billing.records import table_of
from ....billing.repository import BlockingBillingRepository
from ....driving import run
from ....sync import adapted
from ..expectations import expect
from .concurrency import STUCK, Actors, AsyncActors, ThreadActors
from .hooks import Check, Repository
from .keys import KeyChecks
from .pages import PageChecks
from .races import RaceChecks
from .samples import KINDS, sample
from .transactions import TransactionChecks
from .values import ValueChecks

__all__ = ["BlockingRepositoryConformance", "RepositoryConformance"]


class _Conformance(ValueChecks, KeyChecks, PageChecks, TransactionChecks, RaceChecks):
    """What both faces share."""

    patience: ClassVar[float] = 30.0
    """Seconds after which transactions that wait for one another count as stuck."""
    grace: ClassVar[float] = 0.3
    """Seconds to wait for what may come but need not; longer for a database that is far away."""

    def reopened(self, repository: Any) -> Any:
        """Another repository object over the same database, as after a crash or in another process."""
        pytest.skip(f"implement {type(self).__name__}.reopened: the suite cannot know how the database is opened again")

    def test_what_is_committed_outlives_the_process(self, repository: object) -> None:
        """Records, and the tickets that were given out, are there for the next process."""

        async def check(repo: Repository, _actors: Actors) -> None:
            async with repo.transaction() as tx:
                for kind in KINDS:
                    await repo.insert(sample(kind, 1), tx=tx)
            ticket = await repo.next_ticket()
            again = self.second(repo)
            for kind in KINDS:
                found = await again.get(kind, table_of(kind).key_of(sample(kind, 1)))
                expect(found == sample(kind, 1), f"a {kind.__name__} did not outlive the process")
                expect(await again.insert(sample(kind, 1)) is False, "a key is free again after a crash")
            later = await again.next_ticket()
            expect(later > ticket, "after a crash, tickets are given out a second time")
            expect(await repo.next_ticket() > later, "two processes give out the same tickets")

        self.drive(repository, check)

    def second(self, repo: Repository) -> Repository:
        """What :meth:`reopened` returns, behind the async protocol."""
        raise NotImplementedError


class RepositoryConformance(_Conformance):
    """What a :class:`~paylattice.BillingRepository` promises, as tests.

    A subclass gives one fixture, ``repository``: a fresh, empty repository for each check; or a function that returns an
    async context manager of one, which is entered on the event loop of the check: for pools that belong to a loop.
    """

    @pytest.fixture
    def repository(self) -> object:
        """A fresh, empty repository, or a function that opens one."""
        message = "the suite needs one fixture, repository: a fresh, empty repository"
        raise NotImplementedError(message)

    def drive(self, repository: object, check: Check) -> None:
        """Run the check on an event loop of its own."""
        __tracebackhide__ = True

        async def on_a_loop() -> None:
            actors = AsyncActors(self.patience, self.grace)
            if not callable(repository):
                await check(cast("Repository", repository), actors)
                return
            opening = cast("Callable[[], AbstractAsyncContextManager[Repository]]", repository)
            async with opening() as opened:
                await check(opened, actors)

        async def in_time() -> None:
            limit = asyncio.timeout(2 * self.patience)
            try:
                async with limit:
                    await on_a_loop()
            except TimeoutError as exc:
                if limit.expired():
                    raise AssertionError(STUCK) from exc
                raise

        asyncio.run(in_time())

    def second(self, repo: Repository) -> Repository:
        """What :meth:`reopened` returns."""
        return cast("Repository", self.reopened(repo))

    def test_it_is_async(self, repository: object) -> None:
        """A blocking repository on an event loop holds up everybody."""

        async def check(repo: Repository, _actors: Actors) -> None:
            expect(
                inspect.iscoroutinefunction(repo.next_ticket),
                f"{type(repo).__name__} is a blocking repository: inherit BlockingRepositoryConformance",
            )

        self.drive(repository, check)


class BlockingRepositoryConformance(_Conformance):
    """What a ``BlockingBillingRepository`` promises, as tests; actors are threads.

    A subclass gives one fixture, ``repository``: a fresh, empty repository for each check; or a function that returns a
    context manager of one.
    """

    @pytest.fixture
    def repository(self) -> object:
        """A fresh, empty repository, or a function that opens one."""
        message = "the suite needs one fixture, repository: a fresh, empty repository"
        raise NotImplementedError(message)

    def drive(self, repository: object, check: Check) -> None:
        """Run the check in this thread, with no event loop."""
        __tracebackhide__ = True
        actors = ThreadActors(self.patience, self.grace)
        if not callable(repository):
            run(_coroutine(check, cast("BlockingBillingRepository[Any]", repository), actors))
            return
        opening = cast("Callable[[], AbstractContextManager[BlockingBillingRepository[Any]]]", repository)
        with opening() as opened:
            run(_coroutine(check, opened, actors))

    def second(self, repo: Repository) -> Repository:
        """What :meth:`reopened` returns, behind the async protocol."""
        blocking: object = getattr(repo, "wrapped", repo)
        return adapted(cast("BlockingBillingRepository[Any]", self.reopened(blocking)))

    def test_it_is_blocking(self, repository: object) -> None:
        """``paylattice.sync`` has no event loop to wait on."""

        async def check(repo: Repository, _actors: Actors) -> None:
            blocking: object = getattr(repo, "wrapped", repo)
            expect(
                not inspect.iscoroutinefunction(getattr(blocking, "next_ticket", None)),
                f"{type(blocking).__name__} is an async repository: inherit RepositoryConformance",
            )

        self.drive(repository, check)


async def _coroutine(check: Check, repository: BlockingBillingRepository[Any], actors: Actors) -> None:
    await check(adapted(repository), actors)
