"""The table of migrations from one provider to another."""

from typing import Any, ClassVar

from django.db import migrations, models

import paylattice.repositories.django.fields


class Migration(migrations.Migration):
    dependencies: ClassVar[Any] = [
        ("paylattice", "0001_initial"),
    ]

    operations: ClassVar[Any] = [
        migrations.CreateModel(
            name="Migration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("source", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("source_subscription_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("org_id", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("target", models.TextField()),
                ("plan_id", models.TextField()),
                ("quantity", models.BigIntegerField()),
                ("step", paylattice.repositories.django.fields.KeyField(max_length=255)),
                ("attempt", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("moves_at", models.DateTimeField(null=True)),
                ("session_id", models.TextField(null=True)),
                ("target_subscription_id", models.TextField(null=True)),
                ("reminded_at", models.DateTimeField(null=True)),
                ("reason", models.TextField(null=True)),
                ("leads_to", models.TextField(null=True)),
            ],
            options={
                "db_table": "billing_migrations",
                "indexes": [
                    models.Index(fields=["source", "source_subscription_id"], name="migrations_by_source"),
                    models.Index(fields=["source", "step", "source_subscription_id"], name="migrations_by_step"),
                    models.Index(fields=["org_id", "source", "source_subscription_id"], name="migrations_by_org"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("source", "source_subscription_id"), name="billing_migrations_key")
                ],
            },
        ),
    ]
