"""PayPal's settings."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import attrs

from ...config import ProviderConfig, Secret, env, url_from
from ...errors import ConfigurationError

__all__ = ["LIVE", "SANDBOX", "PayPalConfig"]

SANDBOX = "https://api-m.sandbox.paypal.com"
LIVE = "https://api-m.paypal.com"
_SERVERS: Mapping[str, str] = {"sandbox": SANDBOX, "live": LIVE}
_SPELLINGS: Mapping[str, str] = {"sandbox": "sandbox", "test": "sandbox", "live": "live", "production": "live"}
_VERIFICATIONS = ("auto", "offline", "postback")
_FOUR_DAYS = 4 * 86_400.0


def _plain(value: str | None) -> str | None:
    return (value or "").strip() or None


def _secret(value: Secret | str | None) -> Secret | None:
    return Secret.of(value)


def _ids(value: "str | Iterable[str] | None") -> tuple[str, ...]:
    given = value.split(",") if isinstance(value, str) else value or ()
    return tuple(dict.fromkeys(each.strip() for each in given if each.strip()))


def _environment(value: str | None) -> str:
    word = (_plain(value) or "sandbox").lower()
    if word not in _SPELLINGS:
        message = "the PayPal environment (PAYPAL_ENVIRONMENT) must be sandbox or live"
        raise ConfigurationError(message, provider="paypal")
    return _SPELLINGS[word]


def _way(value: str | None) -> str:
    if not isinstance(value, str | None):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
        return str(value)
    return (_plain(value) or _VERIFICATIONS[0]).lower()


def _trusted(value: "Path | str | None") -> "Path | str | None":
    return _plain(value) if isinstance(value, str) else value


def _verification(_config: object, _field: "attrs.Attribute[str]", value: str) -> None:
    if value not in _VERIFICATIONS:
        message = f"verify (PAYPAL_VERIFY) must be one of {', '.join(_VERIFICATIONS)}"
        raise ConfigurationError(message, provider="paypal")


def _client_id(_config: object, _field: "attrs.Attribute[str | None]", value: str | None) -> None:
    if value is not None and (":" in value or not value.isascii() or not value.isprintable()):
        message = (
            "the PayPal client id (PAYPAL_CLIENT_ID) holds a character that none has: copy it from "
            "https://developer.paypal.com/dashboard/applications"
        )
        raise ConfigurationError(message, provider="paypal")


def _client_secret(_config: object, _field: "attrs.Attribute[Secret | None]", value: Secret | None) -> None:
    if value is not None and not (value.reveal().isascii() and value.reveal().isprintable()):
        message = "the PayPal client secret (PAYPAL_CLIENT_SECRET) holds a character that none has: copy it again"
        raise ConfigurationError(message, provider="paypal")


def _positive(_config: object, _field: "attrs.Attribute[float]", value: float) -> None:
    if not value > 0:
        message = "max_age must be a number of seconds above 0"
        raise ConfigurationError(message, provider="paypal")


@attrs.frozen(kw_only=True)
class PayPalConfig(ProviderConfig):
    """PayPal's settings.

    Args:
        client_id: of the REST app. Sandbox and live have different ones.
        client_secret: of the same app.
        webhook_id: the id that PayPal shows beside a webhook's URL, and no secret; several (by commas, or an iterable) where
            several webhooks lead here.
        environment: ``sandbox`` (the default) or ``live``: the credentials do not tell.
        base_url: instead of PayPal's own servers, for a local one.
        verify: how a delivery is verified. ``auto``: with PayPal's certificate, and where that cannot tell, by asking PayPal;
            ``offline``: with the certificate alone; ``postback``: PayPal is asked about every delivery.
        trust_store: the authorities that a signing certificate may come from: a file of PEM blocks, or their text; missing
            intermediate certificates may be in it, too. None: those of certifi, and those known to have issued PayPal's.
        max_age: seconds after which a delivery is too old. PayPal delivers again for days.
        simulator: take deliveries of PayPal's webhook simulator. For tests only: anyone can have it sign anything.

    Raises:
        ConfigurationError: a value cannot be one.
    """

    provider: ClassVar[str] = "paypal"

    client_id: str | None = attrs.field(
        default=None,
        converter=_plain,
        validator=_client_id,
        metadata=env("PAYPAL_CLIENT_ID", "call the API", required=True),
    )
    client_secret: Secret | None = attrs.field(
        default=None,
        converter=_secret,
        validator=_client_secret,
        metadata=env("PAYPAL_CLIENT_SECRET", "call the API", required=True),
    )
    webhook_id: tuple[str, ...] = attrs.field(
        default=(), converter=_ids, metadata=env("PAYPAL_WEBHOOK_ID", "verify webhooks", webhooks=True)
    )
    environment: str = attrs.field(
        default="sandbox", converter=_environment, metadata=env("PAYPAL_ENVIRONMENT", "choose between sandbox and live")
    )
    base_url: str | None = attrs.field(
        default=None, converter=url_from, metadata=env("PAYPAL_API_BASE", "talk to a local server")
    )
    verify: str = attrs.field(
        default="auto",
        converter=_way,
        validator=_verification,
        metadata=env("PAYPAL_VERIFY", "choose between auto, offline and postback"),
    )
    trust_store: Path | str | None = attrs.field(
        default=None, converter=_trusted, repr=False, metadata=env("PAYPAL_TRUST_STORE", "believe other authorities")
    )
    max_age: float = attrs.field(default=_FOUR_DAYS, validator=_positive)
    simulator: bool = False

    @property
    def server(self) -> str:
        """The address that requests go to, without a slash at the end."""
        return (self.base_url or _SERVERS[self.environment]).rstrip("/")

    @property
    def livemode(self) -> bool:
        """Whether real money moves."""
        return self.environment == "live"
