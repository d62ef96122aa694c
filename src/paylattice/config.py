"""Settings: from the environment or from code, one object per tenant, no global state.

A provider's settings are a frozen attrs class that inherits :class:`ProviderConfig`. Each field that can come from the
environment has ``metadata=env("ACME_API_KEY", "...")``.
"""

import difflib
import functools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Self, cast

import attrs

from .base_url import url_from
from .errors import ConfigurationError, PaymentError
from .frames import clear_methods, clearing_all
from .secret import Secret, secrets_from
from .setting_kinds import kinds_of

__all__ = ["ProviderConfig", "Secret", "Setting", "env", "secrets_from", "url_from"]

_ENV = "paylattice.env"
_UNSEEN = type(cast("object", attrs.field()))
"""What is left in a class whose fields attrs was not told to make."""


@attrs.frozen
class Setting:
    """A setting that can come from the environment.

    Args:
        variable: the environment variable.
        purpose: what it is for: the end of "needs X to ...".
        required: whether the provider cannot work without it.
        field: the name of the field.
        webhooks: whether deliveries cannot be verified without it.
    """

    variable: str
    purpose: str
    required: bool = False
    field: str = ""
    webhooks: bool = False


def env(variable: str, purpose: str, *, required: bool = False, webhooks: bool = False) -> dict[str, object]:
    """Return field metadata: the environment variable of the setting, and its purpose.

    Args:
        variable: the environment variable.
        purpose: what it is for: the end of "needs X to ...".
        required: whether the provider cannot work without it.
        webhooks: whether deliveries cannot be verified without it.
    """
    return {_ENV: Setting(variable, purpose, required, webhooks=webhooks)}


@attrs.frozen(kw_only=True)
class ProviderConfig:
    """The base class of every provider's settings."""

    provider: ClassVar[str]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):  # attrs has made it, and makes the class anew
            make = _checked(cls.__init__)
            setattr(cls, "__init__", make)  # noqa: B010 - a type checker would take it for another declaration
            clear_methods(cls, {"__init__"})

    @classmethod
    def settings(cls) -> tuple[Setting, ...]:
        """Return the settings that can come from the environment, in order.

        Raises:
            ConfigurationError: the class has fields that attrs does not know.
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
        """Read the settings from the environment.

        Args:
            environ: read from this mapping instead of ``os.environ``.

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
        """Return the names of variables that look meant for this provider, but are none of its settings."""
        known = {setting.variable for setting in cls.settings()}
        prefixes = tuple({f"{variable.partition('_')[0]}_" for variable in known})
        return sorted(name for name in environ if name.startswith(prefixes) and name not in known)

    @property
    def livemode(self) -> bool | None:
        """Whether the credentials move real money. None if they do not show it."""
        return None

    def secrets(self) -> tuple[str, ...]:
        """Return the texts of all secrets, to keep them out of messages. Never show them."""
        values: list[object] = [getattr(self, field.name) for field in attrs.fields(type(self))]
        parts = [cast("tuple[object, ...]", each) if isinstance(each, tuple) else (each,) for each in values]
        return tuple(each.reveal() for part in parts for each in part if isinstance(each, Secret))

    def is_set(self, field: str) -> bool:
        """Return whether the field has a value."""
        return bool(getattr(self, field))

    @clearing_all
    def require(self, *fields: str) -> None:
        """Raise unless each of the fields has a value.

        Raises:
            ConfigurationError: a field has none; the error names the variable, the provider and the cure.
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
        kinds = kinds_of(cast("type", cls))
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
    """The error, with the name of the wrong setting; if each alone is right, they do not go together."""
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
