"""The pages on which a person plays the customer."""

from collections.abc import Mapping
from typing import Any, cast

from .actions import Actions
from .desks import Desk, Page, at
from .html import Markup, button, document, element, field, form

__all__ = ["act", "bank_page", "checkout_page"]


def checkout_page(desk: Desk, page: Page, address: str, notice: str = "", *, bad: bool = False) -> bytes:
    """The page.

    Args:
        desk: the provider.
        page: what is shown.
        address: of the page, for its forms.
        notice: what just happened.
        bad: whether that was bad news.
    """
    ways = _ways(desk, page, address) if page.open else [_nothing_to_do(page)]
    told = [element("p", notice, class_="card notice bad" if bad else "card notice", role="status")] if notice else []
    head = element("p", f"{desk.title}'s stand-in: no money moves", class_="soft")
    what = element("div", element("h1", page.title), element("p", page.amount or "Nothing to pay now", class_="amount"))
    return document(page.title, element("main", head, told, element("div", what, ways, class_="card"), class_="page"))


def bank_page(page: Page, address: str) -> bytes:
    """The page of the payer's bank, which asks whether it is really them."""
    asked = element("p", f"Your bank wants to know that it is you who pays {page.amount}.".replace("  ", " "))
    yes = form(address, button("It is me", class_="key"), do="pay")
    no = form(address, button("It is not me"), do="decline", code="")
    body = element("main", element("div", element("h1", "Your bank"), asked, yes, no, class_="card"), class_="page")
    return document("Your bank", body)


def _ways(desk: Desk, page: Page, address: str) -> list[Markup]:
    if page.kind == "change":
        return [form(address, button("Agree", class_="key"), do="agree"), _give_up(address)]
    agree = "Pay" if page.amount else "Save"
    ways = [form(address, button(agree, class_="key"), do="pay")]
    if page.kind == "invoice":
        return ways
    ways.append(form(address, button("Authenticate with the bank first"), do="bank"))
    if page.can_pay_later:
        ways.append(form(address, button("Pay by bank debit: the money comes later"), do="later"))
    reasons = field("Reason", "code", desk.declines[0], choices=desk.declines)
    ways.append(form(address, reasons, button("Let the bank decline"), do="decline"))
    return [*ways, _give_up(address)]


def _give_up(address: str) -> Markup:
    return form(address, button("Give up, and go back"), do="leave")


def _nothing_to_do(page: Page) -> Markup:
    if page.kind == "portal":
        return element("p", "The stand-in has no portal: use the dashboard.")
    return element("p", f"Nothing to do here any more: this is {page.status.lower().replace('_', ' ')}.")


def act(desk: Desk, actions: Actions, page: Page, fields: Mapping[str, str]) -> str:
    """Do what the person chose.

    Returns:
        What the bank said, if it declined; else nothing.

    Raises:
        ValueError: it is not possible now.
    """
    stand_in = cast("Any", desk.stand_in)
    match fields.get("do"):
        case "agree":
            stand_in.approve_change(page.id)
        case "decline":
            code = fields.get("code") or desk.declines[0]
            actions.do("decline", {"code": code})
            _complete(desk, page)
            after = desk.find(page.id)
            return f"Declined: {code}" if after is None or after.open else ""
        case "later":
            stand_in.complete_checkout(page.id, delayed=True)
        case "pay":
            _complete(desk, page)
        case _:
            message = "this page has no such button"
            raise ValueError(message)
    return ""


def _complete(desk: Desk, page: Page) -> None:
    stand_in = cast("Any", desk.stand_in)
    if page.kind == "invoice" and hasattr(stand_in, "pay_invoice"):
        stand_in.pay_invoice(page.id)
    elif page.kind == "invoice":
        stand_in.pay_outstanding(at("parent.subscription_details.subscription")(desk.row("invoice", page.id)))
    else:
        stand_in.complete_checkout(page.id)
