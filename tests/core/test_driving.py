"""Running a coroutine without an event loop."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import pytest

from paylattice.driving import run
from paylattice.errors import ConfigurationError


async def value(result: object) -> object:
    return result


async def nested() -> object:
    return [await value(1), await value(2)]


def test_a_coroutine_that_never_waits_is_run_to_its_result() -> None:
    assert run(value("x")) == "x"
    assert run(nested()) == [1, 2]
    assert run(value(None)) is None


def test_an_exception_passes() -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        run(fail())


def test_a_coroutine_that_waits_is_closed_and_named() -> None:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            seen.append("closed")

    with pytest.raises(ConfigurationError, match=r"waits waited for an event loop.*BlockingTransport"):
        run(waits())
    assert seen == ["closed"]


async def waits_again_while_it_is_closed() -> None:
    try:
        await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)


async def fails_while_it_is_closed() -> None:
    try:
        await asyncio.sleep(0)
    finally:
        raise ZeroDivisionError


@pytest.mark.parametrize("stubborn", [waits_again_while_it_is_closed, fails_while_it_is_closed])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_coroutine_that_does_not_let_itself_be_closed_gets_the_same_message(stubborn: Any) -> None:
    with pytest.raises(ConfigurationError, match="waited for an event loop"):
        run(stubborn())


def test_a_coroutine_without_a_name_gets_the_message_too() -> None:
    class Nameless(Coroutine[Any, Any, None]):
        def send(self, _: object) -> None:
            return None

        def throw(self, *_: Any) -> None:
            raise GeneratorExit

        def __await__(self) -> Any:
            return iter(())

        def close(self) -> None:
            return None

    with pytest.raises(ConfigurationError, match="the operation waited"):
        run(Nameless())


def test_it_works_inside_a_running_event_loop() -> None:
    async def main() -> object:
        return run(nested())

    assert asyncio.run(main()) == [1, 2]


def test_a_coroutine_that_would_sleep_inside_a_running_event_loop_is_refused() -> None:
    async def main() -> None:
        run(asyncio.sleep(0.01))

    with pytest.raises(ConfigurationError, match="waited for an event loop"):
        asyncio.run(main())


def test_context_managers_are_left_in_order() -> None:
    left: list[str] = []

    @contextlib.asynccontextmanager
    async def room(name: str) -> Any:
        yield
        left.append(name)

    async def visit() -> None:
        async with room("outer"), room("inner"):
            pass

    run(visit())
    assert left == ["inner", "outer"]
