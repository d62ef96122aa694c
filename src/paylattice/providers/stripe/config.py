"""Stripe's settings."""

from collections.abc import Mapping
from typing import ClassVar

import attrs

from ...config import ProviderConfig, Secret, env, secrets_from, url_from
from ...errors import ConfigurationError

__all__ = ["API_VERSION", "StripeConfig"]

API_VERSION = "2026-10-28.endive"
"""The version of Stripe's API that this provider speaks, whatever the account's default is."""

_KEY_PAGE = "https://dashboard.stripe.com/apikeys"
_WHAT_IT_IS: Mapping[str, str] = {
    "pk_": "a publishable key",
    "sk_": "a secret key",
    "rk_": "a restricted key",
    "whsec_": "a webhook secret",
    "we_": "the id of a webhook endpoint",
}


def _kind(value: str) -> str:
    return next((what for prefix, what in _WHAT_IT_IS.items() if value.startswith(prefix)), "something else")


_MODES: Mapping[str, bool] = {"live": True, "test": False}


def _mode(key: str | None) -> bool | None:
    """What the key says: ``sk_live_...``, ``rk_test_...``. That of a proxy, or of an organisation, may say nothing."""
    parts = (key or "").split("_")
    return _MODES.get(parts[1]) if len(parts) > 1 else None


def _word(value: str | None) -> str | None:
    return (value or "").strip().lower() or None


def _said_mode(config: "StripeConfig", _field: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is None:
        return
    if value not in _MODES:
        message = "the Stripe mode (STRIPE_MODE) must be live or test; most keys say it themselves"
        raise ConfigurationError(message, provider="stripe")
    key = config.secret_key
    if key is not None and _mode(key.reveal()) is (not _MODES[value]):
        message = (
            f"the Stripe mode (STRIPE_MODE) is {value}, and the secret key (STRIPE_SECRET_KEY) is of the other one"
        )
        raise ConfigurationError(message, provider="stripe")


def _secret(value: Secret | str | None) -> Secret | None:
    return Secret.of(value)


def _plain(value: str | None) -> str | None:
    return (value or "").strip() or None


def _version(value: str | None) -> str:
    return _plain(value) or API_VERSION


def _secret_key(_config: object, _field: "attrs.Attribute[Secret | None]", value: Secret | None) -> None:
    if value is not None and not value.reveal().startswith(("sk_", "rk_")):
        message = (
            f"the Stripe secret key (STRIPE_SECRET_KEY) must start with sk_ or rk_; this is {_kind(value.reveal())}. "
            f"Copy the secret key from {_KEY_PAGE}"
        )
        raise ConfigurationError(message, provider="stripe")


def _publishable_key(config: "StripeConfig", _field: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is None:
        return
    if not value.startswith("pk_"):
        message = (
            "the Stripe publishable key (STRIPE_PUBLISHABLE_KEY) must start with pk_; "
            f"this is {_kind(value)}, and browsers get to see what is put here"
        )
        raise ConfigurationError(message, provider="stripe")
    if config.livemode is not None and _mode(value) is (not config.livemode):
        message = "the Stripe secret key and publishable key are not of the same mode: one is live, the other is test"
        raise ConfigurationError(message, provider="stripe")


def _webhook_secret(_config: object, _field: "attrs.Attribute[tuple[Secret, ...]]", value: tuple[Secret, ...]) -> None:
    for secret in value:
        if secret.reveal().startswith(("sk_", "rk_", "pk_", "we_")):
            message = (
                f"the Stripe webhook secret (STRIPE_WEBHOOK_SECRET) is {_kind(secret.reveal())}. The endpoint's "
                "signing secret starts with whsec_: https://dashboard.stripe.com/webhooks"
            )
            raise ConfigurationError(message, provider="stripe")


def _connected_account(_config: object, _field: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is not None and not (value.startswith("acct_") and value.isascii() and value.isprintable()):
        message = f"the connected account (STRIPE_ACCOUNT) must start with acct_; this is {_kind(value)}"
        raise ConfigurationError(message, provider="stripe")


def _header_safe(_config: object, _field: "attrs.Attribute[str]", value: str) -> None:
    if not value.isascii() or not value.isprintable():
        message = f"the Stripe API version must look like {API_VERSION!r}"
        raise ConfigurationError(message, provider="stripe")


@attrs.frozen(kw_only=True)
class StripeConfig(ProviderConfig):
    """Stripe's settings.

    Args:
        secret_key: ``sk_...`` or a restricted ``rk_...``; decides between test and live mode.
        publishable_key: ``pk_...``, for browsers; kept here for the application's use, and no secret.
        webhook_secret: ``whsec_...`` of the endpoint; several (by commas, or an iterable) while one is rolled.
        api_version: the version of Stripe's API; the default is the one that this provider is tested with.
        base_url: instead of Stripe's own servers, for a local one.
        mode: ``live`` or ``test``, for a key that does not say it: one of an organisation, or of a proxy. Events of the other
            mode are refused; with a key that does not tell, and no ``mode``, those of either are taken.
        account: ``acct_...`` of a connected account, for which a Connect platform's key acts: every request is for it, and
            billing applies only its events.

    Raises:
        ConfigurationError: a value is of the wrong kind, for example a publishable key in place of the secret key.
    """

    provider: ClassVar[str] = "stripe"

    secret_key: Secret | None = attrs.field(
        default=None,
        converter=_secret,
        validator=_secret_key,
        metadata=env("STRIPE_SECRET_KEY", "call the API", required=True),
    )
    publishable_key: str | None = attrs.field(
        default=None,
        converter=_plain,
        validator=_publishable_key,
        metadata=env("STRIPE_PUBLISHABLE_KEY", "start Stripe.js in the browser"),
    )
    webhook_secret: tuple[Secret, ...] = attrs.field(
        default=(),
        converter=secrets_from,
        validator=_webhook_secret,
        metadata=env("STRIPE_WEBHOOK_SECRET", "verify webhooks", webhooks=True),
    )
    api_version: str = attrs.field(default=API_VERSION, converter=_version, validator=_header_safe)
    base_url: str | None = attrs.field(
        default=None, converter=url_from, metadata=env("STRIPE_API_BASE", "talk to a local server")
    )
    mode: str | None = attrs.field(
        default=None,
        converter=_word,
        validator=_said_mode,
        metadata=env("STRIPE_MODE", "say live or test where the key does not"),
    )
    account: str | None = attrs.field(
        default=None,
        converter=_plain,
        validator=_connected_account,
        metadata=env("STRIPE_ACCOUNT", "act for a connected account (Connect)"),
    )

    @property
    def is_unrestricted(self) -> bool:
        """Whether the secret key may do everything, as those that begin with ``rk_`` may not."""
        return self.secret_key is not None and self.secret_key.reveal().startswith("sk_")

    @property
    def livemode(self) -> bool | None:
        """Whether the secret key moves real money; None if neither it, nor ``mode``, nor the publishable key says so."""
        if self.mode is not None:
            return _MODES[self.mode]
        said = _mode(self.secret_key.reveal()) if self.secret_key else None
        return _mode(self.publishable_key) if said is None else said
