"""Django, set up over the database that the environment names: for a process of its own, as its settings are a process's."""

import os
from urllib.parse import urlsplit

DATABASE = "PAYLATTICE_TEST_DATABASE"
APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "paylattice.repositories.django",
]


def database(url: str) -> dict[str, object]:
    """Django's words for ``postgresql://user:password@host:port/name``, ``mysql://...`` or ``sqlite:///path``."""
    said = urlsplit(url)
    if said.scheme == "sqlite":
        options = {"transaction_mode": "IMMEDIATE", "init_command": "pragma journal_mode = wal", "timeout": 30}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": said.path, "OPTIONS": options}
    return {
        "ENGINE": f"django.db.backends.{said.scheme}",
        "NAME": said.path.lstrip("/"),
        "HOST": said.hostname,
        "PORT": said.port,
        "USER": said.username,
        "PASSWORD": said.password,
    }


def set_up() -> None:
    """Configure Django, with the tables made by the migration."""
    said = urlsplit(os.environ[DATABASE])
    found = database(os.environ[DATABASE])
    if said.scheme == "mysql":
        import pymysql

        pymysql.version_info = (2, 2, 7, "final", 0)  # Django asks for mysqlclient, as which it stands in
        pymysql.install_as_MySQLdb()
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        INSTALLED_APPS=APPS,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        ROOT_URLCONF="tests.databases.django_urls",
        PAYLATTICE_BILLING="tests.databases.django_urls.billing",
        DATABASES={"default": found, "again": dict(found)},
        USE_TZ=True,
        SECRET_KEY="for these tests",
    )
    django.setup()
    call_command("migrate", verbosity=0)
