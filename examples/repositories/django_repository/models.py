"""The tables. Fields are those of paylattice's records, whose docstrings say what is in them.

``metadata``, ``payload`` and ``arguments`` are JSON in a text: a ``JSONField`` is ``jsonb`` on PostgreSQL, which refuses the
``\\u0000`` that a provider may send. A record's ``id`` is ``record_id`` here, since Django keeps ``id`` for primary keys.
"""

# Without the plugin of django-stubs, mypy does not know what a field holds.
# mypy: disable-error-code="var-annotated"

from django.db import models


class Customer(models.Model):
    record_id = models.TextField(primary_key=True, db_column="id")
    org_id = models.TextField()
    provider = models.TextField()
    external_customer_id = models.TextField()
    email = models.TextField(null=True)
    name = models.TextField(null=True)
    metadata = models.TextField()
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "billing_customers"
        constraints = (
            models.UniqueConstraint(fields=["org_id", "provider"], name="billing_customers_org"),
            models.UniqueConstraint(fields=["provider", "external_customer_id"], name="billing_customers_external"),
        )
        indexes = (models.Index(fields=["provider", "record_id"], name="billing_customers_pages"),)


class Subscription(models.Model):
    place = models.BigAutoField(primary_key=True)  # the order of insertion
    record_id = models.TextField(unique=True, db_column="id")
    customer = models.ForeignKey(Customer, models.PROTECT, db_index=False)
    external_subscription_id = models.TextField()
    plan_id = models.TextField(null=True)
    status = models.TextField()
    current_period_start = models.DateTimeField(null=True)
    current_period_end = models.DateTimeField(null=True)
    metadata = models.TextField()
    created_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(null=True)
    provider = models.TextField()
    quantity = models.BigIntegerField(null=True)
    cancel_at = models.DateTimeField(null=True)
    ticket = models.BigIntegerField()
    version = models.BigIntegerField(null=True)
    status_since = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    collection_paused = models.BooleanField(default=False)
    payment_failed_at = models.DateTimeField(null=True)
    paid_through = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "billing_subscriptions"
        constraints = (
            models.UniqueConstraint(
                fields=["provider", "external_subscription_id"], name="billing_subscriptions_external"
            ),
        )
        indexes = (models.Index(fields=["customer", "place"], name="billing_subscriptions_of"),)


class Event(models.Model):
    record_id = models.TextField(primary_key=True, db_column="id")
    org_id = models.TextField(null=True)
    customer_id = models.TextField(null=True)
    event_type = models.TextField()
    provider = models.TextField()
    external_event_id = models.TextField()
    amount_cents = models.BigIntegerField(null=True)
    metadata = models.TextField()
    processed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(null=True)
    currency = models.TextField(null=True)
    delivery_id = models.TextField(null=True)

    class Meta:
        db_table = "billing_events"
        constraints = (  # exactly once: these lines
            models.UniqueConstraint(fields=["provider", "external_event_id"], name="billing_events_external"),
            models.UniqueConstraint(fields=["provider", "delivery_id"], name="billing_events_delivery"),
        )


class ParkedEvent(models.Model):
    provider = models.TextField()
    external_event_id = models.TextField()
    external_customer_id = models.TextField(null=True)
    external_subscription_id = models.TextField(null=True)
    payload = models.TextField()
    parked_at = models.DateTimeField()
    error = models.TextField(null=True)

    class Meta:
        db_table = "billing_parked_events"
        constraints = (
            models.UniqueConstraint(fields=["provider", "external_event_id"], name="billing_parked_events_external"),
        )
        indexes = (
            models.Index(fields=["provider", "parked_at", "external_event_id"], name="billing_parked_events_pages"),
        )


class Operation(models.Model):
    provider = models.TextField()
    key = models.TextField()
    operation = models.TextField()
    org_id = models.TextField()
    arguments = models.TextField()
    created_at = models.DateTimeField()
    state = models.TextField()
    external_id = models.TextField(null=True)
    reference = models.TextField(null=True)
    error = models.TextField(null=True)
    closed_at = models.DateTimeField(null=True)
    ticket = models.BigIntegerField()

    class Meta:
        db_table = "billing_operations"
        constraints = (models.UniqueConstraint(fields=["provider", "key"], name="billing_operations_key"),)
        indexes = (
            models.Index(fields=["provider", "state", "ticket", "key"], name="billing_operations_pages"),
            models.Index(fields=["provider", "external_id"], name="billing_operations_made"),
            models.Index(fields=["provider", "reference"], name="billing_operations_references"),
        )


class Ticket(models.Model):
    """Empty: only its counter is used, which goes up and never back."""

    class Meta:
        db_table = "billing_tickets"
