"""The admin: the records, to read. Billing alone writes them."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ...billing.records import BillingCustomer, BillingEvent, BillingOperation, BillingSubscription, UnmatchedEvent
from ...errors import PaymentError
from .models import MODELS
from .service import configured_service

__all__ = ["CustomerAdmin", "EventAdmin", "OperationAdmin", "ReadOnlyAdmin", "SubscriptionAdmin", "WaitingEventAdmin"]

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Model]
else:
    ModelAdmin = admin.ModelAdmin

_DASHBOARDS = {
    ("stripe", "customer"): "https://dashboard.stripe.com/customers/{}",
    ("stripe", "subscription"): "https://dashboard.stripe.com/subscriptions/{}",
}
"""By provider and kind of object, where one link serves every account."""


def _link(provider: str, kind: str, external_id: str) -> SafeString | str:
    page = _DASHBOARDS.get((provider, kind))
    return external_id if page is None else format_html('<a href="{}">{}</a>', page.format(external_id), external_id)


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows, to those who may view them."""

    list_per_page = 50
    show_full_result_count = False  # counting all rows of a large table takes long

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes a row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes a row."""
        return False


@admin.register(MODELS[BillingCustomer])
class CustomerAdmin(ReadOnlyAdmin):
    """Customers, and an action that reads what the provider says of their subscriptions."""

    list_display: Any = ("org_id", "provider", "at_the_provider", "email", "created_at")
    list_filter: ClassVar[Any] = ("provider",)
    search_fields: ClassVar[Any] = ("=org_id", "=external_customer_id", "=email")
    actions: Any = ("sync_now",)

    @admin.display(description="at the provider")
    def at_the_provider(self, row: Any) -> SafeString | str:
        """Link to the provider's dashboard."""
        return _link(row.provider, "customer", row.external_customer_id)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Whoever may change customers may let their subscriptions be read."""
        user: Any = request.user
        return bool(user.has_perm("paylattice.change_customer"))

    @admin.action(description="Sync subscriptions now", permissions=["sync"])
    def sync_now(self, request: HttpRequest, rows: "QuerySet[Any]") -> None:
        """Read the subscriptions of the organisations from their providers, and store them."""
        done = 0
        for org_id in sorted({str(row.org_id) for row in rows}):
            try:
                configured_service().sync_subscription(org_id)
            except ImproperlyConfigured as error:
                self.message_user(request, str(error), messages.ERROR)
                return
            except PaymentError as error:
                self.message_user(request, f"{org_id}: {error}", messages.ERROR)
            else:
                done += 1
        self.message_user(request, f"{done} organisations are as their providers say.")


@admin.register(MODELS[BillingSubscription])
class SubscriptionAdmin(ReadOnlyAdmin):
    """Subscriptions."""

    list_display: Any = (
        "at_the_provider",
        "provider",
        "plan_id",
        "status",
        "current_period_end",
        "cancel_at",
    )
    list_filter: ClassVar[Any] = ("provider", "status")
    search_fields: ClassVar[Any] = ("=external_subscription_id", "=customer_id")

    @admin.display(description="at the provider")
    def at_the_provider(self, row: Any) -> SafeString | str:
        """Link to the provider's dashboard."""
        return _link(row.provider, "subscription", row.external_subscription_id)


@admin.register(MODELS[BillingEvent])
class EventAdmin(ReadOnlyAdmin):
    """Applied events."""

    list_display: Any = (
        "external_event_id",
        "event_type",
        "provider",
        "org_id",
        "amount_minor",
        "currency",
        "processed_at",
    )
    list_filter: ClassVar[Any] = ("provider",)
    search_fields: ClassVar[Any] = ("=external_event_id", "=org_id", "=customer_id")


@admin.register(MODELS[BillingOperation])
class OperationAdmin(ReadOnlyAdmin):
    """The operation log."""

    list_display: Any = (
        "key",
        "operation",
        "provider",
        "org_id",
        "state",
        "error",
        "created_at",
        "closed_at",
    )
    list_filter: ClassVar[Any] = ("provider", "state")
    search_fields: ClassVar[Any] = ("=key", "=org_id", "=external_id")


@admin.register(MODELS[UnmatchedEvent])
class WaitingEventAdmin(ReadOnlyAdmin):
    """Events that wait for their customer. The delivery itself stays out of sight: it is full of personal data."""

    list_display: Any = (
        "external_event_id",
        "provider",
        "external_customer_id",
        "waiting_since",
        "error",
    )
    list_filter: ClassVar[Any] = ("provider",)
    search_fields: ClassVar[Any] = ("=external_event_id", "=external_customer_id")
    exclude: ClassVar[Any] = ("payload",)
