"""The field of a text in a key."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from ...billing.tables import KEY_LENGTH

__all__ = ["KeyField"]

if TYPE_CHECKING:
    CharField = models.CharField[Any, Any]
else:
    CharField = models.CharField

_COLLATIONS = {"postgresql": "C", "mysql": "utf8mb4_bin"}


class KeyField(CharField):
    """A text in a key: compared and ordered by code points, whatever the language of the database."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": KEY_LENGTH, **kwargs})

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Choose the collation."""
        return {**super().db_parameters(connection), "collation": _COLLATIONS.get(connection.vendor)}
