"""Settings: from the environment or by hand, one object per tenant, no global state.

A provider's settings are a frozen attrs class that inherits :class:`ProviderConfig`; each field that may come from the
environment carries ``metadata=env("ACME_API_KEY", "...")``.
"""

import difflib
import functools
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, Union, cast, get_args, get_origin

import attrs

from .errors import ConfigurationError, PaymentError
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
        webhooks: whether deliveries cannot be verified without it.
    """

    variable: str
    purpose: str
    required: bool = False
    field: str = ""
    webhooks: bool = False


def env(variable: str, purpose: str, *, required: bool = False, webhooks: bool = False) -> dict[str, object]:
    """Field metadata that says which environment variable holds the value, and what it is for.

    Args:
        variable: see :class:`Setting`; so are the others.
        purpose: the end of "needs X to ...".
        required: whether nothing works without it.
        webhooks: whether deliveries cannot be verified without it.
    """
    return {_ENV: Setting(variable, purpose, required, webhooks=webhooks)}


@attrs.frozen(kw_only=True)
class ProviderConfig:
    """The base of every provider's settings."""

    provider: ClassVar[str]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):  # attrs has made it, and makes the class anew
            make = _checked(cls.__init__)
            setattr(cls, "__init__", make)  # noqa: B010 - a type checker would take it for another declaration
            clear_methods(cls, {"__init__"})

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
        values: dict[str, str] = {}
        for setting in cls.settings():
            value = environ.get(setting.variable, "")
            if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
                message = f"{setting.variable} must be a str in the environment, not {type(value).__name__}"
                raise ConfigurationError(message, provider=cls.provider)
            if value.strip():
                values[setting.field] = value.strip()
        config = cls(**values)
        try:
            config.require(*(s.field for s in cls.settings() if s.required))
        except ConfigurationError as error:
            strangers = cls.strangers(environ)
            error.message += f". Set, and not known here: {', '.join(strangers)[:200]}" if strangers else ""
            raise
        return config

    @classmethod
    def strangers(cls, environ: Mapping[str, str]) -> list[str]:
        """The names of variables that look as if they were meant for this provider, and are none of its settings."""
        known = {setting.variable for setting in cls.settings()}
        prefixes = tuple({f"{variable.partition('_')[0]}_" for variable in known})
        return sorted(name for name in environ if name.startswith(prefixes) and name not in known)

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


def _kept(value: object) -> object:
    """The value; what can be gone through once only is kept, to be looked at first."""
    return tuple(cast("Iterator[object]", value)) if isinstance(value, Iterator) else value


def _checked(init: Callable[..., None]) -> Callable[..., None]:
    """The ``__init__`` that attrs made; what it refuses, or stumbles over, is a ConfigurationError that names the setting."""

    @functools.wraps(init)
    def make(self: ProviderConfig, /, *args: object, **kwargs: object) -> None:
        cls = type(self)
        kinds = _kinds(cast("type", cls))
        given = {name: _kept(value) for name, value in {**dict(zip(kinds, args, strict=False)), **kwargs}.items()}
        for name in given:
            if name not in kinds:
                near = difflib.get_close_matches(name, kinds, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(kinds)}"
                message = f"{cls.__name__} has no setting {name[:60]!r}. {hint}"
                raise ConfigurationError(message, provider=getattr(cls, "provider", None))
        for name, value in given.items():
            kind = kinds.get(name)
            if kind is not None and not kind.fits(value):
                message = f"{_named(cls, name)} must be {kind.words}, not {type(value).__name__}"
                raise ConfigurationError(message, provider=getattr(cls, "provider", None))
        try:
            init(self, **given)
        except ConfigurationError as error:
            broken = error
        except PaymentError:
            raise
        except Exception as exc:
            trace = exc.__traceback__
            if trace is None or trace.tb_next is None:  # called with names that it does not have
                raise
            broken = ConfigurationError(f"{cls.__name__} cannot be made: {type(exc).__name__}")
        else:
            return
        raise _about_the_setting(cls, init, given, broken)

    return make


def _about_the_setting(
    cls: type[ProviderConfig], init: Callable[..., None], given: Mapping[str, object], error: ConfigurationError
) -> ConfigurationError:
    """The error, with the name of the setting that is refused by itself; if none is, they do not go together."""
    variables = {setting.field: setting.variable for setting in cls.settings()}
    for name, value in given.items():
        try:
            init(cls.__new__(cls), **{name: value})
        except ConfigurationError as again:
            said = again.message
        except Exception as exc:  # noqa: BLE001 - whatever it is: its text may hold the value
            said = f"it cannot be made of a value of type {type(value).__name__} ({type(exc).__name__})"
        else:
            continue
        is_named = variables.get(name, name) in said
        return ConfigurationError(said if is_named else f"{_named(cls, name)}: {said}", provider=cls.provider)
    error.provider = error.provider or cls.provider
    return error


def _named(cls: type[ProviderConfig], name: str) -> str:
    variable = next((setting.variable for setting in cls.settings() if setting.field == name), None)
    return f"{cls.__name__}({name}=...)" + (f" or {variable}" if variable else "")


@attrs.frozen
class _Kind:
    """What a field takes, by its annotation.

    Args:
        types: the classes of its values.
        words: the same, for a message.
        several: whether it takes an iterable of them, too.
        functions: whether it takes a function that hands one out, too.
        none: whether None is a value.
    """

    types: tuple[type, ...]
    words: str
    several: bool
    functions: bool
    none: bool

    def fits(self, value: object) -> bool:
        """Whether the value is of one of the types. ``True`` is no number."""
        if value is None:
            return self.none
        if isinstance(value, bool):
            return bool in self.types
        if isinstance(value, self.types) or (self.functions and callable(value)):
            return True
        if not self.several or not isinstance(value, Iterable) or isinstance(value, bytes | bytearray | Mapping):
            return False
        return all(each is None or isinstance(each, self.types) for each in cast("Iterable[object]", value))


_PLAIN: Mapping[object, tuple[tuple[type, ...], str]] = {
    Secret: ((Secret, str), "a str"),
    str: ((str,), "a str"),
    bool: ((bool,), "True or False"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    Path: ((Path, str), "a path"),
}


@functools.cache
def _kinds(cls: type) -> Mapping[str, _Kind | None]:
    """By the argument of ``__init__``; None where the annotation says what nobody here knows."""
    return {str(field.alias): _kind(field) for field in attrs.fields(cast("type[ProviderConfig]", cls)) if field.init}


def _kind(field: "attrs.Attribute[object]") -> _Kind | None:
    annotation: object = field.type
    parts = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    several = any(get_origin(part) is tuple for part in parts)
    functions = any(get_origin(part) is Callable for part in parts)
    members = [part for part in parts if part is not NoneType and get_origin(part) is not Callable]
    members = [get_args(part)[0] if get_origin(part) is tuple else part for part in members]
    if not members or any(member not in _PLAIN for member in members):
        return None
    words = " or ".join(dict.fromkeys(_PLAIN[member][1] for member in members))
    return _Kind(
        types=tuple(kind for member in members for kind in _PLAIN[member][0]),
        words=words
        + (", or several of them" if several else "")
        + (", or a function that returns one" if functions else ""),
        several=several,
        functions=functions,
        none=NoneType in parts or field.converter is not None,  # pyright: ignore[reportUnknownMemberType] - attrs' own
    )
