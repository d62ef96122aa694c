"""The scheduler leaves orders out only where they end as one does that it runs."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .scheduler import Access, Deadlock, Pause, Task, in_every_order, touch
from .support import all_of
from .test_operation_log_clocks import LOST, BillingOperation, Rivals
from .test_operation_log_races import Crowd
from .test_store import reading

Step = tuple[str, str]


class Small:
    """Tasks whose steps read or change a few variables; what was read goes into what is written next."""

    def __init__(self, scripts: list[list[Step]]) -> None:
        self.values = dict.fromkeys("xyz", 0)
        self.seen: list[list[int]] = [[] for _ in scripts]
        self.tasks: list[Task] = [self.play(number, script) for number, script in enumerate(scripts)]

    async def play(self, number: int, script: list[Step]) -> None:
        for what, name in script:
            if what == "wait":
                await Pause(lambda name=name: self.values[name] > 0)  # type: ignore[misc]  # mypy: not a lambda of no argument
                continue
            await Pause(told=what != "untold")
            if what == "read":
                touch(name, Access.READ)
                self.seen[number].append(self.values[name])
            elif what == "add":
                touch(name, Access.ADD)
                self.values[name] += 1
            else:
                if what == "change":
                    touch(name)
                self.values[name] = self.values[name] * 2 + sum(self.seen[number]) + number + 1

    def end(self) -> str:
        return f"{self.values} {self.seen}"


STEPS = st.tuples(st.sampled_from(["read", "add", "change", "untold", "wait"]), st.sampled_from("xyz"))


def ends(make: Callable[[], Small], *, reduced: bool) -> tuple[int, set[str]]:
    found: set[str] = set()
    try:
        return in_every_order(make, lambda story: found.add(story.end()), reduced=reduced), found
    except Deadlock:
        return 0, {"deadlock"}


@settings(max_examples=60, deadline=None)
@given(scripts=st.lists(st.lists(STEPS, max_size=3), min_size=2, max_size=3))
def test_whatever_the_steps_touch_every_end_is_reached_that_some_order_reaches(scripts: list[list[Step]]) -> None:
    _, every = ends(lambda: Small(scripts), reduced=False)
    _, some = ends(lambda: Small(scripts), reduced=True)
    assert some == every


def test_steps_that_touch_nothing_in_common_are_run_in_one_order() -> None:
    apart = [[("change", "x"), ("change", "x")], [("change", "y"), ("read", "z")]]
    assert ends(lambda: Small(apart), reduced=False)[0] == 20
    assert ends(lambda: Small(apart), reduced=True)[0] == 1


def rows(story: Rivals | Crowd) -> str:
    found = sorted(str(each) for each in all_of(story.repository, BillingOperation))
    return f"{found} {story.provider.__dict__.get('sent', [])[:2]}"


@pytest.mark.parametrize(
    "make",
    [lambda: Rivals({"a": "team", "b": "solo"}, loses=LOST["both answers"]), lambda: Crowd(1, 1, begun=True)],
    ids=["two changes", "a customer"],
)
def test_what_the_doubles_tell_is_all_that_they_touch(make: Callable[[], Rivals | Crowd]) -> None:
    every: set[str] = set()
    some: set[str] = set()
    assert in_every_order(make, lambda story: every.add(rows(story)), reduced=False) > 200
    assert in_every_order(make, lambda story: some.add(rows(story))) < 50
    assert some == every


def test_what_a_repository_tells_is_all_that_it_touches() -> None:
    every: set[str] = set()
    some: set[str] = set()
    assert in_every_order(reading, lambda race: every.add(str(race.upserted)), reduced=False) > 100
    assert in_every_order(reading, lambda race: some.add(str(race.upserted))) < 20
    assert some == every
