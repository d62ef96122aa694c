from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("billing", "0003_trials"),)

    operations = (
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.TextField(db_column="provider")),
                ("part", models.TextField(db_column="part")),
                ("updated_at", models.DateTimeField(db_column="updated_at")),
                ("reached_at", models.DateTimeField(db_column="reached_at", null=True)),
                ("last_item", models.TextField(db_column="last_item", null=True)),
            ],
            options={
                "db_table": "billing_bookmarks",
                "constraints": [models.UniqueConstraint(fields=("provider", "part"), name="billing_bookmarks_key")],
            },
        ),
    )
