"""Worker processes that are killed again and again; whatever they had in hand is given to another."""

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from .worker import Settings

__all__ = ["Crew", "Job", "at_work"]

ROOT = Path(__file__).parents[3]
Job = dict[str, str]
MOST_REFUSALS = 1000
"""How often a job may fail: a database server that recovers takes some seconds."""


class KilledError(Exception):
    """The process ended with the job in hand."""


@attrs.define(eq=False)
class Worker:
    """One process."""

    pid: int
    jobs: asyncio.StreamWriter
    answers: asyncio.StreamReader
    waiting: dict[str, asyncio.Future[dict[str, str]]] = attrs.field(factory=dict)
    gone: bool = False

    async def submit(self, job: Job) -> dict[str, str]:
        if self.gone:
            raise KilledError
        answer = asyncio.get_running_loop().create_future()
        self.waiting[job["id"]] = answer
        self.jobs.write(json.dumps(job).encode() + b"\n")
        return await answer

    async def listen(self) -> None:
        """Hand the answers on, until the process ends."""
        with suppress(ConnectionError):
            while (line := await self.answers.readline()).endswith(b"\n"):
                answer = json.loads(line)
                self.waiting.pop(answer["id"]).set_result(answer)
        self.gone = True
        for answer in self.waiting.values():
            answer.set_exception(KilledError())
        self.waiting.clear()


@attrs.define(eq=False)
class Crew:
    """Some workers, and the queue of jobs.

    Args:
        settings: the workers'.
        size: how many workers.
        each: how many jobs a worker does at a time.
        dice: decides whom a kill hits, and when.
        longest: how many seconds after a worker was found at work the kill comes at the latest.

    Attributes:
        answers: what became of each job, by what it is about; of deliveries, in the order of the answers.
        failures: jobs that the worker could not do, by the error; they were given out again.
        kills: how many processes were killed.
        interrupted: how many jobs were in hand when their process was killed; they were given out again, but for those
            that nobody repeats.
        done: how many jobs were done.
    """

    settings: Settings
    size: int
    each: int
    dice: random.Random
    longest: float = 0.008
    answers: dict[str, list[str]] = attrs.field(factory=dict, init=False)
    failures: Counter[str] = attrs.field(factory=Counter, init=False)
    kills: int = attrs.field(default=0, init=False)
    interrupted: int = attrs.field(default=0, init=False)
    done: int = attrs.field(default=0, init=False)
    _queue: "asyncio.Queue[Job]" = attrs.field(factory=asyncio.Queue, init=False)
    _workers: list[Worker | None] = attrs.field(factory=list, init=False)
    _changed: asyncio.Condition = attrs.field(factory=asyncio.Condition, init=False)
    _meeting_place: str = attrs.field(default="", init=False)
    _left: int = attrs.field(default=0, init=False)
    _refused: Counter[str] = attrs.field(factory=Counter, init=False)
    _number: int = attrs.field(default=0, init=False)

    def give(self, jobs: Sequence[Mapping[str, str]]) -> None:
        """Put jobs into the queue.

        ``about`` of a job is what its answer is kept under; with ``once`` in it, it is not given out again after a kill.
        """
        for job in jobs:
            self._number += 1
            self._left += 1
            self._queue.put_nowait({**job, "id": str(self._number)})

    async def finish(self) -> None:
        """Wait until everything is done."""
        await self._queue.join()

    async def reach(self, done: int) -> None:
        """Wait until so many jobs are done."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.done >= done or self._left == 0)

    async def ready(self) -> None:
        """Wait until every process has started."""
        async with self._changed:
            await self._changed.wait_for(lambda: all(worker is not None for worker in self._workers))

    async def kill_one(self) -> None:
        """Kill a worker with jobs in hand, at some moment of its work."""
        while True:
            busy = [worker for worker in self._workers if worker is not None and worker.waiting]
            if busy:
                worker = self.dice.choice(busy)
                await asyncio.sleep(self.dice.uniform(0, self.longest))
                if worker.waiting and not worker.gone:
                    _kill(worker.pid)
                    self.kills += 1
                    return
            if self._queue.empty() and not busy:
                return
            await asyncio.sleep(0.005)

    async def killing(self, kills: int, jobs: int) -> None:
        """Kill so many workers while so many jobs are done."""
        begin = self.done
        for number in range(kills):
            await self.reach(begin + jobs * number // kills)
            await self.kill_one()

    # --- the workers -------------------------------------------------------------------------------------------------

    async def _keep_alive(self, place: int) -> None:
        """A worker in this place; a new one whenever it is gone."""
        while True:
            worker = await self._start()
            try:
                async with self._changed:
                    self._workers[place] = worker
                    self._changed.notify_all()
                await worker.listen()
                async with self._changed:
                    self._workers[place] = None
            finally:
                if not worker.gone:
                    _kill(worker.pid)
                worker.jobs.close()

    async def _start(self) -> Worker:
        """A new process: a fork of one that has imported everything, which takes the longest."""
        answers, jobs = await asyncio.open_unix_connection(self._meeting_place, limit=2**22)
        return Worker(int(await answers.readline()), jobs, answers)

    @asynccontextmanager
    async def _parent(self) -> AsyncGenerator[None]:
        """The process whose forks the workers are."""
        with TemporaryDirectory() as folder:
            self._meeting_place = f"{folder}/workers"
            arguments = (json.dumps(attrs.asdict(self.settings)), self._meeting_place)
            parent = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.databases.crash.worker",
                *arguments,
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
            )
            assert parent.stdout is not None
            try:
                assert await parent.stdout.readline() == b"ready\n"
                yield
            finally:
                _kill(parent.pid)
                await parent.wait()

    async def _lane(self, place: int) -> None:
        """Do one job after the other with the worker in this place."""
        while True:
            job = await self._queue.get()
            async with self._changed:
                await self._changed.wait_for(lambda: self._workers[place] is not None)
                worker = self._workers[place]
            assert worker is not None
            try:
                answer = await worker.submit(job)
            except KilledError:
                self.interrupted += 1
                if "once" not in job:
                    self.give([job])
            else:
                await self._note(job, answer)
            self._left -= 1
            self._queue.task_done()

    async def _note(self, job: Job, answer: dict[str, str]) -> None:
        if "failed" in answer:
            self.failures[answer["failed"]] += 1
            self._refused[job["about"]] += 1
            if self._refused[job["about"]] > MOST_REFUSALS:
                message = f"{job['do']} of {job['about']} fails again and again: {answer['why']}"
                raise AssertionError(message)
            self.give([job])
            await asyncio.sleep(0.02)
            return
        self.answers.setdefault(job["about"], []).append(answer["done"])
        async with self._changed:
            self.done += 1
            self._changed.notify_all()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def at_work(crew: Crew) -> AsyncGenerator[Crew]:
    """The crew's processes, until the end of the block."""
    crew._workers.extend([None] * crew.size)
    async with crew._parent(), asyncio.TaskGroup() as group:
        tasks = [group.create_task(crew._keep_alive(place)) for place in range(crew.size)]
        tasks += [group.create_task(crew._lane(place)) for place in range(crew.size) for _ in range(crew.each)]
        yield crew
        for task in tasks:
            task.cancel()
