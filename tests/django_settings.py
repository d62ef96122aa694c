"""Django's settings, which are a process's: for the tests that share one."""


def set_up() -> None:
    """Configure Django, once."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            INSTALLED_APPS=[
                "django.contrib.admin",
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "django.contrib.messages",
                "paylattice.repositories.django",
            ],
            ROOT_URLCONF="django_app",
            SECRET_KEY="for these tests",
            USE_TZ=True,
        )
        django.setup()
