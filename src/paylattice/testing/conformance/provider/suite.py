"""The test class that the author of a provider inherits.

    class TestAcme(ProviderConformance):
        @pytest.fixture
        def provider(self) -> AcmeProvider:
            fake = httpx.MockTransport(FakeAcme())
            return AcmeProvider(AcmeConfig(api_key="test"), transport=AsyncTransport(transport=fake))

Every check runs twice: on an event loop, and blocking, as :mod:`paylattice.sync` does. No pytest plugin is needed.
"""

from .changes import ChangeChecks
from .contract import ContractChecks
from .customers import CustomerChecks
from .failures import FailureChecks
from .hostile_responses import HostileAnswerChecks
from .idempotency import IdempotencyChecks
from .invoices import InvoiceChecks
from .lookups import LookupChecks
from .partial_failure import PartialFailureChecks
from .payment_methods import PaymentMethodChecks
from .payments import PaymentChecks
from .starting import StartingChecks
from .subscriptions import SubscriptionChecks
from .webhooks import WebhookChecks

__all__ = ["ProviderConformance"]


class ProviderConformance(
    ContractChecks,
    FailureChecks,
    CustomerChecks,
    SubscriptionChecks,
    ChangeChecks,
    StartingChecks,
    LookupChecks,
    InvoiceChecks,
    PaymentChecks,
    PaymentMethodChecks,
    IdempotencyChecks,
    PartialFailureChecks,
    HostileAnswerChecks,
    WebhookChecks,
):
    """What a provider promises, as tests.

    A subclass gives one fixture, ``provider``: the provider, new for each check. What answers its requests is the httpx
    transport of that provider, typically ``httpx.MockTransport`` over a small stateful fake of the API; without one,
    everything that needs no real answer is still checked. The other attributes and methods of
    :class:`~paylattice.testing.conformance.provider.ProviderHooks` tell the suite what only the author can know; a check
    that would need one that is missing is skipped, and names it.

    The promises:

    * **Declared is there.** What ``capabilities`` declares works; what it does not raises
      :class:`~paylattice.errors.UnsupportedOperation` with a reason, and sends nothing.
    * **True values.** Models hold what their classes say, times are UTC, ids can be used again.
    * **One key, one effect.** Sent twice, retried, recovered after a lost answer, sent from another process.
    * **Known and unknown outcomes.** A write that was sent and not answered is an
      :class:`~paylattice.errors.OutcomeUnknown` with its key; what never left is not.
    * **Our errors only.** Whatever a server answers, and without a secret or an e-mail address in them.
    * **Webhooks.** Forgeries are refused in every form, and good deliveries are read however a framework hands them out.
    * **Two modes.** Blocking and async send the same and end the same.
    """
