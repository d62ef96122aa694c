"""A plain script: who may use the product until when, and what differs from the provider. ``python script.py``."""

import os
import sys
from pathlib import Path

from paylattice import BillingCustomer
from paylattice.billing.records.customers import CUSTOMERS_BY_PROVIDER
from paylattice.sync import BillingService, create_provider

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "repositories")]

import embedded
from sqlite_repository import SQLiteRepository


def main() -> None:
    provider = create_provider(os.environ.get("PAYMENT_PROVIDER", "memory"))
    embedded.stock(provider.wrapped)
    repository = SQLiteRepository(os.environ.get("SHOP_DATABASE", "shop.db"))
    repository.create_tables()
    name = provider.get_provider_name()
    with BillingService(provider, repository) as billing:
        last = None
        while page := repository.find(BillingCustomer, CUSTOMERS_BY_PROVIDER, {"provider": name}, after=last):
            for customer in page:
                access = billing.access(customer.org_id)
                print(f"{customer.org_id:<12} {access.reason:<24} {access.until or ''}")
            last = page[-1]
        found = billing.reconcile(name, on_difference=lambda difference: print("differs:", difference))
        print(f"{found.customers} customers, {found.different} subscriptions differ at {name}")


if __name__ == "__main__":
    main()
