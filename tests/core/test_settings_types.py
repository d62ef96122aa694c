"""Every setting of every provider, with values of wrong types: a ConfigurationError that names the setting and the cure."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from paylattice.config import ProviderConfig, Secret, env, secrets_from, url_from
from paylattice.errors import ConfigurationError
from paylattice.providers.memory import MemoryConfig
from paylattice.providers.paypal import PayPalConfig
from paylattice.providers.square import SquareConfig
from paylattice.providers.stripe import StripeConfig

CONFIGS: tuple[type[ProviderConfig], ...] = (StripeConfig, PayPalConfig, SquareConfig, MemoryConfig)
WRONG: tuple[object, ...] = (
    5,
    0,
    1.5,
    float("nan"),
    Decimal(5),
    True,
    False,
    b"sk_test_1",
    bytearray(b"sk_test_1"),
    b"",
    {},
    {"a": "b"},
    [],
    [5],
    [b"whsec_1"],
    ["whsec_1", 5],
    (None, 5),
    object(),
    str,
    Path("/tmp/x"),
    Secret("whsec_1"),
    lambda: 5,
)
TAKES: dict[str, Callable[[object], bool]] = {
    "simulator": lambda value: isinstance(value, bool),
    "allow_production": lambda value: isinstance(value, bool),
    "max_age": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value > 0,
    "trust_store": lambda value: isinstance(value, Path),
    "secret_key": lambda value: False,
    "client_secret": lambda value: isinstance(value, Secret),
    "access_token": lambda value: isinstance(value, Secret) or callable(value),
    "webhook_secret": lambda value: value == [] or isinstance(value, Secret),
    "webhook_signature_key": lambda value: value == [] or isinstance(value, Secret),
    "webhook_id": lambda value: value == [],
}
"""What of the wrong is right for a setting."""


def fields() -> Iterator[tuple[type[ProviderConfig], str, str | None]]:
    for cls in CONFIGS:
        variables = {setting.field: setting.variable for setting in cls.settings()}
        for field in attrs.fields(cls):
            yield cls, field.name, variables.get(field.name)


@pytest.mark.parametrize(
    ("cls", "name", "variable"), list(fields()), ids=lambda part: getattr(part, "__name__", str(part))
)
@pytest.mark.parametrize("value", WRONG, ids=lambda value: f"{type(value).__name__} {value!r}"[:24])
def test_a_value_of_a_wrong_type_is_refused_with_the_name_of_the_setting(
    cls: type[ProviderConfig], name: str, variable: str | None, value: object
) -> None:
    if TAKES.get(name, lambda _: False)(value):
        cls(**{name: value})
        return
    with pytest.raises(ConfigurationError) as caught:
        cls(**{name: value})
    said = caught.value.message
    assert (variable or name) in said
    assert caught.value.provider == cls.provider
    assert "whsec_1" not in said
    assert "sk_test_1" not in said


@pytest.mark.parametrize(
    ("cls", "name", "variable"), list(fields()), ids=lambda part: getattr(part, "__name__", str(part))
)
def test_none_is_nothing_or_refused(cls: type[ProviderConfig], name: str, variable: str | None) -> None:
    if name in {"simulator", "allow_production", "max_age", "reference_key"}:
        with pytest.raises(ConfigurationError, match=name):
            cls(**{name: None})
        return
    config = cls(**{name: None})
    assert getattr(config, name) == getattr(cls(), name) or not config.is_set(name)


@pytest.mark.parametrize("cls", CONFIGS)
@pytest.mark.parametrize("value", [5, None, b"x", ["x"]])
def test_an_environment_holds_texts(cls: type[ProviderConfig], value: Any) -> None:
    for setting in cls.settings():
        with pytest.raises(ConfigurationError, match=setting.variable):
            cls.from_env({setting.variable: value})


def test_a_name_that_is_no_setting_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(ConfigurationError, match=r"secret_kee.*Did you mean 'secret_key'"):
        StripeConfig(secret_kee="sk_test_1")  # type: ignore[call-arg]  # on purpose


# --- settings of others


def shouting(value: Any) -> str:
    return str(value.upper())


@attrs.frozen(kw_only=True)
class AcmeConfig(ProviderConfig):
    provider: ClassVar[str] = "acme"
    key: Secret | None = attrs.field(default=None, converter=Secret.of, metadata=env("ACME_KEY", "call"))
    hooks: tuple[Secret, ...] = attrs.field(default=(), converter=secrets_from)
    region: str = attrs.field(default="eu", converter=shouting)
    shape: "dict[str, int]" = attrs.field(factory=dict)
    base_url: str | None = attrs.field(default=None, converter=url_from)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": 5}, "AcmeConfig(key=...) or ACME_KEY must be a str, not int"),
        ({"key": "two words"}, "AcmeConfig(key=...) or ACME_KEY: a secret holds white space"),
        ({"hooks": [5]}, "AcmeConfig(hooks=...) must be a str, or several of them, not list"),
        ({"region": None}, "AcmeConfig(region=...): it cannot be made of a value of type NoneType (AttributeError)"),
        ({"base_url": "http://acme.example"}, "AcmeConfig(base_url=...): a base URL must look like"),
    ],
)
def test_the_converters_of_others_are_caught_too(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AcmeConfig(**settings)
    assert caught.value.message.startswith(said)


def test_an_iterator_is_read_once() -> None:
    assert [each.reveal() for each in AcmeConfig(hooks=iter(["a", "b"])).hooks] == ["a", "b"]
    with pytest.raises(ConfigurationError, match="hooks"):
        AcmeConfig(hooks=iter(["a", 5]))


def test_what_nobody_knows_is_left_to_its_owner() -> None:
    assert AcmeConfig(shape={"a": 1}).shape == {"a": 1}
