"""Waiting, excluding and running together, in both ways; and one client for each event loop."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from paylattice.driving import run as drive
from paylattice.transport import AsyncPrimitives, AsyncTransport, BlockingPrimitives, BlockingTransport
from paylattice.transport.primitives import PerLoop

from .support import READ, Wire

MakeWire = Callable[..., Wire]


def calls(*results: Any) -> list[Callable[[], Awaitable[Any]]]:
    async def one(result: Any) -> Any:
        if isinstance(result, BaseException):
            raise result
        return result

    return [lambda result=result: one(result) for result in results]


# --- gather ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 100, 0, -1])
def test_results_come_in_the_order_of_the_calls(wire: MakeWire, limit: int) -> None:
    line = wire(200)
    assert line.run(line.transport.gather(calls(1, 2, 3), limit=limit)) == [1, 2, 3]


def test_nothing_to_do_is_done_at_once(wire: MakeWire) -> None:
    line = wire(200)
    assert line.run(line.transport.gather([], limit=5)) == []


def test_the_first_failure_passes(wire: MakeWire) -> None:
    line = wire(200)
    with pytest.raises(KeyError, match="first"):
        line.run(line.transport.gather(calls(1, KeyError("first"), 3), limit=5))


def test_results_keep_their_order_whoever_is_ready_first() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    async def main() -> list[int]:
        return await AsyncPrimitives().gather([lambda n=n: after(n) for n in (5, 1, 3)], limit=3)

    assert asyncio.run(main()) == [5, 1, 3]


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_no_more_than_the_limit_run_at_a_time(limit: int) -> None:
    running, most = 0, 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async def main() -> None:
        await AsyncPrimitives().gather([work] * 10, limit=limit)

    asyncio.run(main())
    assert most == limit


def test_a_failure_cancels_the_others_waits_until_they_have_ended_and_begins_no_more() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("slow")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("x")

    async def main() -> None:
        try:
            await AsyncPrimitives().gather([slow, fail, slow], limit=2)
        finally:
            ended.append("gather")

    with pytest.raises(KeyError):
        asyncio.run(main())
    assert ended == ["slow", "gather"]


def test_cancellation_reaches_all_calls() -> None:
    ended: list[int] = []

    async def slow(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(number)

    async def main() -> None:
        gathering = asyncio.create_task(AsyncPrimitives().gather([lambda n=n: slow(n) for n in range(3)], limit=3))
        await asyncio.sleep(0.001)
        gathering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gathering

    asyncio.run(main())
    assert sorted(ended) == [0, 1, 2]


def test_blocking_calls_after_a_failure_are_not_begun() -> None:
    begun: list[int] = []

    async def one(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise KeyError

    with pytest.raises(KeyError):
        drive(BlockingPrimitives().gather([lambda n=n: one(n) for n in range(3)], limit=3))
    assert begun == [0, 1]


# --- sleep -------------------------------------------------------------------------------------------------------


def test_sleeping_goes_through_what_was_given(wire: MakeWire) -> None:
    line = wire(200)
    line.run(line.transport.sleep(5))
    assert line.waits == [5]


@pytest.mark.parametrize("make", [AsyncPrimitives, BlockingPrimitives, AsyncTransport, BlockingTransport])
def test_sleeping_really_works_too(make: Callable[[], Any]) -> None:
    async def main() -> None:
        await make().sleep(0.001)

    asyncio.run(main())


# --- locks -------------------------------------------------------------------------------------------------------


def test_a_lock_lets_one_task_in_at_a_time() -> None:
    inside, most = 0, 0

    async def main() -> None:
        lock = AsyncTransport().lock()

        async def visit() -> None:
            nonlocal inside, most
            async with lock.held():
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(visit() for _ in range(10)))

    asyncio.run(main())
    assert most == 1


def test_a_lock_lets_one_thread_in_at_a_time() -> None:
    lock = BlockingTransport().lock()
    inside, most = 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with lock.held():
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.001)
            inside -= 1

    threads = [threading.Thread(target=lambda: drive(visit())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


@pytest.mark.parametrize("make", [AsyncPrimitives, BlockingPrimitives])
def test_a_lock_is_free_again_after_an_error(make: Callable[[], Any]) -> None:
    async def main() -> None:
        lock = make().lock()
        for _ in range(2):
            with pytest.raises(KeyError):
                async with lock.held():
                    raise KeyError

    asyncio.run(main())


async def contend(lock: Any) -> None:
    async def visit() -> None:
        async with lock.held():
            await asyncio.sleep(0)

    await asyncio.gather(visit(), visit())


def test_a_lock_works_on_one_event_loop_after_another() -> None:
    lock = AsyncPrimitives().lock()
    for _ in range(3):
        asyncio.run(contend(lock))


# --- event loops -------------------------------------------------------------------------------------------------


def test_one_transport_serves_one_event_loop_after_another() -> None:
    line = Wire("async", 200)
    assert [line.send().status for _ in range(3)] == [200] * 3


def test_each_event_loop_has_its_own_client_and_uses_it_again() -> None:
    line = Wire("async", 200)
    assert isinstance(line.transport, AsyncTransport)
    clients: list[httpx.AsyncClient] = []

    async def twice() -> None:
        for _ in range(2):
            await line.transport.send(READ)
            clients.append(line.transport._client())  # type: ignore[arg-type]

    for _ in range(2):
        asyncio.run(twice())
    assert clients[0] is clients[1]
    assert clients[2] is clients[3]
    assert clients[0] is not clients[2]


def test_event_loops_of_several_threads_may_use_one_transport_at_once() -> None:
    line = Wire("async", 200)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(line.send().status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")  # of others
def test_values_of_closed_event_loops_are_let_go_although_they_hold_on_to_their_loop() -> None:
    class Holder:
        def __init__(self) -> None:
            self.loop = asyncio.get_running_loop()

    values: PerLoop[Holder] = PerLoop()
    seen: list[weakref.ref[Holder]] = []

    async def use() -> None:
        seen.append(weakref.ref(values.get(Holder)))

    for _ in range(5):
        asyncio.run(use())
    gc.collect()
    assert [ref() is not None for ref in seen] == [False, False, False, False, True]


def test_a_forgotten_value_is_made_anew() -> None:
    async def main() -> None:
        values: PerLoop[object] = PerLoop()
        first = values.get(object)
        assert values.pop() is first
        assert values.pop() is None
        assert values.get(object) is not first

    asyncio.run(main())


def test_one_blocking_transport_serves_many_threads_with_one_client() -> None:
    line = Wire("blocking", 200)
    assert isinstance(line.transport, BlockingTransport)
    start, clients = threading.Barrier(8), []

    def use() -> None:
        start.wait()
        line.send()
        clients.append(line.transport._client())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(line.seen) == 8
    assert len({id(client) for client in clients}) == 1
