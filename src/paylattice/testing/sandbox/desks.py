"""What a person is shown of each provider: its pages, and its lists on the dashboard."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import attrs

from ...money import Money
from ..standins import StandIn

__all__ = ["Desk", "Listing", "Page", "Row", "at", "money_text", "texts", "with_query"]

Row: TypeAlias = Mapping[str, Any]
Text: TypeAlias = Callable[[Row], str]


@attrs.frozen
class Page:
    """A page that a person was sent to.

    Args:
        id: what a completed page is completed by.
        title: what it is for.
        amount: what has to be paid; empty: nothing, or it is not known.
        status: the provider's own word.
        open: whether somebody can still act there.
        kind: ``checkout``, ``change``, ``invoice`` or ``portal``.
        can_pay_later: whether it can be paid in a way whose money arrives later.
    """

    id: str
    title: str
    amount: str
    status: str
    open: bool
    kind: str = "checkout"
    can_pay_later: bool = False


@attrs.frozen
class Listing:
    """A list on the dashboard.

    Args:
        title: above it.
        kind: the stand-in's word for the objects.
        columns: what is shown of an object, by heading.
        buttons: what can be done with an object: the label, the action, more fields of it, and whether it makes sense.
    """

    title: str
    kind: str
    columns: Mapping[str, Text]
    buttons: Sequence[tuple[str, str, Mapping[str, str], Callable[[Row], bool]]] = ()


def at(path: str) -> Text:
    """What an object has at a place, such as ``items.data.0.price.id`` (``last``: a list's last one); empty: nothing."""

    def read(row: Row) -> str:
        found = _find(row, path)
        return "" if found is None else str(found)

    return read


def money_text(*paths: str) -> Text:
    """The first amount of money that an object has at one of these places, as a person reads it."""

    def read(row: Row) -> str:
        for path in paths:
            found = _find(row, path)
            if isinstance(found, int) and "currency" in row:
                return str(Money(found, str(row["currency"]).upper()))
            if isinstance(found, Mapping):
                return _amount(cast("Row", found))
        return ""

    return read


def _amount(found: Row) -> str:
    if "amount" in found:
        return str(Money(found["amount"], found["currency"]))
    return f"{found.get('value', found.get('total'))} {found.get('currency_code', found.get('currency'))}"


def _find(row: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(row, list):
            several = cast("Sequence[Any]", row)
            place = len(several) - 1 if part == "last" else int(part)
            row = several[place] if 0 <= place < len(several) else None
        elif isinstance(row, Mapping):
            row = cast("Row", row).get(part)
        else:
            return None
    return row


class Desk(ABC):
    """One provider's pages and lists.

    Args:
        stand_in: the provider.
    """

    title: ClassVar[str]
    hosts: ClassVar[Sequence[str]]
    """Of the pages that people are sent to."""
    page_kinds: ClassVar[Sequence[str]]
    """The objects that have a page."""
    listings: ClassVar[Sequence[Listing]]
    declines: ClassVar[Sequence[str]]
    """Reasons of a bank to decline, the usual one first."""

    def __init__(self, stand_in: StandIn[Any, Any, Any]) -> None:
        self.stand_in = stand_in

    @abstractmethod
    def environment(self, base: str) -> Mapping[str, str]:
        """The variables with which an application uses the sandbox."""

    @abstractmethod
    def _described(self, kind: str, row: Row) -> Page:
        """The page of an object."""

    def returned(self, page: Page, address: str) -> str:
        """Where the provider sends the payer who has agreed.

        Args:
            page: is done.
            address: where the application wants the payer.
        """
        return address

    def row(self, kind: str, identifier: object) -> Row:
        """The object of a kind with an id; an empty one if there is none."""
        found = (each for each in self.stand_in.objects(kind) if each.get("id") == identifier)
        nothing: Row = {}
        return next(found, nothing)

    def find(self, identifier: str) -> Page | None:
        """The page of the object with an id; None if there is none."""
        for kind in self.page_kinds:
            row = self.row(kind, identifier)
            if row:
                return self._described(kind, row)
        return None

    def find_at(self, address: str) -> Page | None:
        """The page with an address, which the provider says in one of its objects; None if there is none."""
        for kind in self.page_kinds:
            for row in self.stand_in.objects(kind):
                if address in texts(row):
                    return self._described(kind, row)
        return None


def with_query(address: str, **more: str) -> str:
    """The address with more in its query."""
    parts = urlsplit(address)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items()]
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, Mapping):
        for each in cast("Mapping[str, Any]", value).values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in cast("Sequence[Any]", value):
            yield from texts(each)
    elif isinstance(value, str):
        yield value
