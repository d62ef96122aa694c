"""The location that sells: https://developer.squareup.com/reference/square/objects/Location."""

import attrs

from ...jsonlike import JsonObject, identity, text

__all__ = ["Location", "location_from"]


@attrs.frozen
class Location:
    """The location that sells.

    Args:
        id: Square's id.
        currency: of every amount.
        timezone: the IANA name.
        name: for people.
        active: whether it can sell.
        merchant_id: whose it is.
    """

    id: str
    currency: str | None = None
    timezone: str | None = None
    name: str | None = None
    active: bool = True
    merchant_id: str | None = None

    def in_words(self) -> str:
        """For a message."""
        about = ", ".join(filter(None, (self.name, self.currency, None if self.active else "inactive")))
        return f"{self.id} ({about})" if about else self.id


def location_from(data: JsonObject) -> Location:
    """A location."""
    return Location(
        id=identity(data, "id", "location"),
        currency=text(data, "currency"),
        timezone=text(data, "timezone"),
        name=text(data, "name"),
        active=text(data, "status") != "INACTIVE",
        merchant_id=text(data, "merchant_id"),
    )
