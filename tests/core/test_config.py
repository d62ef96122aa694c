"""Settings: secrets that refuse to be seen, and messages that name the variable, the provider and the cure."""

import copy
import json
import logging
import pickle
from collections.abc import Callable
from typing import ClassVar

import attrs
import cattrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice.config import ProviderConfig, Secret, Setting, env, secrets_from, url_from
from paylattice.errors import ConfigurationError

TEXT = "hunter2-hunter2"


def _environment(value: str | None) -> str:
    if value not in {None, "sandbox", "live"}:
        message = "the environment is sandbox or live"
        raise ConfigurationError(message)
    return value or "sandbox"


@attrs.frozen(kw_only=True)
class AcmeConfig(ProviderConfig):
    provider: ClassVar[str] = "acme"

    key: Secret | None = attrs.field(
        default=None, converter=Secret.of, metadata=env("ACME_KEY", "call the API", required=True)
    )
    hooks: tuple[Secret, ...] = attrs.field(
        default=(), converter=secrets_from, metadata=env("ACME_HOOKS", "verify webhooks")
    )
    environment: str = attrs.field(
        default=None, converter=_environment, metadata=env("ACME_ENVIRONMENT", "know where to go")
    )
    base_url: str | None = attrs.field(default=None, converter=url_from)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        format,
        lambda s: f"{s}",
        lambda s: f"{s!r:>40}",
        lambda s: f"{s:>40}",
        lambda s: "%s" % s,  # noqa: UP031 - one of the ways
        lambda s: "%r" % s,  # noqa: UP031 - one of the ways
        lambda s: json.dumps({"key": s}, default=str),
        lambda s: repr([s, (s,), {"key": s}]),
        lambda s: repr(AcmeConfig(key=s, hooks=[s])),
        lambda s: repr(attrs.asdict(AcmeConfig(key=s))),
        lambda s: repr(dir(s)),
    ],
)
def test_a_secret_is_not_shown(show: Callable[[Secret], str]) -> None:
    assert TEXT not in show(Secret(TEXT))


@pytest.mark.parametrize(
    "take",
    [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        vars,
        list,
        len,
        bytes,
        lambda s: s.__getstate__(),
        lambda s: s.__reduce_ex__(4),
        lambda s: s + "",
        lambda s: json.dumps(cattrs.unstructure(s)),
        lambda s: pickle.dumps(AcmeConfig(key=s)),
    ],
)
def test_a_secret_does_not_let_itself_be_taken_along(take: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as caught:
        take(Secret(TEXT))
    assert TEXT not in str(caught.value)


def test_a_secret_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("config %s, secret %r", AcmeConfig(key=TEXT), Secret(TEXT))
    assert "***" in caplog.text
    assert TEXT not in caplog.text


def test_a_secret_does_not_change() -> None:
    secret = Secret(TEXT)
    with pytest.raises(AttributeError, match="immutable"):
        secret._text = "other"
    with pytest.raises(AttributeError, match="immutable"):
        del secret._text
    assert secret.reveal() == TEXT


def test_secrets_are_compared_by_their_text_and_with_secrets_only() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("é") == Secret("é")


@pytest.mark.parametrize("nothing", [None, "", " ", "\n\t", Secret(""), Secret(" ")])
def test_nothing_is_no_secret(nothing: Secret | str | None) -> None:
    assert Secret.of(nothing) is None


def test_white_space_around_a_secret_is_taken_off() -> None:
    assert Secret.of(f" {TEXT}\n") == Secret.of(Secret(f"{TEXT} ")) == Secret(TEXT)


@pytest.mark.parametrize("text", ["sk live", "sk\x00live", "sk\nlive", "sk\u200blive", "ключ", "sk_“live”"])
def test_a_secret_with_stray_characters_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match="copy it again") as caught:
        Secret.of(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("value", [5, b"sk_live", ["sk"], True])
def test_a_secret_is_a_text(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a str"):
        Secret.of(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, ()),
        ("", ()),
        (" , ,", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , b ,", ("a", "b")),
        (["a", Secret("b"), None, ""], ("a", "b")),
        (Secret("a"), ("a",)),
        (iter(["a"]), ("a",)),
    ],
)
def test_several_secrets_come_by_commas_or_in_an_iterable(value: object, texts: tuple[str, ...]) -> None:
    secrets = secrets_from(value)  # type: ignore[arg-type]
    assert tuple(secret.reveal() for secret in secrets) == texts


@pytest.mark.parametrize("value", [5, b"ab", [5], True])
def test_secrets_are_texts(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must be a str"):
        secrets_from(value)  # type: ignore[arg-type]


def test_settings_come_from_the_environment() -> None:
    config = AcmeConfig.from_env({"ACME_KEY": TEXT, "ACME_HOOKS": "a,b", "OTHER": "x"})
    assert config == AcmeConfig(key=TEXT, hooks=["a", "b"])
    assert config.key is not None
    assert config.key.reveal() == TEXT


def test_settings_come_from_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", TEXT)
    assert AcmeConfig.from_env().key == Secret(TEXT)


def test_white_space_around_any_setting_is_taken_off() -> None:
    assert AcmeConfig.from_env({"ACME_KEY": TEXT, "ACME_ENVIRONMENT": " live\n"}).environment == "live"


@pytest.mark.parametrize("environ", [{}, {"ACME_KEY": ""}, {"ACME_KEY": " \n"}])
def test_a_missing_setting_names_the_variable_the_provider_and_the_cure(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AcmeConfig.from_env(environ)
    assert str(caught.value).startswith(
        "acme: provider 'acme' needs ACME_KEY to call the API. Set it, or pass AcmeConfig(key=...). Known providers: memory, "
    )
    assert caught.value.provider == "acme"


def test_a_setting_that_does_not_exist_cannot_be_required() -> None:
    with pytest.raises(ConfigurationError, match="has no setting 'typo'"):
        AcmeConfig(key=TEXT).require("typo")


@pytest.mark.parametrize("environ", [{}, {"ACME_HOOKS": " ", "ACME_ENVIRONMENT": ""}])
def test_settings_that_are_not_required_may_be_missing_or_empty(environ: dict[str, str]) -> None:
    config = AcmeConfig.from_env({"ACME_KEY": TEXT, **environ})
    assert (config.hooks, config.environment) == ((), "sandbox")


@pytest.mark.parametrize(
    ("variable", "value"), [("ACME_KEY", "two words"), ("ACME_HOOKS", "a,b c"), ("ACME_ENVIRONMENT", "moon base")]
)
def test_a_wrong_setting_names_its_variable_and_the_provider_and_not_the_value(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable) as caught:
        AcmeConfig.from_env({"ACME_KEY": TEXT, variable: value})
    assert caught.value.provider == "acme"
    assert value not in str(caught.value)


def test_settings_that_are_wrong_together_name_the_provider() -> None:
    @attrs.frozen(kw_only=True)
    class Pair(ProviderConfig):
        provider: ClassVar[str] = "pair"
        one: str | None = attrs.field(default=None, metadata=env("PAIR_ONE", "x"))
        two: str | None = attrs.field(default=None, metadata=env("PAIR_TWO", "x"))

        def __attrs_post_init__(self) -> None:
            if self.one and self.two:
                message = "PAIR_ONE and PAIR_TWO exclude each other"
                raise ConfigurationError(message)

    with pytest.raises(ConfigurationError) as caught:
        Pair.from_env({"PAIR_ONE": "a", "PAIR_TWO": "b"})
    assert str(caught.value) == "pair: PAIR_ONE and PAIR_TWO exclude each other"


def test_a_message_that_names_its_variable_is_left_alone() -> None:
    def refuse(value: str | None) -> None:
        if value:
            message = "ONE_KEY is never right"
            raise ConfigurationError(message)

    @attrs.frozen(kw_only=True)
    class One(ProviderConfig):
        provider: ClassVar[str] = "one"
        key: str | None = attrs.field(default=None, converter=refuse, metadata=env("ONE_KEY", "x"))

    with pytest.raises(ConfigurationError) as caught:
        One.from_env({"ONE_KEY": "a"})
    assert str(caught.value) == "one: ONE_KEY is never right"


def test_what_an_operation_needs_can_be_demanded_later() -> None:
    config = AcmeConfig(key=TEXT)
    config.require("key")
    with pytest.raises(ConfigurationError, match="needs ACME_HOOKS to verify webhooks"):
        config.require("hooks")
    assert config.is_set("key")
    assert not config.is_set("hooks")


def test_settings_without_the_decorator_are_not_silently_none() -> None:
    class Plain(ProviderConfig):
        provider = "plain"
        api_key: Secret | None = attrs.field(default=None, metadata=env("PLAIN_API_KEY", "call its API"))

    with pytest.raises(ConfigurationError, match=r"the fields of Plain are not seen: put @attrs\.frozen"):
        Plain.from_env({"PLAIN_API_KEY": "key"})


def test_the_settings_of_a_provider_can_be_listed() -> None:
    assert AcmeConfig.settings() == (
        Setting("ACME_KEY", "call the API", required=True, field="key"),
        Setting("ACME_HOOKS", "verify webhooks", field="hooks"),
        Setting("ACME_ENVIRONMENT", "know where to go", field="environment"),
    )


@pytest.mark.parametrize(
    ("value", "url"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        (" https://api.example.com/v1/ ", "https://api.example.com/v1"),
        ("http://127.0.0.1:12111", "http://127.0.0.1:12111"),
        ("HTTPS://Example.com", "HTTPS://Example.com"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://localhost:8080/v1/", "http://localhost:8080/v1"),
        ("http://LOCALHOST", "http://LOCALHOST"),
        ("http://127.255.255.254", "http://127.255.255.254"),
        ("https://10.0.0.1:8443", "https://10.0.0.1:8443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("https://api_internal", "https://api_internal"),
        ("https://api.example.com.", "https://api.example.com."),
    ],
)
def test_a_base_url_loses_its_last_slash(value: str | None, url: str | None) -> None:
    assert url_from(value) == url


@pytest.mark.parametrize(
    "value",
    [
        "api.example.com",
        "ftp://example.com",
        "https://",
        "https:///path",
        "https://user@example.com",
        "https://:password@example.com",
        "https://user:password@example.com",
        "https://example.com?key=hunter2",
        "https://example.com?",
        "https://example.com/#x",
        "https://example.com:99999",
        "https://example.com:abc",
        "https://example.com:0",
        "https://[::1",
        "https://exa mple.com",
        "https://exa\nmple.com",
        "https://good.example\\@evil.example",
        "javascript:alert(1)",
        "http://example.com",
        "http://internal",
        "http://10.0.0.1:8080",
        "http://169.254.169.254",
        "http://0.0.0.0:8080",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://evil.example/localhost",
        "http://evil-localhost",
        "http://sub.localhost",
        "http://localhost@evil.example",
        "http://127.0.0.1@evil.example",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.0.0.1",
        "http://0177.0.0.1",
        "http://127.0.0.01",
        "http://127.0.0.1.",
        "http://127.0.0.256",
        "http://\uff11\uff12\uff17.0.0.1",
        "http://[::ffff:127.0.0.1]",
        "http://[::2]",
        "http://[::1%25lo]",
        "http://[::]",
        "http://:8080",
        "https://2130706433",
        "https://0x7f.1",
        "https://127.1",
        "https://[fe80::1%25eth0]:x",
        "https://exämple.com",
        "https://example..com",
        "https://.example.com",
        "https://-example.com",
        "https://exa%6dple.com",
        "https://exam'ple.com",
        "ws://localhost",
        "http:localhost",
        "http:/localhost",
        "//localhost",
        "localhost:8080",
    ],
)
def test_what_is_no_plain_base_url_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"https://host\[:port\]\[/path\]") as caught:
        url_from(value)
    assert "hunter2" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_base_url_or_a_configuration_error(text: str) -> None:
    try:
        url = url_from(text)
    except ConfigurationError:
        return
    assert url is None or url.lower().startswith(("http://localhost", "http://127.", "http://[", "https://"))


@given(st.text())
def test_any_text_is_a_secret_nothing_or_a_configuration_error(text: str) -> None:
    try:
        secret = Secret.of(text)
    except ConfigurationError:
        return
    assert secret is None or secret.reveal() == text.strip()
