"""The transaction search, which is late: https://developer.paypal.com/docs/api/transaction-search/v1/."""

from datetime import datetime, timedelta

from .refusals import invalid
from .routes import Request, Route, page
from .world import JSON, World, moment, said

__all__ = ["TRANSACTION_ROUTES"]

_PATH = "/v1/reporting/transactions"
_QUERY = frozenset({"start_date", "end_date", "fields", "page", "page_size"})
_CODES = {"capture": "T0006", "authorization": "T1300", "refund": "T1107"}
_STATUS = {
    "COMPLETED": "S",
    "CREATED": "S",
    "CAPTURED": "S",
    "PENDING": "P",
    "DECLINED": "D",
    "DENIED": "D",
    "VOIDED": "V",
}
_LATE = timedelta(hours=3)
_LONGEST = timedelta(days=31)
_KEPT = timedelta(days=3 * 365)


def _time(request: Request, name: str) -> datetime:
    if name not in request.query:
        raise invalid("MISSING_REQUIRED_PARAMETER", f"{name} is missing.", name, place="query")
    try:
        return moment(request.query[name])
    except ValueError:
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{name} is no date and time.", name, place="query") from None


def _list(world: World, request: Request) -> JSON:
    start, end = _time(request, "start_date"), _time(request, "end_date")
    if not timedelta(0) <= end - start <= _LONGEST:
        raise invalid("INVALID_PARAMETER_VALUE", "Date range is greater than 31 days.", "end_date", place="query")
    if start < world.now - _KEPT:
        raise invalid("INVALID_PARAMETER_VALUE", "Data is kept for three years.", "start_date", place="query")
    until = min(end, world.now - _LATE)
    rows = [
        {"transaction_info": _info(kind, each)}
        for kind in _CODES
        for each in world.all(kind)
        if start <= moment(each["create_time"]) <= until
    ]
    return page(world, rows, "transaction_details", request, _PATH, usual=100, most=500)


def _info(kind: str, each: JSON) -> JSON:
    sign = "-" if kind == "refund" else ""
    return {
        "transaction_id": each["id"],
        "transaction_event_code": _CODES[kind],
        "transaction_initiation_date": each["create_time"],
        "transaction_updated_date": said(moment(each["update_time"])),
        "transaction_amount": {**each["amount"], "value": f"{sign}{each['amount']['value']}"},
        "transaction_status": _STATUS.get(each["status"], "S"),
        **{
            theirs: each[ours]
            for ours, theirs in (("invoice_id", "invoice_id"), ("custom_id", "custom_field"))
            if ours in each
        },
    }


TRANSACTION_ROUTES = (Route("GET", _PATH, _list, query=_QUERY),)
