"""Addresses of a provider's pages, moved to another host: to one that shows such pages."""

from collections.abc import Sequence
from typing import Any, cast

__all__ = ["Relocation"]


class Relocation:
    """Moves addresses.

    Args:
        hosts: whose pages they are, such as ``checkout.stripe.com``.
        base: the address in front of which such a host becomes a part of the path.
    """

    def __init__(self, hosts: Sequence[str], base: str) -> None:
        self._moves = [(f"https://{host}/", f"{base}/{host}/") for host in hosts]

    def text(self, text: str) -> str:
        """The text, with every address moved."""
        for before, after in self._moves:
            text = text.replace(before, after)
        return text

    def body(self, body: bytes) -> bytes:
        """The body, with every address moved."""
        for before, after in self._moves:
            body = body.replace(before.encode(), after.encode())
        return body

    def value(self, value: Any) -> Any:
        """A JSON value, with every address moved; the value itself stays as it is."""
        if isinstance(value, dict):
            return {name: self.value(each) for name, each in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.value(each) for each in cast("Sequence[Any]", value)]
        return self.text(value) if isinstance(value, str) else value

    def original(self, address: str) -> str:
        """The address as it was before it was moved."""
        for before, after in self._moves:
            if address.startswith(after):
                return before + address.removeprefix(after)
        return address
