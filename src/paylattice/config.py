"""Settings: from the environment or by hand, one object per tenant, no global state.

A provider's settings are a frozen attrs class that inherits :class:`ProviderConfig`; each field that may come from the
environment carries ``metadata=env("ACME_API_KEY", "...")``.
"""

import hmac
import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, cast

import attrs

from .errors import ConfigurationError
from .frames import clear_methods, clearing_all

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["ProviderConfig", "Secret", "Setting", "env", "secrets_from", "url_from"]

_ENV = "paylattice.env"
_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?"
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
"""A host whose last part is one is an IPv4 address to whoever resolves it, however odd the notation."""
_LOOPBACK = re.compile(r"127\.[0-9.]+|::1")
_UNSEEN = type(cast("object", attrs.field()))
"""What is left in a class whose fields attrs was not told to make."""


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


def url_from(value: str | None) -> str | None:
    """A base URL without its last slash; None for nothing.

    What is sent there carries the credentials, so it is ``https``; or ``http`` to a server on this very machine, by the name
    localhost, an address in 127.0.0.0/8, or [::1].

    Raises:
        ConfigurationError: it is no such URL, or holds a user name, a query or a fragment.
    """
    if not isinstance(value, str | None):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
        message = f"a base URL must be a str, not {type(value).__name__}"
        raise ConfigurationError(message)
    if value is None or not value.strip():
        return None
    from urllib.parse import urlsplit  # noqa: PLC0415 - not needed by most

    text = value.strip()
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        fits = parts.port != 0 and _is_host(host) and (parts.scheme == "https" or _is_loopback(host))
    except ValueError:
        fits = False
    else:
        fits = fits and parts.scheme in {"http", "https"}
    if not fits or not text.isprintable() or any(c in " @?#\\" for c in text):
        message = "a base URL must look like https://host[:port][/path]; http is for servers on this machine: http://localhost[:port]"
        raise ConfigurationError(message)
    return text.rstrip("/")


def _is_host(host: str) -> bool:
    """Whether it is a name, or an address as everybody reads it: four decimal numbers, or IPv6 in brackets."""
    last = host.rstrip(".").rpartition(".")[2]
    if ":" in host or _NUMBER.fullmatch(last):
        return _address(host) is not None
    return _NAME.fullmatch(host) is not None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (
        address is not None and address.is_loopback and _LOOPBACK.fullmatch(str(address)) is not None
    )


def _address(host: str) -> "IPv4Address | IPv6Address | None":
    from ipaddress import ip_address  # noqa: PLC0415 - not needed by most

    try:
        return ip_address(host)
    except ValueError:
        return None


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

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        clear_methods(cls, {"__init__"})  # which attrs has made, when it makes the class anew

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """The settings that can come from the environment, in order.

        Raises:
            ConfigurationError: the class has fields that attrs does not know of.
        """
        if any(isinstance(value, _UNSEEN) for value in vars(cls).values()):
            message = f"the fields of {cls.__name__} are not seen: put @attrs.frozen(kw_only=True) above the class"
            raise ConfigurationError(message)
        return tuple(
            attrs.evolve(field.metadata[_ENV], field=field.name)
            for field in attrs.fields(cls)
            if _ENV in field.metadata
        )

    @classmethod
    @clearing_all
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment holds.

        Args:
            environ: instead of ``os.environ``.

        Raises:
            ConfigurationError: a required setting is missing or empty, or a value is wrong.
        """
        environ = os.environ if environ is None else environ
        values = {s: text for s in cls.settings() if (text := environ.get(s.variable, "").strip())}
        try:
            config = cls(**{s.field: text for s, text in values.items()})
        except ConfigurationError as error:
            raise cls._about_the_variable(error, values) from None
        config.require(*(s.field for s in cls.settings() if s.required))
        return config

    @classmethod
    def _about_the_variable(cls, error: ConfigurationError, values: Mapping[Setting, str]) -> ConfigurationError:
        """The error, with the name of the variable whose value is refused."""
        for setting, text in values.items():
            try:
                cls(**{setting.field: text})
            except ConfigurationError as again:
                named = setting.variable in again.message
                message = again.message if named else f"{setting.variable}: {again.message}"
                return ConfigurationError(message, provider=cls.provider)
        error.provider = error.provider or cls.provider
        return error

    @property
    def livemode(self) -> bool | None:
        """Whether the credentials move real money. None where they do not tell."""
        return None

    def secrets(self) -> tuple[str, ...]:
        """The texts of all secrets in it, for those who have to keep them out of messages. Never show them."""
        values: list[object] = [getattr(self, field.name) for field in attrs.fields(type(self))]
        parts = [cast("tuple[object, ...]", each) if isinstance(each, tuple) else (each,) for each in values]
        return tuple(each.reveal() for part in parts for each in part if isinstance(each, Secret))

    def is_set(self, field: str) -> bool:
        """Whether the field has a value."""
        return bool(getattr(self, field))

    @clearing_all
    def require(self, *fields: str) -> None:
        """Raise unless each of the fields has a value.

        Raises:
            ConfigurationError: one has none; names the variable, the provider and the cure.
        """
        by_field = {setting.field: setting for setting in self.settings()}
        for field in fields:
            setting = by_field.get(field)
            if setting is None:
                message = f"{type(self).__name__} has no setting {field!r} that an environment variable could hold"
                raise ConfigurationError(message, provider=self.provider)
            if not self.is_set(field):
                from .discovery import known_providers  # noqa: PLC0415 - only who is missing something pays for it

                message = (
                    f"provider {self.provider!r} needs {setting.variable} to {setting.purpose}. "
                    f"Set it, or pass {type(self).__name__}({field}=...). Known providers: {known_providers()}"
                )
                raise ConfigurationError(message, provider=self.provider)
