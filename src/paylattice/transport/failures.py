"""What an HTTP library raises, in the words of this package: above all, whether the request may have left.

Each library has a table of the names of its errors, next to what sends with it.
"""

from collections.abc import Collection, Sequence

import attrs

from ..errors import ConfigurationError
from .exchange import NoAnswer

__all__ = ["Meaning", "no_answer"]


@attrs.frozen
class Meaning:
    """What some errors of a library mean.

    Args:
        names: the names of their classes.
        reason: what happened.
        sent: whether the request, or a part of it, may have left.
    """

    names: frozenset[str]
    reason: str
    sent: bool


def no_answer(
    exc: Exception, libraries: Collection[str], meanings: Sequence[Meaning], unsendable: frozenset[str]
) -> NoAnswer:
    """What the exception says about the attempt.

    Args:
        exc: what the library raised.
        libraries: the packages whose names count, with ``builtins``.
        meanings: the first that has the name of the error, or of one of its bases, counts.
        unsendable: the names of errors of a request that could not even be built.

    Raises:
        ConfigurationError: the request could not even be built.
    """
    names = {cls.__name__ for cls in type(exc).__mro__ if cls.__module__.partition(".")[0] in {*libraries, "builtins"}}
    if names & unsendable:
        message = "the request cannot be built: check the base URL and the credentials for stray characters"
        raise ConfigurationError(message)
    for meaning in meanings:
        if names & meaning.names:
            return NoAnswer(meaning.reason, sent=meaning.sent)
    if isinstance(exc, RuntimeError):
        return NoAnswer("the HTTP client is closed, or its event loop is gone", sent=True, lasting=True)
    return NoAnswer(f"the HTTP client failed with {type(exc).__name__}", sent=True, lasting=True)
