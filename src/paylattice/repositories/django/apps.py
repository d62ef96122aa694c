"""The app."""

from typing import Any

from django.apps import AppConfig

__all__ = ["BillingConfig"]


class BillingConfig(AppConfig):
    """Billing's records. The label is long so that an app of yours may be called billing."""

    name = "paylattice.repositories.django"
    label = "paylattice"
    verbose_name: Any = "Billing"
    default_auto_field: Any = "django.db.models.BigAutoField"
