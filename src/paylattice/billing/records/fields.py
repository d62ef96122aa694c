"""What the fields of several records share."""

__all__ = ["personal"]


def personal(what: str) -> dict[str, str]:
    """Metadata of a field that holds personal data: whose, and which. The documentation lists these fields."""
    return {"personal": what}
