from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="Ticket",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ],
            options={
                "db_table": "billing_tickets",
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("record_id", models.TextField(db_column="id", primary_key=True, serialize=False)),
                ("org_id", models.TextField(db_column="org_id")),
                ("provider", models.TextField(db_column="provider")),
                ("external_customer_id", models.TextField(db_column="external_customer_id")),
                ("email", models.TextField(db_column="email", null=True)),
                ("name", models.TextField(db_column="name", null=True)),
                ("metadata", models.TextField(db_column="metadata")),
                ("created_at", models.DateTimeField(db_column="created_at", null=True)),
                ("updated_at", models.DateTimeField(db_column="updated_at", null=True)),
            ],
            options={
                "db_table": "billing_customers",
                "indexes": [models.Index(fields=["provider", "record_id"], name="customers_by_provider")],
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
                ("record_id", models.TextField(db_column="id", primary_key=True, serialize=False)),
                ("org_id", models.TextField(db_column="org_id", null=True)),
                ("customer_id", models.TextField(db_column="customer_id", null=True)),
                ("event_type", models.TextField(db_column="event_type")),
                ("provider", models.TextField(db_column="provider")),
                ("external_event_id", models.TextField(db_column="external_event_id")),
                ("amount_minor", models.BigIntegerField(db_column="amount_minor", null=True)),
                ("metadata", models.TextField(db_column="metadata")),
                ("processed_at", models.DateTimeField(db_column="processed_at", null=True)),
                ("created_at", models.DateTimeField(db_column="created_at")),
                ("currency", models.TextField(db_column="currency", null=True)),
                ("delivery_id", models.TextField(db_column="delivery_id", null=True)),
            ],
            options={
                "db_table": "billing_events",
                "indexes": [models.Index(fields=["customer_id", "created_at", "record_id"], name="events_by_customer")],
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
                ("provider", models.TextField(db_column="provider")),
                ("key", models.TextField(db_column="key")),
                ("operation", models.TextField(db_column="operation")),
                ("org_id", models.TextField(db_column="org_id")),
                ("arguments", models.TextField(db_column="arguments")),
                ("created_at", models.DateTimeField(db_column="created_at")),
                ("state", models.TextField(db_column="state")),
                ("external_id", models.TextField(db_column="external_id", null=True)),
                ("reference", models.TextField(db_column="reference", null=True)),
                ("error", models.TextField(db_column="error", null=True)),
                ("closed_at", models.DateTimeField(db_column="closed_at", null=True)),
                ("ticket", models.BigIntegerField(db_column="ticket")),
            ],
            options={
                "db_table": "billing_operations",
                "indexes": [
                    models.Index(fields=["provider", "ticket", "key"], name="operations_by_provider"),
                    models.Index(fields=["provider", "state", "ticket", "key"], name="operations_by_state"),
                    models.Index(fields=["provider", "external_id", "ticket", "key"], name="operations_by_external_id"),
                    models.Index(fields=["provider", "reference", "ticket", "key"], name="operations_by_reference"),
                ],
                "constraints": [models.UniqueConstraint(fields=("provider", "key"), name="billing_operations_key")],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("record_id", models.TextField(db_column="id", primary_key=True, serialize=False)),
                ("customer_id", models.TextField(db_column="customer_id")),
                ("external_subscription_id", models.TextField(db_column="external_subscription_id")),
                ("plan_id", models.TextField(db_column="plan_id", null=True)),
                ("status", models.TextField(db_column="status")),
                ("current_period_start", models.DateTimeField(db_column="current_period_start", null=True)),
                ("current_period_end", models.DateTimeField(db_column="current_period_end", null=True)),
                ("metadata", models.TextField(db_column="metadata")),
                ("created_at", models.DateTimeField(db_column="created_at", null=True)),
                ("updated_at", models.DateTimeField(db_column="updated_at", null=True)),
                ("provider", models.TextField(db_column="provider")),
                ("quantity", models.BigIntegerField(db_column="quantity", null=True)),
                ("cancel_at", models.DateTimeField(db_column="cancel_at", null=True)),
                ("ticket", models.BigIntegerField(db_column="ticket")),
                ("version", models.BigIntegerField(db_column="version", null=True)),
                ("status_since", models.DateTimeField(db_column="status_since", null=True)),
                ("trial_end", models.DateTimeField(db_column="trial_end", null=True)),
                ("collection_paused", models.BooleanField(db_column="collection_paused")),
                ("payment_failed_at", models.DateTimeField(db_column="payment_failed_at", null=True)),
                ("paid_through", models.DateTimeField(db_column="paid_through", null=True)),
                ("ended_at", models.DateTimeField(db_column="ended_at", null=True)),
                ("first_ticket", models.BigIntegerField(db_column="first_ticket")),
            ],
            options={
                "db_table": "billing_subscriptions",
                "indexes": [
                    models.Index(fields=["customer_id", "first_ticket", "record_id"], name="subscriptions_by_customer")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "external_subscription_id"), name="billing_subscriptions_external"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UnmatchedEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.TextField(db_column="provider")),
                ("external_event_id", models.TextField(db_column="external_event_id")),
                ("external_customer_id", models.TextField(db_column="external_customer_id", null=True)),
                ("external_subscription_id", models.TextField(db_column="external_subscription_id", null=True)),
                ("payload", models.TextField(db_column="payload")),
                ("waiting_since", models.DateTimeField(db_column="waiting_since")),
                ("error", models.TextField(db_column="error", null=True)),
            ],
            options={
                "db_table": "billing_unmatched_events",
                "indexes": [
                    models.Index(
                        fields=["provider", "waiting_since", "external_event_id"], name="unmatched_even_by_provider"
                    ),
                    models.Index(
                        fields=["provider", "external_customer_id", "waiting_since", "external_event_id"],
                        name="unmatched_even_by_customer",
                    ),
                    models.Index(
                        fields=["provider", "external_subscription_id", "waiting_since", "external_event_id"],
                        name="unmatched_even_by_subscription",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "external_event_id"), name="billing_unmatched_events_key"
                    )
                ],
            },
        ),
    )
