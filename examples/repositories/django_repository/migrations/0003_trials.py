from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("billing", "0002_checkouts"),)

    operations = (
        migrations.AddField(
            model_name="subscription",
            name="trials",
            field=models.TextField(db_column="trials", default="{}"),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(fields=["org_id", "record_id"], name="customers_by_org"),
        ),
    )
