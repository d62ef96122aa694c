"""Acme's settings."""

from typing import ClassVar

import attrs

from paylattice.config import ProviderConfig, Secret, env, secrets_from, url_from


def _secret(value: Secret | str | None) -> Secret | None:
    return Secret.of(value)


@attrs.frozen(kw_only=True)
class AcmeConfig(ProviderConfig):
    """Acme's settings.

    Args:
        api_key: from Acme's dashboard.
        webhook_secret: of the webhook endpoint; several, by commas, while one is replaced by the next.
        base_url: instead of Acme's own server, for a local one.
    """

    provider: ClassVar[str] = "acme"

    api_key: Secret | None = attrs.field(
        default=None, converter=_secret, metadata=env("ACME_API_KEY", "call the API", required=True)
    )
    webhook_secret: tuple[Secret, ...] = attrs.field(
        default=(), converter=secrets_from, metadata=env("ACME_WEBHOOK_SECRET", "verify webhooks", webhooks=True)
    )
    base_url: str | None = attrs.field(
        default=None, converter=url_from, metadata=env("ACME_API_BASE", "talk to a local server")
    )
