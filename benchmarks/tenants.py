"""What each further tenant of one process costs: a provider of its own, with its own key, and its first call."""

import gc
import time

from measure import Row, resident_mebibytes

from paylattice import BaseProvider, create_provider
from paylattice.providers.stripe import StripeConfig

__all__ = ["tenants"]


async def tenants(base: str, count: int = 1_000) -> list[Row]:
    """Memory and CPU of a tenant; a call of a tenant that is known is taken off."""
    kept: list[BaseProvider] = []

    async def grow(by: int) -> None:
        for _ in range(by):
            config = StripeConfig(secret_key=f"sk_test_{len(kept)}", webhook_secret="whsec_bench", base_url=base)
            kept.append(create_provider("stripe", config=config))
            await kept[-1].get_subscription("sub_1")

    await grow(50)
    gc.collect()
    memory, start = resident_mebibytes(), time.process_time()
    await grow(count)
    spent, start = time.process_time() - start, time.process_time()
    for _ in range(count):
        await kept[0].get_subscription("sub_1")
    spent -= time.process_time() - start
    gc.collect()
    grown = (resident_mebibytes() - memory) * 1024 / count
    for provider in kept:
        await provider.aclose()
    return [
        Row("a tenant more: resident memory", grown, 16, False, " KiB"),
        Row("a tenant more: CPU until its first answer, without the call", spent / count * 1e3, 1, False, " ms"),
    ]
