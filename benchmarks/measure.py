"""Ratios: contestants take turns in one run, so that whatever else the machine does hits all of them alike."""

import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping

import attrs

__all__ = ["Figure", "Row", "alternate", "alternate_async", "process_seconds", "resident_mebibytes"]

Figure = dict[str, float]
"""Medians by contestant."""


@attrs.frozen
class Row:
    """One line of the table: a ratio, and what it should be."""

    what: str
    ratio: float
    goal: float
    at_least: bool
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


def alternate(contestants: Mapping[str, Callable[[], object]], *, rounds: int, repeat: int) -> Figure:
    """The median CPU seconds that one call of each contestant takes, in this process."""
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for call in contestants.values():
        call()
    for _ in range(rounds):
        for name, call in contestants.items():
            start = time.process_time()
            for _ in range(repeat):
                call()
            spent[name].append((time.process_time() - start) / repeat)
    return {name: statistics.median(times) for name, times in spent.items()}


async def alternate_async(
    contestants: Mapping[str, Callable[[int], Awaitable[object]]],
    *,
    rounds: int,
    calls: int,
    clock: Callable[[], float] = time.process_time,
) -> Figure:
    """The median seconds for one call of each contestant; each makes ``calls`` calls in every round."""
    spent: dict[str, list[float]] = {name: [] for name in contestants}
    for run in contestants.values():
        await run(10)
    for _ in range(rounds):
        for name, run in contestants.items():
            start = clock()
            await run(calls)
            spent[name].append((clock() - start) / calls)
    return {name: statistics.median(times) for name, times in spent.items()}


def process_seconds(programs: Mapping[str, str], *, rounds: int) -> Figure:
    """The median wall-clock seconds of a whole Python process that runs each program."""
    spent: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            spent[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in spent.items()}


def resident_mebibytes() -> float:
    """The resident memory of this process (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20
