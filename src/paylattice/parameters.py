"""The parameters of an operation: bind a call to them, and compare an override's with the protocol's.

Callers of an operation know the protocol, not the class behind it. An override that names, orders or
defaults a parameter otherwise would be called wrongly at one provider only, and an argument under another name would
pass unchecked. So it is refused when its class is made.
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from inspect import Parameter, Signature

import attrs

from .errors import InvalidProvider

__all__ = ["Parameters", "misfits"]

_EMPTY = Parameter.empty
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_IN_WORDS: Mapping[object, str] = {
    Parameter.POSITIONAL_ONLY: "positional-only",
    Parameter.POSITIONAL_OR_KEYWORD: "positional",
    Parameter.KEYWORD_ONLY: "keyword-only",
}


@attrs.frozen
class Parameters:
    """What an operation takes besides ``self``, worked out once, so that a call costs one pass over its arguments.

    Args:
        signature: without ``self``.
        positional: the names that may be given by position, in order.
        unset: every name, in order, with its default; those that must be given with an empty one.
        never_none: the names for which None is no answer: their default is another, or they have none.
        is_open: whether it takes other keywords, too.
    """

    signature: Signature = attrs.field(eq=False)
    positional: tuple[str, ...]
    unset: Mapping[str, object] = attrs.field(repr=False)
    never_none: frozenset[str]
    is_open: bool

    @classmethod
    def of(cls, method: Callable[..., object], like: Callable[..., object] | None = None) -> "Parameters":
        """The parameters of a method.

        Args:
            method: with ``self``.
            like: the protocol's method, if there is one. Its parameters count, and the keywords that the method has besides.

        Raises:
            InvalidProvider: the method takes positional arguments without a name.
        """
        own = _without_self(method)
        taken = own if like is None else [*_without_self(like), *_additions(own, _without_self(like))]
        if any(each.kind is Parameter.VAR_POSITIONAL for each in taken):
            message = f"{method.__qualname__} takes arguments without a name: give each of them one, and no *args"
            raise InvalidProvider(message)
        named = [each for each in taken if each.kind is not Parameter.VAR_KEYWORD]
        return cls(
            signature=Signature(sorted(taken, key=lambda each: each.kind)),
            positional=tuple(each.name for each in named if each.kind is not Parameter.KEYWORD_ONLY),
            unset={each.name: each.default for each in named},
            never_none=frozenset(each.name for each in named if each.default is not None),
            is_open=len(named) < len(taken),
        )

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
        """The arguments of a call by name, in the order of the parameters, defaults included.

        Raises:
            TypeError: Python would refuse the call.
        """
        given = dict(zip(self.positional, args, strict=False))
        given.update(kwargs)
        arguments = {**self.unset, **given}
        fits = len(given) == len(args) + len(kwargs) and (self.is_open or len(arguments) == len(self.unset))
        if not fits or any(value is _EMPTY for value in arguments.values()):
            self.signature.bind(*args, **kwargs)  # whose words for it everybody knows
        return arguments


def misfits(method: Callable[..., object], like: Callable[..., object]) -> list[str]:
    """What keeps a method from being called as the protocol's method is; each as the end of a sentence. Empty: nothing.

    Catch-alls take what is handed on: one with a star whatever may be given by position, one with two whatever may be given
    by name. Keyword-only parameters with a default may be added.

    Args:
        method: the override, with ``self``.
        like: the method of the protocol.
    """
    own, theirs = _without_self(method), _without_self(like)
    by_name = {each.name: each for each in own}
    kinds = {each.kind for each in own}
    order = [each.name for each in own if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    found: list[str] = []
    for index, wanted in enumerate(theirs):
        mine = by_name.get(wanted.name)
        if mine is None:
            found += _lacking(wanted, kinds)
        elif mine.kind is not wanted.kind:
            found.append(f"{wanted.name} is {_IN_WORDS.get(mine.kind, 'a catch-all')}, not {_IN_WORDS[wanted.kind]}")
        elif wanted.kind is Parameter.POSITIONAL_OR_KEYWORD and order.index(wanted.name) != index:
            found.append(f"{wanted.name} is not parameter {index + 1}")
        elif wanted.default is not _EMPTY and not _same(mine.default, wanted.default):
            found.append(f"{wanted.name} {_default(mine)}, not {wanted.default!r}")
    names = {each.name for each in theirs}
    for each in own:
        if each.kind in {Parameter.POSITIONAL_ONLY, *_NAMED} and each.name not in names:
            if each.kind is not Parameter.KEYWORD_ONLY:
                found.append(f"{each.name} is not in the protocol")
            elif each.default is _EMPTY:
                found.append(f"{each.name} is not in the protocol, and has no default")
    return found


def _without_self(method: Callable[..., object]) -> list[Parameter]:
    parameters = list(inspect.signature(method).parameters.values())
    return parameters[1:] if parameters and parameters[0].kind is not Parameter.VAR_POSITIONAL else parameters


def _additions(own: Iterable[Parameter], theirs: Iterable[Parameter]) -> list[Parameter]:
    known = {each.name for each in theirs}
    return [each for each in own if each.kind is Parameter.KEYWORD_ONLY and each.name not in known]


def _lacking(wanted: Parameter, kinds: Collection[object]) -> list[str]:
    by_position = wanted.kind is Parameter.KEYWORD_ONLY or Parameter.VAR_POSITIONAL in kinds
    by_name = Parameter.VAR_KEYWORD in kinds
    if by_position and by_name:
        return []
    return [f"{wanted.name} is missing"]


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def _default(parameter: Parameter) -> str:
    return "has no default" if parameter.default is _EMPTY else f"is {parameter.default!r} by default"
