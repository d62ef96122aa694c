"""Runs coroutines one step at a time, in every order or in a given one, with no event loop: a schedule is a list of numbers."""

from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Protocol, TypeVar

Task = Coroutine["Pause", None, None]


def always() -> bool:
    return True


class Pause:
    """``await Pause()`` hands control to the scheduler; it comes back when ``ready`` says so."""

    def __init__(self, ready: Callable[[], bool] = always) -> None:
        self.ready = ready

    def __await__(self) -> Generator["Pause", None, None]:
        yield self


class Deadlock(AssertionError):
    """Nobody can go on."""


def run(tasks: list[Task], schedule: list[int]) -> list[int]:
    """Run the tasks to their ends. Choice n of the schedule takes that one of the tasks that can go on; then the first.

    Returns:
        How many tasks could go on at each choice.
    """
    waiting: dict[int, Callable[[], bool]] = dict.fromkeys(range(len(tasks)), always)
    contexts = [copy_context() for _ in tasks]
    widths: list[int] = []
    try:
        while waiting:
            able = [number for number, ready in waiting.items() if ready()]
            if not able:
                raise Deadlock
            choice = schedule[len(widths)] % len(able) if len(widths) < len(schedule) else 0
            widths.append(len(able))
            number = able[choice]
            try:
                waiting[number] = contexts[number].run(tasks[number].send, None).ready
            except StopIteration:
                del waiting[number]
    finally:
        for task, context in zip(tasks, contexts, strict=True):
            context.run(task.close)
    return widths


class Story(Protocol):
    """Tasks that run against one another."""

    @property
    def tasks(self) -> list[Task]: ...


S = TypeVar("S", bound=Story)


def in_every_order(make: Callable[[], S], check: Callable[[S], None]) -> int:
    """Run a story, made afresh each time, in every order of its steps, and check how it ends. Returns how many there are."""
    schedule: list[int] = []
    count = 0
    while True:
        story = make()
        widths = run(story.tasks, schedule)
        check(story)
        count += 1
        schedule = schedule + [0] * (len(widths) - len(schedule))
        while schedule and schedule[-1] + 1 >= widths[len(schedule) - 1]:
            schedule.pop()
        if not schedule:
            return count
        schedule[-1] += 1
