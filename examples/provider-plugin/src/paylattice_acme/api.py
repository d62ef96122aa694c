"""Acme's API: its address, its credentials, its errors."""

from collections.abc import Mapping
from typing import ClassVar

from paylattice.errors import Conflict, IdempotencyMismatch, PaymentError
from paylattice.jsonlike import JsonObject, child, text
from paylattice.providers.api import JSONAPI, ErrorResponse, Response

from .config import AcmeConfig

ERRORS: Mapping[str, type[PaymentError]] = {
    "key_reused": IdempotencyMismatch,
    "subscription_ended": Conflict,
}
"""Acme's words for failures, where they say more than the HTTP status."""


class AcmeAPI(JSONAPI[AcmeConfig]):
    """Sends to Acme. ``AcmeProvider`` holds one."""

    title: ClassVar[str] = "Acme"
    base_url: ClassVar[str] = "https://api.acme.test/v2"
    request_id_header: ClassVar[str] = "Acme-Request"

    def auth_headers(self) -> Mapping[str, str]:
        """The key, as Acme wants it."""
        key = self.config.api_key
        return {"Authorization": f"Bearer {key.reveal()}"} if key else {}

    def error_response(self, body: JsonObject, response: Response) -> ErrorResponse:
        """``{"error": {"code": ..., "text": ..., "field": ...}}``."""
        error = child(body, "error")
        code = text(error, "code")
        return ErrorResponse(
            kind=ERRORS.get(code or ""), code=code, message=text(error, "text"), param=text(error, "field")
        )
