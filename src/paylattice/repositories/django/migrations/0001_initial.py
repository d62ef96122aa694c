"""The tables of billing's records."""

from typing import Any, ClassVar

from django.db import migrations, models

import paylattice.repositories.django.fields


class Migration(migrations.Migration):
    initial: ClassVar[Any] = True

    dependencies: ClassVar[Any] = []

    operations: ClassVar[Any] = [
        migrations.CreateModel(
            name="Ticket",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("last", models.BigIntegerField()),
            ],
            options={
                "db_table": "billing_tickets",
            },
        ),
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("part", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("updated_at", models.DateTimeField()),
                ("reached_at", models.DateTimeField(null=True)),
                ("last_item", models.TextField(null=True)),
            ],
            options={
                "db_table": "billing_bookmarks",
                "constraints": [models.UniqueConstraint(fields=("provider", "part"), name="billing_bookmarks_key")],
            },
        ),
        migrations.CreateModel(
            name="Checkout",
            fields=[
                (
                    "id",
                    paylattice.repositories.django.fields.KeyField(max_length=255, primary_key=True, serialize=False),
                ),
                ("org_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("product", models.TextField()),
                ("plan_id", models.TextField()),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("key", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("ticket", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("state", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("place", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("session_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("url", models.TextField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("external_subscription_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
            ],
            options={
                "db_table": "billing_checkouts",
                "indexes": [
                    models.Index(fields=["org_id", "ticket", "id"], name="checkouts_by_org"),
                    models.Index(fields=["provider", "ticket", "id"], name="checkouts_by_provider"),
                    models.Index(fields=["provider", "session_id", "ticket", "id"], name="checkouts_by_session"),
                    models.Index(fields=["provider", "state", "ticket", "id"], name="checkouts_by_state"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org_id", "place"), name="billing_checkouts_place"),
                    models.UniqueConstraint(fields=("provider", "key"), name="billing_checkouts_key"),
                    models.UniqueConstraint(
                        fields=("provider", "external_subscription_id"), name="billing_checkouts_subscription"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                (
                    "id",
                    paylattice.repositories.django.fields.KeyField(max_length=255, primary_key=True, serialize=False),
                ),
                ("org_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("external_customer_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("email", models.TextField(null=True)),
                ("name", models.TextField(null=True)),
                ("metadata", models.TextField()),
                ("created_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(null=True)),
                ("phone", models.TextField(null=True)),
                ("ticket", models.BigIntegerField()),
                ("erased_customer_id", models.TextField(null=True)),
            ],
            options={
                "db_table": "billing_customers",
                "indexes": [
                    models.Index(fields=["provider", "id"], name="customers_by_provider"),
                    models.Index(fields=["org_id", "id"], name="customers_by_org"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org_id", "provider"), name="billing_customers_org"),
                    models.UniqueConstraint(
                        fields=("provider", "external_customer_id"), name="billing_customers_external"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    paylattice.repositories.django.fields.KeyField(max_length=255, primary_key=True, serialize=False),
                ),
                ("org_id", models.TextField(null=True)),
                ("customer_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("event_type", models.TextField()),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("external_event_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("amount_minor", models.BigIntegerField(null=True)),
                ("metadata", models.TextField()),
                ("processed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("currency", models.TextField(null=True)),
                ("delivery_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
            ],
            options={
                "db_table": "billing_events",
                "indexes": [models.Index(fields=["customer_id", "created_at", "id"], name="events_by_customer")],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "external_event_id"), name="billing_events_external"),
                    models.UniqueConstraint(fields=("provider", "delivery_id"), name="billing_events_delivery"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("key", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("operation", models.TextField()),
                ("org_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("arguments", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("state", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("external_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("reference", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("error", models.TextField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("ticket", models.BigIntegerField()),
            ],
            options={
                "db_table": "billing_operations",
                "indexes": [
                    models.Index(fields=["provider", "ticket", "key"], name="operations_by_provider"),
                    models.Index(fields=["provider", "state", "ticket", "key"], name="operations_by_state"),
                    models.Index(fields=["provider", "external_id", "ticket", "key"], name="operations_by_external_id"),
                    models.Index(fields=["provider", "reference", "ticket", "key"], name="operations_by_reference"),
                    models.Index(fields=["org_id", "ticket", "key", "provider"], name="operations_by_org"),
                ],
                "constraints": [models.UniqueConstraint(fields=("provider", "key"), name="billing_operations_key")],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    paylattice.repositories.django.fields.KeyField(max_length=255, primary_key=True, serialize=False),
                ),
                ("customer_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("external_subscription_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("plan_id", models.TextField(null=True)),
                ("status", models.TextField()),
                ("current_period_start", models.DateTimeField(null=True)),
                ("current_period_end", models.DateTimeField(null=True)),
                ("metadata", models.TextField()),
                ("created_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(null=True)),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("quantity", models.BigIntegerField(null=True)),
                ("cancel_at", models.DateTimeField(null=True)),
                ("ticket", models.BigIntegerField()),
                ("version", models.BigIntegerField(null=True)),
                ("status_since", models.DateTimeField(null=True)),
                ("trial_end", models.DateTimeField(null=True)),
                ("collection_paused", models.BooleanField()),
                ("payment_failed_at", models.DateTimeField(null=True)),
                ("paid_through", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("first_ticket", models.BigIntegerField()),
                ("scheduled_plan_id", models.TextField(null=True)),
                ("scheduled_quantity", models.BigIntegerField(null=True)),
                ("scheduled_at", models.DateTimeField(null=True)),
                ("trials", models.TextField()),
            ],
            options={
                "db_table": "billing_subscriptions",
                "indexes": [
                    models.Index(fields=["customer_id", "first_ticket", "id"], name="subscriptions_by_customer")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "external_subscription_id"), name="billing_subscriptions_external"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="WaitingEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("external_event_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("external_customer_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("external_subscription_id", paylattice.repositories.django.fields.KeyField(max_length=255, null=True)),
                ("payload", models.TextField()),
                ("waiting_since", models.DateTimeField()),
                ("error", models.TextField(null=True)),
            ],
            options={
                "db_table": "billing_unmatched_events",
                "indexes": [
                    models.Index(
                        fields=["provider", "waiting_since", "external_event_id"], name="unmatched_eve_by_provider"
                    ),
                    models.Index(
                        fields=["provider", "external_customer_id", "waiting_since", "external_event_id"],
                        name="unmatched_eve_by_customer",
                    ),
                    models.Index(
                        fields=["provider", "external_subscription_id", "waiting_since", "external_event_id"],
                        name="unmatched_eve_by_subscription",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "external_event_id"), name="billing_unmatched_events_key"
                    )
                ],
            },
        ),
    ]
