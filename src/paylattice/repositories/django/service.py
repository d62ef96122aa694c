"""Your service: made from Django's settings and the environment, and found again by the commands and the admin."""

from collections.abc import Sequence
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from ...billing.service import BillingService as AsyncBillingService
from ...provider import PaymentProvider
from ...sync import BillingService, Provider, create_provider
from .repository import DjangoRepository

__all__ = ["billing_service", "configured_service", "for_async_views"]

SETTING = "PAYLATTICE_BILLING"


def billing_service(
    provider: Provider | PaymentProvider | Sequence[Provider | PaymentProvider] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    **options: Any,
) -> BillingService[str]:
    """Make a service over one of Django's databases. Make it once, in a module of your own, and register your handlers there.

    Args:
        provider: one provider, or several; None: the one that ``PAYMENT_PROVIDER`` names.
        using: the alias of the database.
        options: those of :class:`paylattice.BillingService`.
    """
    return BillingService(provider or create_provider(), DjangoRepository(using), **options)


def configured_service() -> BillingService[Any]:
    """Get the service that the setting ``PAYLATTICE_BILLING`` names: yours, with your handlers.

    Raises:
        ImproperlyConfigured: there is no such setting, or it leads to something else.
    """
    path = getattr(settings, SETTING, None)
    if not path:
        message = (
            f"set {SETTING} to the path of your service, such as 'shop.billing.billing', so that your handlers run for events "
            "that are found here"
        )
        raise ImproperlyConfigured(message)
    found: BillingService[Any] = import_string(path)
    if not isinstance(found, BillingService):  # pyright: ignore[reportUnnecessaryIsInstance] - a path can lead anywhere
        message = f"{SETTING} leads to {type(found).__name__}, not to a paylattice.sync.BillingService"
        raise ImproperlyConfigured(message)
    return found


def for_async_views(billing: BillingService[str]) -> AsyncBillingService[str]:
    """Get the same service for async views: each of its operations runs in Django's thread for synchronous code.

    ``await for_async_views(billing).respond(...)``. Handlers stay plain functions, and may use the ORM.
    """
    return cast("AsyncBillingService[str]", _Awaited(billing))


class _Awaited:
    def __init__(self, wrapped: BillingService[str]) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> object:
        found: object = getattr(self._wrapped, name)
        if not callable(found) or name in {"on", "provider", "capabilities"}:
            return found
        return sync_to_async(found, thread_sensitive=True)
