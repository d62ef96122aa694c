"""From one object to the next: what ``.name`` and ``(...)`` lead to, by signatures and annotations. Nothing is run.

A *thing* is a module, a class, a function, or an :class:`Instance`. :data:`UNKNOWN` is what an annotation does not tell (a
database's transaction, ``Any``): whatever follows it is not ours to check.
"""

import ast
import builtins
import collections.abc
import importlib
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import attrs

import paylattice


@attrs.frozen
class Instance:
    """An object of a class."""

    of: type
    arguments: tuple[object, ...] = attrs.field(default=(), eq=False)


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()
_ITEMS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Iterator)
_TRANSPARENT = (
    collections.abc.Awaitable,
    collections.abc.Coroutine,
    types.CoroutineType,
    typing.Final,
    typing.ClassVar,
)
_CONTEXTS = ("AbstractAsyncContextManager", "AbstractContextManager", "Generator", "AsyncGenerator")


def attribute(thing: object, name: str) -> list[object]:
    """What ``thing.name`` may be; empty if there is no such attribute."""
    if thing is UNKNOWN:
        return [UNKNOWN]
    if isinstance(thing, types.ModuleType):
        return _of_module(thing, name)
    if isinstance(thing, Instance):
        return _of_instance(thing.of, name)
    if isinstance(thing, type):
        member = vars(thing).get(name)
        return [Instance(thing)] if type(member) is thing else _of_instance(thing, name)
    if inspect.isroutine(thing):
        return []
    return _of_instance(type(thing), name) if type(thing).__module__ == "builtins" else [UNKNOWN]


def result(thing: object) -> list[object]:
    """What calling the thing returns, awaited."""
    if isinstance(thing, type):
        return [Instance(thing)]
    if inspect.isroutine(thing):
        signature = _signature(thing)
        if signature is None or signature.return_annotation is inspect.Signature.empty:
            return [UNKNOWN]
        return things_of(signature.return_annotation, _home(thing))
    return [UNKNOWN]


def items(thing: object) -> list[object]:
    """What iterating over the thing, or subscribing it, gives."""
    if isinstance(thing, Instance) and thing.arguments:
        last = thing.arguments[-1] if issubclass(thing.of, collections.abc.Mapping) else thing.arguments[0]
        return things_of(last, {})
    return [UNKNOWN]


def parameters(thing: object) -> "Mapping[str, inspect.Parameter] | None":
    """The parameters of what can be called; None if nothing tells."""
    signature = _signature(thing)
    if signature is None:
        return None
    known = dict(signature.parameters)
    if isinstance(thing, type) and issubclass(thing, paylattice.errors.PaymentError):
        known |= inspect.signature(paylattice.errors.PaymentError).parameters  # what **context takes
    return known


def members(cls: type) -> set[str]:
    """The public names of a class, and of its objects."""
    names = {name for name in dir(cls) if not name.startswith("_")}
    for each in cls.__mro__:
        names |= set(vars(each).get("__annotations__", {}))
        names |= set(_set_on_self(each))
    return {name for name in names if not name.startswith("_")}


def things_of(annotation: object, home: Mapping[str, object]) -> list[object]:
    """The things that an annotation stands for; None is left out."""
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, {**vars(typing), **_names_of_the_package(), **home})
        except (NameError, TypeError, SyntaxError):
            return [UNKNOWN]
    if annotation is None or annotation is type(None):
        return []
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        return [thing for each in arguments for thing in things_of(each, home)]
    if origin in _TRANSPARENT and arguments:
        return things_of(arguments[-1], home)
    if origin is not None and getattr(origin, "__name__", "") in _CONTEXTS:
        return things_of(arguments[0], home) or [UNKNOWN]
    if origin is type:
        return [UNKNOWN]
    if isinstance(origin, type):
        return [Instance(origin, arguments)]
    if isinstance(annotation, type) and annotation is not object:
        return [Instance(annotation)]
    if annotation is typing.Self:
        return [UNKNOWN]
    return [UNKNOWN]


def _of_module(module: types.ModuleType, name: str) -> list[object]:
    try:
        return [getattr(module, name)]
    except AttributeError:
        pass
    try:
        return [importlib.import_module(f"{module.__name__}.{name}")]
    except ImportError:
        return []


def _of_instance(cls: type, name: str) -> list[object]:
    for each in cls.__mro__:
        hint = vars(each).get("__annotations__", {}).get(name)
        if hint is typing.Final:
            return _of_class_attribute(each, vars(each)[name])
        if hint is None:
            hint = _set_on_self(each).get(name)
        if hint is not None:
            return things_of(hint, vars(sys.modules[each.__module__])) or [UNKNOWN]
        if name in vars(each):
            return _of_class_attribute(each, vars(each)[name])
    return [UNKNOWN] if "__getattr__" in dir(cls) and cls.__module__.split(".")[0] != "paylattice" else []


def _of_class_attribute(cls: type, value: object) -> list[object]:
    if isinstance(value, property):
        if value.fget is None:
            return [UNKNOWN]
        return things_of(inspect.signature(value.fget).return_annotation, _home(value.fget)) or [UNKNOWN]
    if isinstance(value, classmethod | staticmethod):
        return [value.__func__]
    if inspect.isroutine(value) or isinstance(value, type):
        return [value]
    if inspect.isdatadescriptor(value):
        return [UNKNOWN]
    return [Instance(type(value))]


@cache
def _set_on_self(cls: type) -> Mapping[str, object]:
    """The attributes that a class's constructor sets, with what their annotations, or those of the parameters, say."""
    if cls.__module__.split(".")[0] != "paylattice" or "__init__" not in vars(cls) or attrs.has(cls):
        return {}
    constructor = vars(cls)["__init__"]
    given = inspect.signature(constructor).parameters
    found: dict[str, object] = {}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(constructor)))):
        match node:
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), annotation=annotation):
                found[name] = ast.unparse(annotation)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Name(id=value)):
                found[name] = given[value].annotation if value in given else typing.Any
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                found[name] = typing.Any
    return found


def _signature(thing: object) -> inspect.Signature | None:
    try:
        return inspect.signature(typing.cast("Callable[..., object]", thing))
    except (TypeError, ValueError):
        return None


def _home(function: object) -> Mapping[str, object]:
    """The names that a function's annotations are written in."""
    module = sys.modules.get(getattr(function, "__module__", "") or "")
    return vars(module) if module is not None else {}


@cache
def _names_of_the_package() -> Mapping[str, object]:
    return {name: getattr(paylattice, name) for name in paylattice.__all__}


def arguments_fit(call: ast.Call, thing: object) -> str | None:
    """What does not fit about the arguments of a call; None if they fit. ``...`` stands for any number of them."""
    known = parameters(thing)
    if known is None:
        return None
    kinds = [parameter.kind for parameter in known.values()]
    if inspect.Parameter.VAR_KEYWORD not in kinds or _is_ours(thing):
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in known:
                return f"takes no {keyword.arg}="
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    room = sum(kind in positional for kind in kinds) - (next(iter(known), "") in {"self", "cls"})
    given = [each for each in call.args if not (isinstance(each, ast.Constant) and each.value is ...)]
    starred = any(isinstance(each, ast.Starred) for each in given)
    if inspect.Parameter.VAR_POSITIONAL not in kinds and not starred and len(given) > room:
        return f"takes {room} arguments by position, and not {len(given)}"
    return None


def _is_ours(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, paylattice.errors.PaymentError)


def is_builtin(name: str) -> bool:
    """Whether Python itself has the name."""
    return hasattr(builtins, name)


def distinct(found: Iterable[object]) -> list[object]:
    """Each thing once."""
    unique: list[object] = []
    for thing in found:
        if thing not in unique:
            unique.append(thing)
    return unique
