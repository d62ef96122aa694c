"""Writes HTML. Every text is escaped; what is markup already says so by its type."""

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import TypeAlias

__all__ = ["Markup", "button", "document", "element", "field", "form", "table"]


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


Content: TypeAlias = str | Iterable[str]
_EMPTY = frozenset({"input", "meta", "br"})


def element(tag: str, /, *content: Content, **attributes: str | bool | None) -> Markup:
    """An element with what is in it.

    Args:
        tag: the name of the element.
        content: texts, which are escaped, and markup, which is not.
        attributes: ``class_`` is ``class``; True: without a value; None or False: not there.
    """
    written = "".join(
        f" {name.rstrip('_')}" if value is True else f' {name.rstrip("_")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    inner = "".join(_markup(each) for each in content)
    return Markup(f"<{tag}{written}>" if tag in _EMPTY else f"<{tag}{written}>{inner}</{tag}>")


def _markup(content: Content) -> str:
    if isinstance(content, Markup):
        return content
    return escape(content) if isinstance(content, str) else "".join(_markup(each) for each in content)


def field(label: str, name: str, value: str = "", *, choices: Iterable[str] = (), kind: str = "text") -> Markup:
    """A field of a form, with its label."""
    choices = tuple(choices)
    if choices:
        options = [element("option", each, selected=each == value) for each in choices]
        return element("label", element("span", label), element("select", options, name=name))
    return element("label", element("span", label), element("input", type=kind, name=name, value=value))


def button(label: str, **attributes: str | bool | None) -> Markup:
    """A button that sends its form."""
    return element("button", label, **attributes)


def form(action: str, *content: Content, class_: str | None = None, **hidden: str) -> Markup:
    """A form that is posted.

    Args:
        action: where to.
        content: fields and buttons.
        class_: for the style sheet.
        hidden: fields that nobody sees.
    """
    kept = [element("input", type="hidden", name=name, value=value) for name, value in hidden.items()]
    return element("form", kept, *content, method="post", action=action, class_=class_)


def table(headings: Iterable[str], rows: Iterable[Iterable[Content]], empty: str) -> Markup:
    """A table; on a narrow screen each cell says its heading itself."""
    headings = tuple(headings)
    lines = [
        element("tr", [element("td", cell, data_label=heading) for heading, cell in zip(headings, row, strict=True)])
        for row in rows
    ]
    if not lines:
        return element("p", empty, class_="empty")
    head = element("thead", element("tr", [element("th", heading) for heading in headings]))
    return Markup(element("table", head, element("tbody", lines)).replace("data_label", "data-label"))


def document(title: str, *body: Content) -> bytes:
    """A page as it is sent."""
    style = Markup(files(__name__.rpartition(".")[0]).joinpath("style.css").read_text(encoding="utf-8"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    return f"<!doctype html>\n{element('html', head, element('body', *body), lang='en')}\n".encode()
