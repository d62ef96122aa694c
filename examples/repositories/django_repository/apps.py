"""The app. Where it lives is yours to choose; its label stays, because the migration names it."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = __package__ or "django_repository"
    label = "billing"
    default_auto_field = "django.db.models.BigAutoField"
