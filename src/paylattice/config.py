"""Settings: from the environment or by hand, one object per tenant, no global state.

A provider's settings are a frozen attrs class that inherits :class:`ProviderConfig`; each field that may come from the
environment carries ``metadata=env("ACME_API_KEY", "...")``.
"""

import hmac
import os
from collections.abc import Iterable, Mapping
from typing import ClassVar, NoReturn, Self

import attrs

from .errors import ConfigurationError

__all__ = ["ProviderConfig", "Secret", "Setting", "env", "secrets_from", "url_from"]

_ENV = "paylattice.env"


class Secret:
    """A text that refuses to be printed, logged, serialised or pickled. :meth:`reveal` is the one way to read it."""

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    @classmethod
    def of(cls, value: "Secret | str | None") -> "Secret | None":
        """A secret of the value; None for nothing (None, the empty string, white space)."""
        if value is None or isinstance(value, Secret):
            return value
        if not isinstance(value, str):
            message = f"a secret must be a str, not {type(value).__name__}"
            raise ConfigurationError(message)
        text = value.strip()
        if not text:
            return None
        if not text.isascii() or not text.isprintable() or " " in text:
            message = "a secret contains white space, control or non-ASCII characters: copy it again from the provider's dashboard"
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

    def __reduce__(self) -> NoReturn:
        message = "a Secret does not let itself be pickled or copied: build the configuration again where it is needed"
        raise TypeError(message)


def secrets_from(value: "Secret | str | Iterable[Secret | str] | None") -> tuple[Secret, ...]:
    """Several secrets, for rotation: a comma-separated text, or an iterable."""
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else [value] if isinstance(value, Secret) else list(value)
    return tuple(secret for secret in map(Secret.of, parts) if secret is not None)


def url_from(value: str | None) -> str | None:
    """A base URL without its last slash; None for nothing.

    Raises:
        ConfigurationError: it is no http(s) URL, or holds a user name, a query or a fragment.
    """
    if value is None or not value.strip():
        return None
    from urllib.parse import urlsplit  # noqa: PLC0415 - not needed by most

    text = value.strip()
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        message = "a base URL must look like https://host[:port][/path]"
        raise ConfigurationError(message)
    return text.rstrip("/")


@attrs.frozen
class Setting:
    """One setting that can come from the environment.

    Args:
        variable: the environment variable.
        purpose: what it is for, as the end of "needs X to ...".
        required: whether the provider cannot do anything without it.
        field: the name of the field.
    """

    variable: str
    purpose: str
    required: bool = False
    field: str = ""


def env(variable: str, purpose: str, *, required: bool = False) -> dict[str, object]:
    """Field metadata that says which environment variable holds the value, and what it is for."""
    return {_ENV: Setting(variable, purpose, required)}


@attrs.frozen(kw_only=True)
class ProviderConfig:
    """The base of every provider's settings."""

    provider: ClassVar[str]

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The settings that can come from the environment, in order."""
        return tuple(
            attrs.evolve(field.metadata[_ENV], field=field.name) for field in attrs.fields(cls) if _ENV in field.metadata
        )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment holds.

        Args:
            environ: instead of ``os.environ``.

        Raises:
            ConfigurationError: a required setting is missing or empty, or a value is wrong.
        """
        environ = os.environ if environ is None else environ
        values = {s.field: environ[s.variable] for s in cls.settings() if environ.get(s.variable, "").strip()}
        config = cls(**values)  # type: ignore[arg-type]  # every field converts from str
        config.require(*(s.field for s in cls.settings() if s.required))
        return config

    def is_set(self, field: str) -> bool:
        """Whether the field has a value."""
        return bool(getattr(self, field))

    def require(self, *fields: str) -> None:
        """Raise unless each of the fields has a value.

        Raises:
            ConfigurationError: one has none; names the variable, the provider and the cure.
        """
        for setting in self.settings():
            if setting.field in fields and not self.is_set(setting.field):
                message = (
                    f"provider {self.provider!r} needs {setting.variable} to {setting.purpose}. "
                    f"Set it, or pass {type(self).__name__}({setting.field}=...)."
                )
                raise ConfigurationError(message, provider=self.provider)
