"""What ``paylattice.sync`` shows is what the async classes have, and closing closes."""

import asyncio
import inspect

import pytest

from paylattice import BaseProvider, BillingService, PaymentProvider, errors, sync
from paylattice.billing.memory import InMemoryRepository
from paylattice.billing.repository import BillingRepository, BlockingBillingRepository
from paylattice.provider import PaymentProvider as Protocol
from paylattice.providers.memory import InMemoryProvider
from paylattice.transport import BlockingTransport
from tests.billing.support import PAGES, Fake

RENAMED = {"aclose": "close"}


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("asynchronous", "blocking"),
    [
        (Protocol, sync.Provider),
        (BillingService, sync.BillingService),
        (InMemoryRepository, sync.InMemoryRepository),
        (BillingRepository, BlockingBillingRepository),
    ],
    ids=["provider", "service", "embedded repository", "repository protocol"],
)
def test_everything_public_has_its_twin_with_the_same_arguments(asynchronous: type, blocking: type) -> None:
    for name in public(asynchronous):
        twin = inspect.getattr_static(blocking, RENAMED.get(name, name), None)
        assert twin is not None, name
        mine = inspect.getattr_static(asynchronous, name)
        if inspect.isfunction(mine):
            ours = [(each.name, each.kind, each.default) for each in inspect.signature(mine).parameters.values()]
            theirs = [(each.name, each.kind, each.default) for each in inspect.signature(twin).parameters.values()]
            assert ours == theirs, name
            assert not inspect.iscoroutinefunction(twin), name
            assert twin.__doc__, name


def test_what_the_base_of_all_providers_adds_is_there_too() -> None:
    added = public(BaseProvider) - public(PaymentProvider)
    missing = added - public(sync.Provider)
    of_no_use_to_who_calls = {"config_class", "contract_version", "transport"}
    for_the_core = {
        "browser_makes_subscriptions",
        "access_until_period_end",
        "checkout_starts_later",
        "account_id",
        "preserves_customer",
        "checkout_mark",
        "checkout_session_of",
        "verify_with_provider",
        "customer_id_is_proof",
        "describe_invoice",
        "events_since",
        "customer_portal",
        "missing_because",
        "find_created_customer",
        "find_payment",
        "find_refund",
        "find_subscription",
        "follow_links",
        "is_same",
        "never_leads_to",
        "read_checkout",
        "sends",
    }
    assert missing == of_no_use_to_who_calls | for_the_core


def test_a_provider_shows_what_it_lacks() -> None:
    provider = sync.Provider(Fake())
    assert provider.unsupported == Fake.unsupported
    with pytest.raises(errors.UnsupportedOperation):
        provider.require(*InMemoryProvider.capabilities)


class FailsToClose(Fake):
    async def aclose(self) -> None:
        message = "the socket is gone"
        raise OSError(message)


class Closes(Fake):
    name = "closes"
    closed = False

    async def aclose(self) -> None:
        self.closed = True


def test_closing_the_service_closes_every_provider_whatever_the_first_one_raises() -> None:
    second = Closes()
    with (
        pytest.raises(OSError, match="socket"),
        sync.BillingService([FailsToClose(), second], sync.InMemoryRepository(), select=lambda _: "fake"),
    ):
        pass
    assert second.closed


def test_closing_a_provider_closes_its_transport_whatever_the_provider_raises() -> None:
    transport = BlockingTransport()
    with pytest.raises(OSError, match="socket"), sync.Provider(FailsToClose(), transport=transport):
        pass
    with pytest.raises(errors.ConfigurationError, match="closed"):
        transport._client()


def test_the_service_hands_out_its_providers_and_its_repository() -> None:
    wrapped, bare, repository = sync.Provider(Fake()), Closes(), sync.InMemoryRepository()
    billing = sync.BillingService([wrapped, bare], repository, select=lambda _: "fake")
    assert billing.provider("fake") is wrapped
    assert billing.provider("closes").wrapped is bare
    assert billing.repository is repository
    with pytest.raises(errors.ConfigurationError, match="it has fake, closes"):
        billing.provider("elsewhere")


def test_the_blocking_service_works_inside_a_running_event_loop() -> None:
    """Not what it is made for, and no reason to break: a notebook has a loop running."""

    async def main() -> None:
        provider = InMemoryProvider()
        billing = sync.BillingService(provider, sync.InMemoryRepository())
        assert billing.ensure_customer("org", email="ada@example.com").org_id == "org"
        assert billing.subscription("org") is None
        with pytest.raises(errors.InvalidRequest, match="plan"):
            billing.start_checkout("org", "nothing", email="ada@example.com", **PAGES)

    asyncio.run(main())


def test_a_repository_that_suspends_is_told_of_and_not_waited_for() -> None:
    class Half(sync.InMemoryRepository):
        def get(self, kind, key, *, lock=False, tx=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            return sync.run(asyncio.sleep(0))

    billing = sync.BillingService(Fake(), Half())
    with pytest.raises(errors.ConfigurationError, match="waited for an event loop"):
        billing.subscription("org")
