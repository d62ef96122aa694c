"""Visits the Celery shop: delivers its webhooks over HTTP, and waits until a worker has applied them."""

import importlib
import os
import random
import sys
import time
import urllib.request
from pathlib import Path

from visitor import SHOPS, serve

from paylattice import BillingEvent

PATIENCE = 60


def main(port: int) -> None:
    address = f"http://127.0.0.1:{port}"
    os.environ |= {"PAYMENT_PROVIDER": "memory", "SHOP_URL": address}
    sys.path.insert(0, str(SHOPS))
    shop = importlib.import_module("celery_shop")
    embedded = importlib.import_module("embedded")
    stop = serve("celery_shop", shop, port)
    hook = f"{address}/webhooks/memory"
    provider = shop.provider.wrapped
    try:
        session = shop.billing.start_checkout(
            "org_1",
            "pro",
            email="ada@example.com",
            success_url=address,
            cancel_url=address,
        )
        provider.complete_checkout(session.id)
        waiting = list(provider.deliveries())
        provider.advance(months=1)
        waiting += provider.deliveries()
        assert embedded.post(waiting[0], hook, waiting[0].payload + b" ") == 400
        random.Random(1).shuffle(waiting)
        for each in waiting * 2:
            assert embedded.post(each, hook) == 200
        Path(os.environ["SHOP_QUEUED"]).touch()  # the test may kill a worker now
        deadline = time.monotonic() + PATIENCE
        keys = {each.event_id for each in waiting}
        while True:
            done = [shop.repository.get(BillingEvent, {"provider": "memory", "external_event_id": key}) for key in keys]
            if all(event is not None and event.processed_at is not None for event in done):
                break
            assert time.monotonic() < deadline, f"{sum(event is None for event in done)} events were not applied"
            time.sleep(0.2)
        with urllib.request.urlopen(address, timeout=10) as page:
            assert b"active" in page.read()
        print(f"{len(keys)} events applied")
    finally:
        stop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(int(sys.argv[1]))
