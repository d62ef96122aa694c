import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = ()

    operations = (
        migrations.CreateModel(
            name="Ticket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={
                "db_table": "billing_tickets",
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("record_id", models.TextField(db_column="id", primary_key=True, serialize=False)),
                ("org_id", models.TextField()),
                ("provider", models.TextField()),
                ("external_customer_id", models.TextField()),
                ("email", models.TextField(null=True)),
                ("name", models.TextField(null=True)),
                ("metadata", models.TextField()),
                ("created_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "billing_customers",
                "indexes": [models.Index(fields=["provider", "record_id"], name="billing_customers_pages")],
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
                ("org_id", models.TextField(null=True)),
                ("customer_id", models.TextField(null=True)),
                ("event_type", models.TextField()),
                ("provider", models.TextField()),
                ("external_event_id", models.TextField()),
                ("amount_cents", models.BigIntegerField(null=True)),
                ("metadata", models.TextField()),
                ("processed_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(null=True)),
                ("currency", models.TextField(null=True)),
                ("delivery_id", models.TextField(null=True)),
            ],
            options={
                "db_table": "billing_events",
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
                ("provider", models.TextField()),
                ("key", models.TextField()),
                ("operation", models.TextField()),
                ("org_id", models.TextField()),
                ("arguments", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("state", models.TextField()),
                ("external_id", models.TextField(null=True)),
                ("reference", models.TextField(null=True)),
                ("error", models.TextField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("ticket", models.BigIntegerField()),
            ],
            options={
                "db_table": "billing_operations",
                "indexes": [
                    models.Index(fields=["provider", "state", "ticket", "key"], name="billing_operations_pages"),
                    models.Index(fields=["provider", "external_id"], name="billing_operations_made"),
                    models.Index(fields=["provider", "reference"], name="billing_operations_references"),
                ],
                "constraints": [models.UniqueConstraint(fields=("provider", "key"), name="billing_operations_key")],
            },
        ),
        migrations.CreateModel(
            name="ParkedEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.TextField()),
                ("external_event_id", models.TextField()),
                ("external_customer_id", models.TextField(null=True)),
                ("external_subscription_id", models.TextField(null=True)),
                ("payload", models.TextField()),
                ("parked_at", models.DateTimeField()),
                ("error", models.TextField(null=True)),
            ],
            options={
                "db_table": "billing_parked_events",
                "indexes": [
                    models.Index(
                        fields=["provider", "parked_at", "external_event_id"], name="billing_parked_events_pages"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "external_event_id"), name="billing_parked_events_external"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("place", models.BigAutoField(primary_key=True, serialize=False)),
                ("record_id", models.TextField(db_column="id", unique=True)),
                ("external_subscription_id", models.TextField()),
                ("plan_id", models.TextField(null=True)),
                ("status", models.TextField()),
                ("current_period_start", models.DateTimeField(null=True)),
                ("current_period_end", models.DateTimeField(null=True)),
                ("metadata", models.TextField()),
                ("created_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(null=True)),
                ("provider", models.TextField()),
                ("quantity", models.BigIntegerField(null=True)),
                ("cancel_at", models.DateTimeField(null=True)),
                ("ticket", models.BigIntegerField()),
                ("version", models.BigIntegerField(null=True)),
                ("status_since", models.DateTimeField(null=True)),
                ("trial_end", models.DateTimeField(null=True)),
                ("collection_paused", models.BooleanField(default=False)),
                ("payment_failed_at", models.DateTimeField(null=True)),
                ("paid_through", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="billing.customer"
                    ),
                ),
            ],
            options={
                "db_table": "billing_subscriptions",
                "indexes": [models.Index(fields=["customer", "place"], name="billing_subscriptions_of")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "external_subscription_id"), name="billing_subscriptions_external"
                    )
                ],
            },
        ),
    )
