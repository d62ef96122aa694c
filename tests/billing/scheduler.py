"""Runs coroutines one step at a time, in every order or in a given one, with no event loop: a schedule is a list of numbers.

Two steps that touch nothing in common end the same whichever comes first. Of the orders that differ in nothing but such
steps, :func:`in_every_order` runs one: it lets a step sleep that was tried before, until another one touches what it touched
("sleep sets", Godefroid 1996). For that a step tells with :func:`touch` what it reads and changes.
"""

from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from enum import Enum
from typing import Protocol, TypeVar

import attrs

Task = Coroutine["Pause", None, None]


class Access(Enum):
    """How something is touched: two reads end the same in both orders, and so do two additions to a set."""

    READ = 1
    ADD = 2
    CHANGE = 3


Place = str | tuple[object, ...]
"""What names the same thing in every run of a story: no object of one of them."""
Footprint = dict[Place, Access]
EVERYTHING = "everything"
_touched: list[Footprint] = []
"""Of the steps that run: one, or none; a check that runs a story of its own is inside no step."""


def touch(what: Place, access: Access = Access.CHANGE) -> None:
    """Tell that the step that runs now reads or changes something that other tasks see."""
    if _touched:
        footprint = _touched[-1]
        footprint[what] = access if footprint.get(what, access) is access else Access.CHANGE


def _commute(one: Footprint, other: Footprint) -> bool:
    if EVERYTHING in one or EVERYTHING in other:
        return False
    fewer, more = sorted((one, other), key=len)
    return all(
        more.get(what, access) is access is not Access.CHANGE or what not in more for what, access in fewer.items()
    )


def always() -> bool:
    return True


class Pause:
    """``await Pause()`` hands control to the scheduler; it comes back when ``ready`` says so.

    Args:
        ready: whether the task can go on.
        told: whether all that the step after it touches is told with :func:`touch`. Otherwise it may touch everything.
    """

    def __init__(self, ready: Callable[[], bool] = always, *, told: bool = False) -> None:
        self.ready = ready
        self.told = told and ready is always

    def __await__(self) -> Generator["Pause", None, None]:
        yield self


class Deadlock(AssertionError):
    """Nobody can go on."""


_FIRST = Pause(told=True)


def _drive(
    tasks: list[Task], choose: Callable[[list[int]], int | None], stepped: Callable[[Footprint], None] | None = None
) -> bool:
    """Run the tasks to their ends, or until nobody is chosen. Returns whether they came to their ends."""
    waiting: dict[int, Pause] = dict.fromkeys(range(len(tasks)), _FIRST)
    contexts = [copy_context() for _ in tasks]
    try:
        while waiting:
            able = [number for number, pause in waiting.items() if pause.ready is always or pause.ready()]
            if not able:
                raise Deadlock
            number = choose(able)
            if number is None:
                return False
            footprint: Footprint = {} if waiting[number].told else {EVERYTHING: Access.CHANGE}
            _touched.append(footprint)
            try:
                waiting[number] = contexts[number].run(tasks[number].send, None)
            except StopIteration:
                del waiting[number]
            finally:
                _touched.pop()
            if stepped is not None:
                stepped(footprint)
        return True
    finally:
        for task, context in zip(tasks, contexts, strict=True):
            context.run(task.close)


def run(tasks: list[Task], schedule: list[int]) -> None:
    """Run the tasks to their ends. Choice n of the schedule takes that one of the tasks that can go on; then the first."""
    choices = iter(schedule)
    _drive(tasks, lambda able: able[next(choices, 0) % len(able)])


class Story(Protocol):
    """Tasks that run against one another."""

    @property
    def tasks(self) -> list[Task]: ...


S = TypeVar("S", bound=Story)


@attrs.define
class _Choice:
    """One of the choices on the way to an order, which are the same for all orders that begin with them."""

    able: list[int]
    asleep: dict[int, Footprint]
    chosen: int = -1
    footprint: Footprint = attrs.field(factory=dict[Place, Access])

    def choose(self) -> int | None:
        """The first one that is not asleep; None if there is none."""
        awake = [number for number in self.able if number not in self.asleep]
        self.chosen = awake[0] if awake else -1
        return awake[0] if awake else None

    def next(self) -> bool:
        """Let the one sleep that was tried, and choose again. Returns False if there is none."""
        self.asleep[self.chosen] = self.footprint
        return self.choose() is not None


class _Path:
    """The choices that lead to the next order: those that are given, and after them the first ones."""

    def __init__(self, *, reduced: bool) -> None:
        self.choices: list[_Choice] = []
        self.depth = 0
        self.reduced = reduced

    def choose(self, able: list[int]) -> int | None:
        if self.depth < len(self.choices):
            return self.choices[self.depth].chosen
        asleep: dict[int, Footprint] = {}
        if self.choices and self.reduced:
            before = self.choices[-1]
            asleep = {each: told for each, told in before.asleep.items() if _commute(told, before.footprint)}
        self.choices.append(_Choice(able, asleep))
        return self.choices[-1].choose()

    def stepped(self, footprint: Footprint) -> None:
        self.choices[self.depth].footprint = footprint
        self.depth += 1

    def next(self) -> bool:
        self.depth = 0
        while self.choices and not self.choices[-1].next():
            self.choices.pop()
        return bool(self.choices)


def in_every_order(make: Callable[[], S], check: Callable[[S], None], *, reduced: bool = True) -> int:
    """Run a story, made afresh each time, in every order of its steps, and check how it ends.

    Args:
        make: makes the story.
        check: fails where the end is wrong.
        reduced: run one of the orders that differ only in steps that touch nothing in common.

    Returns:
        How many orders were run.
    """
    path = _Path(reduced=reduced)
    count = 0
    while True:
        story = make()
        if _drive(story.tasks, path.choose, path.stepped):
            check(story)
            count += 1
        if not path.next():
            return count
