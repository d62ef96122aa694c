"""Customers, which PayPal does not have: an id of this library's own for each."""

from collections.abc import Mapping

from ...idempotency import sub_key
from ...models import Customer

__all__ = ["customer_for"]


def customer_for(email: str | None, name: str | None, metadata: Mapping[str, str] | None, key: str) -> Customer:
    """Make a customer with an id that follows from the key: the same key makes the same id."""
    identifier = f"cus_{sub_key(key, 'customer').replace('-', '')}"
    return Customer(identifier, email, name, metadata, provider="paypal")
