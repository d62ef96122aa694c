"""Lists of events that begin with the newest, read from the oldest on: each once, in few requests and little memory."""

import asyncio
import tracemalloc
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paylattice.errors import InvalidResponse
from paylattice.event_lists import MOST, in_windows
from paylattice.jsonlike import JsonObject, timestamp

START = 1_790_000_000
MONTH = 30 * 86_400


class NewestFirst:
    """A provider's list, in pages of a hundred, that can be cut at both ends: whole seconds, both included."""

    def __init__(self, seconds: Sequence[int]) -> None:
        self.seconds = sorted(seconds)
        self.requests = 0

    async def read(self, since: datetime, until: datetime | None) -> AsyncGenerator[JsonObject]:
        low = bisect_left(self.seconds, int(since.timestamp()))
        high = len(self.seconds) if until is None else bisect_right(self.seconds, int(until.timestamp()))
        self.requests += 1
        for count, index in enumerate(range(high - 1, low - 1, -1)):
            if count and count % 100 == 0:
                self.requests += 1
            yield {"id": f"evt_{index}", "created": self.seconds[index]}

    async def all(self, since: int = START) -> list[int]:
        found: list[int] = []
        async for part in in_windows(self.read, made_at, datetime.fromtimestamp(since, UTC)):
            assert len(part) <= MOST
            found += [int(str(data["id"])[4:]) for data in part]
        return found


def made_at(data: JsonObject) -> datetime | None:
    return timestamp(data, "created")


SHAPES: dict[str, list[int]] = {
    "even": [START + number * MONTH // 100_000 for number in range(100_000)],
    "a burst at the end": [START + number * 2600 for number in range(1000)] + [START + MONTH] * 99_000,
    "a burst at the beginning": [START] * 50_000 + [START + number * 50 for number in range(50_000)],
    "bursts": [START + hour * 3600 + number % 60 for hour in range(0, 720, 20) for number in range(2_700)],
    "all in one second": [START + 5] * 100_000,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hundred_thousand_events_take_a_small_multiple_of_a_thousand_requests(shape: str) -> None:
    there = NewestFirst(SHAPES[shape])
    found = asyncio.run(there.all())
    assert len(found) == len(set(found)) == len(there.seconds)
    assert there.requests < (1.3 if shape == "even" else 5) * len(there.seconds) / 100
    when = [there.seconds[index] for index in found]
    assert when == sorted(when)
    if shape == "even":
        assert found == sorted(found)


def test_what_is_held_does_not_grow_with_what_there_is() -> None:
    async def peak(count: int) -> int:
        there = NewestFirst([START + number * 20 for number in range(count)])
        tracemalloc.start()
        try:
            async for _ in in_windows(there.read, made_at, datetime.fromtimestamp(START, UTC)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert asyncio.run(peak(40_000)) < 1.5 * asyncio.run(peak(4_000))


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, MOST - 1, MOST])
def test_what_fits_is_read_at_once(count: int) -> None:
    there = NewestFirst([START + number for number in range(count)])
    assert asyncio.run(there.all()) == list(range(count))
    assert there.requests == max(1, -(-count // 100))


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 5000), min_size=1, max_size=40),
    repeats=st.integers(1, 120),
    behind=st.integers(0, 3000),
)
@example(gaps=[0, 5000], repeats=120, behind=0)
def test_every_event_comes_once_and_in_the_order_of_seconds(gaps: list[int], repeats: int, behind: int) -> None:
    seconds: list[int] = []
    at = START
    for gap in gaps * repeats:
        at += gap
        seconds.append(at)
    there = NewestFirst(seconds)
    since = START + behind
    found = asyncio.run(there.all(since))
    assert sorted(found) == [index for index, second in enumerate(there.seconds) if second >= since]
    when = [there.seconds[index] for index in found]
    assert when == sorted(when)


def test_many_events_that_tell_no_time_are_an_invalid_response() -> None:
    async def read(since: datetime, until: datetime | None) -> AsyncGenerator[JsonObject]:
        for number in range(MOST + 1):
            yield {"id": f"evt_{number}"}

    async def main() -> None:
        async for _ in in_windows(read, made_at, datetime.fromtimestamp(START, UTC)):
            pass

    with pytest.raises(InvalidResponse, match="when they were created"):
        asyncio.run(main())


def test_a_list_that_ignores_the_times_asked_for_comes_to_an_end() -> None:
    there = NewestFirst([START + number for number in range(2 * MOST)])

    async def read(since: datetime, until: datetime | None) -> AsyncGenerator[JsonObject]:
        async for data in there.read(datetime.fromtimestamp(0, UTC), None):
            yield data

    async def main() -> set[str]:
        parts = in_windows(read, made_at, datetime.fromtimestamp(START, UTC))
        return {str(data["id"]) async for part in parts for data in part}

    assert len(asyncio.run(asyncio.wait_for(main(), 20))) == 2 * MOST


def test_times_are_asked_for_in_whole_seconds() -> None:
    there = NewestFirst([START + number for number in range(5000)])
    asked: list[datetime] = []

    async def read(since: datetime, until: datetime | None) -> AsyncGenerator[JsonObject]:
        asked.extend(each for each in (since, until) if each is not None)
        async for data in there.read(since, until):
            yield data

    async def main() -> None:
        since = datetime.fromtimestamp(START, UTC) + timedelta(microseconds=5)
        async for _ in in_windows(read, made_at, since):
            pass

    asyncio.run(main())
    assert {each.microsecond for each in asked} == {0}
