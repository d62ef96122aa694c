"""The embedded provider's settings, and the refusal to run in production."""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import attrs

from ...config import ProviderConfig, Secret, env, secrets_from
from ...errors import ConfigurationError

__all__ = ["MemoryConfig", "check_retry_days", "refuse_production"]

_SAYS_WHERE = (
    "PAYLATTICE_ENV",
    "APP_ENV",
    "ENVIRONMENT",
    "ENV",
    "STAGE",
    "DEPLOY_ENV",
    "DJANGO_ENV",
    "FASTAPI_ENV",
    "FLASK_ENV",
    "PYTHON_ENV",
)
_PRODUCTION = frozenset({"prod", "production", "prd", "live"})
_NOT = frozenset({"non", "not", "no", "pre"})


@attrs.frozen(kw_only=True)
class MemoryConfig(ProviderConfig):
    """Settings of the embedded provider.

    Args:
        webhook_secret: what deliveries are signed with; several for rotation, the first one signs.
        allow_production: True lets it start although the environment says production. It charges no one.
    """

    provider: ClassVar[str] = "memory"

    webhook_secret: tuple[Secret, ...] = attrs.field(
        default=(Secret("whsec_memory"),),
        converter=secrets_from,
        metadata=env("MEMORY_WEBHOOK_SECRET", "sign and verify webhooks with a secret of your own"),
    )
    allow_production: bool = False

    @property
    def livemode(self) -> bool:
        """Whether real money moves. It never does."""
        return False


def refuse_production(environ: Mapping[str, str] | None = None) -> None:
    """Refuse to give the product away.

    Raises:
        ConfigurationError: a variable of the environment says that this is production.
    """
    environ = os.environ if environ is None else environ
    for variable in _SAYS_WHERE:
        words = set(re.split(r"[^a-z]+", environ.get(variable, "").lower()))
        if words & _PRODUCTION and not words & _NOT:
            message = (
                f"{variable} says that this is production, and the memory provider charges nobody. Choose a real provider "
                "with PAYMENT_PROVIDER, or pass MemoryConfig(allow_production=True) if you mean it"
            )
            raise ConfigurationError(message, provider="memory")


def check_retry_days(retry_days: Sequence[int], provider: str) -> None:
    """Check on which days a failed renewal is tried again.

    Args:
        retry_days: whole days after the renewal, ascending.
        provider: the provider's name.

    Raises:
        ConfigurationError: they are not.
    """
    days = cast("object", retry_days)
    fits = isinstance(days, Sequence) and not isinstance(days, str) and all(type(day) is int for day in retry_days)
    if not fits or any(later <= day for day, later in itertools.pairwise((0, *retry_days))):
        message = "retry_days must be whole days after the renewal, each later than the one before"
        raise ConfigurationError(message, provider=provider)
