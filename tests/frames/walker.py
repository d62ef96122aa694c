"""What an error reporter sees of an error: the local variables of every frame that it, and what caused it, came through.

Reporters send ``repr()`` of each variable. This goes further: into attributes, slots, containers, closures, bound methods
and suspended coroutines, so that a secret behind a silent ``repr`` is found, too.
"""

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType, TracebackType
from typing import Any

HERE = str(Path(__file__).parent)
DEPTH = 7
_LEFT_ALONE = (type, ModuleType, CodeType, BuiltinFunctionType, int, float, complex, bool, type(None))


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and its contexts, shown or suppressed, and the members of groups."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else []


def frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(HERE):  # the tests' own frames hold what they were given
            yield trace.tb_frame
        trace = trace.tb_next


def leaks(error: BaseException, secrets: Iterable[str]) -> list[str]:
    """Where one of the texts can be seen: in a frame, or in what the error says."""
    wanted = tuple(secrets)
    found: list[str] = []
    for each in chain(error):
        said = (str(each), repr(each), repr(each.args), repr({k: v for k, v in vars(each).items() if not callable(v)}))
        found += [f"{type(each).__name__} says {secret}" for secret in wanted if any(secret in text for text in said)]
        for frame in frames(each.__traceback__):
            code = frame.f_code
            where = f"{code.co_filename.rpartition('/')[2]}:{code.co_name}"
            for name, value in frame.f_locals.items():
                texts = list(_texts(value, DEPTH, set()))
                found += [f"{where} {name}: {secret}" for secret in wanted if any(secret in text for text in texts)]
    return found


def _texts(value: Any, depth: int, seen: set[int]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        return
    if isinstance(value, bytes | bytearray):
        yield bytes(value).decode("latin-1")
        return
    if isinstance(value, _LEFT_ALONE) or id(value) in seen or depth == 0:
        return
    seen.add(id(value))
    yield repr(value)
    for part in _parts(value):
        yield from _texts(part, depth - 1, seen)


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from (list(value.keys()), list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from value
    if isinstance(value, functools.partial):
        yield from (value.func, value.args, value.keywords)
    if inspect.isfunction(value):
        yield from (value.__defaults__, value.__kwdefaults__, *_enclosed(value))
    if inspect.ismethod(value):
        yield from (value.__self__, value.__func__)
    for suspended in ("cr_frame", "gi_frame", "ag_frame"):
        frame = getattr(value, suspended, None)
        if isinstance(frame, FrameType):
            yield frame.f_locals
    if isinstance(value, BaseException):
        yield value.args
    yield getattr(value, "__dict__", None)
    yield from (getattr(value, slot, None) for slot in _slots(type(value)))


def _enclosed(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty
            yield cell.cell_contents


def _slots(cls: type) -> Iterator[str]:
    for each in cls.__mro__:
        slots = each.__dict__.get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
