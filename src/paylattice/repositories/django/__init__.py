"""Billing on the Django ORM: PostgreSQL, MySQL, MariaDB and SQLite. ``paylattice[django]``.

    INSTALLED_APPS += ["paylattice.repositories.django"]     # models, migrations, admin, commands

Nothing here is imported before it is used: the models need Django's apps to be ready.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .repository import DjangoRepository
    from .service import billing_service, for_async_views

__all__ = ["DjangoRepository", "billing_service", "for_async_views"]

_HOME_OF = {"DjangoRepository": "repository", "billing_service": "service", "for_async_views": "service"}


def __getattr__(name: str) -> object:
    from ...lazy import attribute_of  # noqa: PLC0415 - see above

    if name in _HOME_OF:
        return attribute_of(f"{__name__}.{_HOME_OF[name]}", name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
