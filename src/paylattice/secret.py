"""Secrets: texts that refuse to be printed, logged, serialised or pickled."""

import hmac
from collections.abc import Iterable
from typing import NoReturn

from .errors import ConfigurationError

__all__ = ["Secret", "secrets_from"]


class Secret:
    """A text that refuses to be printed, logged, serialised or pickled. :meth:`reveal` is the one way to read it."""

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    @classmethod
    def of(cls, value: "Secret | str | None") -> "Secret | None":
        """A secret of the value; None for nothing (None, the empty string, white space)."""
        if value is None:
            return None
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
            message = f"a secret must be a str, not {type(text).__name__}"
            raise ConfigurationError(message)
        text = text.strip()
        if not text:
            return None
        if not text.isascii() or not text.isprintable() or " " in text:
            message = "a secret holds white space, control or non-ASCII characters: copy it again from the dashboard"
            raise ConfigurationError(message)
        return cls(text)

    def reveal(self) -> str:
        """The text itself. Use it where it is sent, and do not keep it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, spec: str, /) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __setattr__(self, name: str, value: object) -> None:
        message = "a Secret is immutable"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __getstate__(self) -> NoReturn:
        self.__reduce__()

    def __reduce__(self) -> NoReturn:
        message = "a Secret does not let itself be pickled or copied: build the configuration again where it is needed"
        raise TypeError(message)


def secrets_from(value: "Secret | str | Iterable[Secret | str] | None") -> tuple[Secret, ...]:
    """Several secrets, for rotation: a comma-separated text, or an iterable."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split(",")
    parts = value if isinstance(value, Iterable) else [value]
    return tuple(secret for secret in map(Secret.of, parts) if secret is not None)
