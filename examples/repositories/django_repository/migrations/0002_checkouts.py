from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("billing", "0001_initial"),)

    operations = (
        migrations.CreateModel(
            name="Checkout",
            fields=[
                ("record_id", models.TextField(db_column="id", primary_key=True, serialize=False)),
                ("org_id", models.TextField(db_column="org_id")),
                ("product", models.TextField(db_column="product")),
                ("plan_id", models.TextField(db_column="plan_id")),
                ("provider", models.TextField(db_column="provider")),
                ("key", models.TextField(db_column="key")),
                ("ticket", models.BigIntegerField(db_column="ticket")),
                ("created_at", models.DateTimeField(db_column="created_at")),
                ("updated_at", models.DateTimeField(db_column="updated_at")),
                ("state", models.TextField(db_column="state")),
                ("place", models.TextField(db_column="place", null=True)),
                ("session_id", models.TextField(db_column="session_id", null=True)),
                ("url", models.TextField(db_column="url", null=True)),
                ("expires_at", models.DateTimeField(db_column="expires_at", null=True)),
                ("external_subscription_id", models.TextField(db_column="external_subscription_id", null=True)),
            ],
            options={
                "db_table": "billing_checkouts",
                "indexes": [
                    models.Index(fields=["org_id", "ticket", "record_id"], name="checkouts_by_org"),
                    models.Index(fields=["provider", "ticket", "record_id"], name="checkouts_by_provider"),
                    models.Index(fields=["provider", "session_id", "ticket", "record_id"], name="checkouts_by_session"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("org_id", "place"), name="billing_checkouts_place"),
                    models.UniqueConstraint(fields=("provider", "key"), name="billing_checkouts_key"),
                ],
            },
        ),
    )
