"""Django, set up over the database that the environment names: for a process of its own, as its settings are a process's."""

import os
from urllib.parse import urlsplit

DATABASE = "PAYLATTICE_TEST_DATABASE"


def database(url: str) -> dict[str, object]:
    """Django's words for ``postgresql://user:password@host:port/name`` or ``sqlite:///path``."""
    said = urlsplit(url)
    if said.scheme == "sqlite":
        options = {"transaction_mode": "IMMEDIATE", "init_command": "pragma journal_mode = wal", "timeout": 30}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": said.path, "OPTIONS": options}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": said.path.lstrip("/"),
        "HOST": said.hostname,
        "PORT": said.port,
        "USER": said.username,
        "PASSWORD": said.password,
    }


def set_up() -> None:
    """Configure Django, with the tables made by the migration."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    found = database(os.environ[DATABASE])
    settings.configure(
        INSTALLED_APPS=["django_repository"],
        DATABASES={"default": found, "again": dict(found)},
        USE_TZ=True,
        SECRET_KEY="for these tests",
    )
    django.setup()
    call_command("migrate", verbosity=0)
