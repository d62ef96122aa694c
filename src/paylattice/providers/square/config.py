"""Square's settings."""

from collections.abc import Callable, Mapping
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

import attrs

from ...config import ProviderConfig, Secret, env, secrets_from, url_from
from ...errors import ConfigurationError

__all__ = ["API_VERSION", "MAIN", "SANDBOX", "SquareConfig", "Token"]

API_VERSION = "2026-09-16"
"""The version of Square's API that this provider speaks, whatever the application's default is."""

SANDBOX = "https://connect.squareupsandbox.com"
BASE_URLS: Mapping[str, str] = {"sandbox": SANDBOX, "production": "https://connect.squareup.com"}
CHECKOUTS = ("link", "invoice")
MAIN = "main"
"""In place of the id of the main location: https://developer.squareup.com/reference/square/locations-api/retrieve-location."""

Token: TypeAlias = Callable[[], "Secret | str"]
"""Hands out the access token that is good now: OAuth tokens live for 30 days."""

_APPLICATION_SECRETS = ("sq0csp-", "sandbox-sq0csb-")
_APPLICATION_IDS = ("sq0idp-", "sandbox-sq0idb-")
_SANDBOX_ID = "sandbox-"


def _token(value: "Secret | str | Token | None") -> "Secret | Token | None":
    return value if callable(value) else Secret.of(value)


def _plain(value: str | None) -> str | None:
    return (value or "").strip() or None


def _version(value: str | None) -> str:
    return _plain(value) or API_VERSION


def _environment(value: str | None) -> str:
    return (_plain(value) or "sandbox").lower()


def _checkout(value: str | None) -> str:
    return (_plain(value) or "link").lower()


def _access_token(
    _config: object, _field: "attrs.Attribute[Secret | Token | None]", value: "Secret | Token | None"
) -> None:
    if isinstance(value, Secret) and value.reveal().startswith((*_APPLICATION_SECRETS, *_APPLICATION_IDS)):
        what = "the application secret" if value.reveal().startswith(_APPLICATION_SECRETS) else "the application id"
        message = (
            f"the Square access token (SQUARE_ACCESS_TOKEN) is {what}: take the access token of the same page, "
            "Credentials in the Developer Console"
        )
        raise ConfigurationError(message, provider="square")


def _one_of(choices: tuple[str, ...], what: str) -> "Callable[[object, attrs.Attribute[str], str], None]":
    def check(_config: object, _field: "attrs.Attribute[str]", value: str) -> None:
        if value not in choices:
            message = f"{what} must be {' or '.join(choices)}"
            raise ConfigurationError(message, provider="square")

    return check


def _header_safe(_config: object, _field: "attrs.Attribute[str]", value: str) -> None:
    if not value.isascii() or not value.isprintable():
        message = f"the Square API version must look like {API_VERSION!r}"
        raise ConfigurationError(message, provider="square")


def _in_a_path(_config: object, _field: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is not None and not (value.isascii() and value.isalnum()):
        message = "the Square location id (SQUARE_LOCATION_ID) holds letters and digits only, such as 'L88917AVBK2S5'"
        raise ConfigurationError(message, provider="square")


def _signed_url(_config: object, _field: "attrs.Attribute[str | None]", value: str | None) -> None:
    """The URL is signed as it was registered: it is checked, and never changed."""
    if value is None:
        return
    try:
        parts = urlsplit(value)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and value.isprintable() and " " not in value
    except ValueError:
        fits = False
    if not fits:
        message = "the Square webhook URL (SQUARE_WEBHOOK_URL) must be the notification URL of the webhook subscription, whole"
        raise ConfigurationError(message, provider="square")


@attrs.frozen(kw_only=True)
class SquareConfig(ProviderConfig):
    """Square's settings.

    Args:
        access_token: the account's own token, or one that the seller granted by OAuth; or a function that hands out the
            token that is good now.
        application_id: for the Web Payments SDK in browsers; kept here for the application's use, and no secret.
        webhook_signature_key: of the webhook subscription; several (by commas, or an iterable) while one is rotated.
        webhook_url: the notification URL, exactly as the webhook subscription has it: it is part of what is signed.
        location_id: the location that sells. Its currency is that of every amount.
        environment: ``sandbox`` or ``production``; the token does not say it.
        base_url: instead of Square's own servers, for a local one.
        api_version: the version of Square's API; the default is the one that this provider is tested with.
        checkout: how customers subscribe: ``link`` (a payment link) or ``invoice`` (the page of a first invoice).
        reference_key: the word of the metadata that Square keeps as ``reference_id``.

    Raises:
        ConfigurationError: a value is of the wrong kind, for example an application secret in place of the access token.
    """

    provider: ClassVar[str] = "square"

    access_token: Secret | Token | None = attrs.field(
        default=None,
        converter=_token,
        validator=_access_token,
        metadata=env("SQUARE_ACCESS_TOKEN", "call the API", required=True),
    )
    application_id: str | None = attrs.field(
        default=None,
        converter=_plain,
        metadata=env("SQUARE_APPLICATION_ID", "start the Web Payments SDK in the browser"),
    )
    webhook_signature_key: tuple[Secret, ...] = attrs.field(
        default=(),
        converter=secrets_from,
        metadata=env("SQUARE_WEBHOOK_SIGNATURE_KEY", "verify webhooks", webhooks=True),
    )
    webhook_url: str | None = attrs.field(
        default=None,
        converter=_plain,
        validator=_signed_url,
        metadata=env("SQUARE_WEBHOOK_URL", "verify webhooks, whose signature covers their URL", webhooks=True),
    )
    location_id: str | None = attrs.field(
        default=None,
        converter=_plain,
        validator=_in_a_path,
        metadata=env("SQUARE_LOCATION_ID", "know which location sells"),
    )
    environment: str = attrs.field(
        default="sandbox",
        converter=_environment,
        validator=_one_of(tuple(BASE_URLS), "the Square environment (SQUARE_ENVIRONMENT)"),
        metadata=env("SQUARE_ENVIRONMENT", "choose between sandbox and production"),
    )
    base_url: str | None = attrs.field(
        default=None, converter=url_from, metadata=env("SQUARE_API_BASE", "talk to a local server")
    )
    api_version: str = attrs.field(default=API_VERSION, converter=_version, validator=_header_safe)
    checkout: str = attrs.field(
        default="link", converter=_checkout, validator=_one_of(CHECKOUTS, "SquareConfig(checkout=...)")
    )
    reference_key: str = attrs.field(default="org_id")

    def __attrs_post_init__(self) -> None:
        if self.base_url is None:
            object.__setattr__(self, "base_url", BASE_URLS.get(self.environment, SANDBOX))
        if self.application_id and self.application_id.startswith(_SANDBOX_ID) is self.livemode:
            other = "sandbox" if self.livemode else "production"
            message = (
                f"the Square application id (SQUARE_APPLICATION_ID) is the {other} one, "
                f"and the environment (SQUARE_ENVIRONMENT) is {self.environment}"
            )
            raise ConfigurationError(message, provider="square")

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        return self.environment == "production"

    def token(self) -> str:
        """The access token that is good now.

        Raises:
            ConfigurationError: there is none, or the function that should hand it out failed.
        """
        value = self.access_token
        if callable(value):
            try:
                secret = Secret.of(value())
            except Exception as exc:  # noqa: BLE001 - its text may hold anything
                cause = type(exc).__name__
            else:
                if secret is not None:
                    return secret.reveal()
                cause = "it handed out nothing"
            message = f"the function that hands out the Square access token failed ({cause}): nothing was sent"
            raise ConfigurationError(message, provider="square")
        if value is None:
            self.require("access_token")
            return ""
        return value.reveal()
