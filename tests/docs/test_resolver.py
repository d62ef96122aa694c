"""The search for wrong names finds wrong names: no page is green because nothing was looked at."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from .names import foreign, mentions, resolver
from .names.mentions import Mention
from .names.python_code import Page, Walk
from .test_names import PAGES, in_the_repository


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


WRONG = lines("""
    error.advice
    error.retriable
    billing.start_chekout()
    billing.access("org_1").permitted
    billing.reconcile(provider, fix=True)
    billing.purge_unmatched(provider, "stripe", before)
    context.session
    context.customer.organisation
    event.kind
    provider.capability
    provider.charge
    session.link
    recovered.lost
    stored.state
    BillingService(retry=True)
    Money.from_float
    Declined.cause
    RetryPolicy(tries=3)
    paylattice.sync.Money
    paylattice.Webhook
    PAYPAL_WEBHOOKS_ID
    PAYMENT_PROVIDER=paypall
    subscription.pastdue
    invoice.payed
    subscriptions.*
    stripe_v2:<type>
    wrong_secrets
    StaleSignatures
    docs/nowhere.md
    nox -s benchmarks
    nox -s record -- adyen
    nox -s record -- stripe --live
    nox -R -s benchmarks
    nox -s tests -- tests/nowhere
    python -m pytest tests/core/test_mony.py
    python -m pytest tests/core/test_money.py::test_it_is_not_there
    python -m pip install -e ".[all]" --group tast
    python -m pip install -e ".[square]" --group tests
    python -m paylattice verify
    python -m paylattice check adyen
    python -m paylattice webhook stripe body.bin --address
    python -m pip install "paylattice[square]"
    python -m pip install paylattise
    python benchmarks/reconciling.py
    celery -A celery_shop:broker worker
    details[].reasons
    json.dump_all
    allow_third=True
    checkout="popup"
    on_refusal=
    decline_next_payment(reason, count=)
    @billing.on("subscription.overdue")
    qx_...
""")

RIGHT = lines("""
    error.advice_on_session
    error.retry_after
    billing.start_checkout(...)
    billing.access("org_1").allowed
    billing.reconcile(provider, repair=True)
    reconcile(...).different
    context.transaction.anything.at_all
    context.customer.org_id
    event.invoice.amount.currency
    provider.wrapped
    session.url.startswith
    BillingService(on_rejected=...)
    Declined.reason
    PAYPAL_WEBHOOK_ID
    PAYMENT_PROVIDER=paypal
    subscription.past_due
    subscription.<status>
    invoice.*
    paypal:<name>
    wrong_secret
    nox -s bench
    nox -R -s tests -- tests/core/test_money.py
    python -m pytest -x tests/core/test_money.py::test_a_decimal_and_back_is_the_same_money
    python -m pip install --upgrade pip nox
    python -m pip install -e ".[all]" --group tests
    python -m paylattice check
    python -m pip install "paylattice[stripe,paypal]"
    url=
    decline_next_payment(reason, customer_id=, times=)
    @billing.on("subscription.past_due")
    cus_...
""")


@pytest.mark.parametrize("text", WRONG)
def test_a_name_that_is_not_there_is_found(text: str) -> None:
    assert resolver.problem(Mention("page.md", 1, text), Page()) is not None


@pytest.mark.parametrize("text", RIGHT)
def test_a_name_that_is_there_is_no_problem(text: str) -> None:
    assert resolver.problem(Mention("page.md", 1, text), Page()) is None


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("from paylattice import Billing", "paylattice has no Billing"),
        ("from paylattice.error import Declined", "there is no module paylattice.error"),
        ("billing.start('org')", "billing has no start"),
        ("access = await billing.access('org')\naccess.permitted", "access has no permitted"),
        ("async def handler(event, context):\n    context.tx.execute()", "context has no tx"),
        ("for hook in provider.deliveries():\n    hook.body", "hook has no body"),
        ("with account.serve(host='::1') as url: ...", "account.serve takes no host="),
        ("try: ...\nexcept RateLimited as error:\n    error.wait", "error has no wait"),
        ("create_provider('adyen')", "there is no provider adyen"),
        ("@billing.on('invoice.payed')\ndef book(event, context): ...", "there is no event invoice.payed"),
        ("billling.access('org')", "nothing is called billling"),
    ],
)
def test_a_wrong_name_in_a_code_block_is_found(code: str, wrong: str) -> None:
    assert Walk(Page(in_code=True)).problems(ast.parse(code)) == [wrong]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("console", "$ export STRIPE_KEY=sk_test_..."),
        ("console", "$ STRIPE_KEY=sk_test_... python -m paylattice check"),
        ("console", "$ python -m pip install nox && python -m nox -s demonstration"),
        ("sql", "select * from billing_customer where provider = :provider;"),
        ("sql", "select * from billing_customers where provider = :providr;"),
        ("toml", 'acme = "paylattice_acme:Provider"'),
        ("{eval-rst}", ".. autoclass:: paylattice.Bill"),
        ("{eval-rst}", ".. autoclass:: paylattice.BaseProvider\n   :members: require, recovery"),
    ],
)
def test_a_wrong_name_in_another_block_is_found(language: str, text: str) -> None:
    assert resolver.problem(Mention("page.md", 1, text, f"block:{language}"), Page()) is not None


@pytest.mark.parametrize(
    ("kind", "target"),
    [("exc", "paylattice.errors.Refused"), ("meth", "paylattice.BillingService.recover"), ("doc", "billing")],
)
def test_a_reference_to_nothing_is_found(kind: str, target: str) -> None:
    assert resolver.problem(Mention("page.md", 1, target, kind), Page()) is not None


def test_an_abbreviated_event_is_what_it_stands_for() -> None:
    page = "| `subscription.created`, `.active` | `PAYMENT.SALE.COMPLETED`, `.DENIED` |"
    found = [mention.text for mention in mentions.of_markdown("page.md", page)]
    assert found == ["subscription.created", "subscription.active", "PAYMENT.SALE.COMPLETED", "PAYMENT.SALE.DENIED"]


def test_a_mention_knows_its_line() -> None:
    page = "one `two`\n\n```python\nthree\n```\n\n- `four`\n"
    found = [(mention.kind, mention.line) for mention in mentions.of_markdown("page.md", page)]
    assert sorted(found) == [("block:python", 4), ("span", 1), ("span", 7)]


# --- mutations of the pages ------------------------------------------------------------------------------------------


NAME = r"[A-Za-z_]\w{2,}"
ATTRIBUTE = r"(?m)\b(?:billing|context|access|recovered|error|account|event)\.(\w{3,})\b"
IMPORT = r"^from paylattice[\w.]* import (\w+)"


def mutations(mention: Mention, pattern: str) -> Iterator[Mention]:
    """The mention with one of its names misspelt, for each of them."""
    for name in re.finditer(pattern, mention.text):
        start, end = name.span(name.lastindex or 0)
        misspelt = f"{mention.text[start : end - 1]}qx{mention.text[end - 1]}"
        yield attrs.evolve(mention, text=mention.text[:start] + misspelt + mention.text[end:])


def is_ours(mention: Mention) -> bool:
    """Whether every word of it is a name: not a text in quotes, and not somebody else's."""
    text = mention.text
    return not (mention.kind.startswith("block:") or text in foreign.SPANS or set("\"'") & set(text) or "://" in text)


@pytest.mark.parametrize("page", PAGES, ids=in_the_repository)
def test_a_name_of_a_page_that_is_misspelt_is_found(page: Path) -> None:
    found = list(mentions.of_markdown(page.name, page.read_text(encoding="utf-8")))
    here = Page(defined=resolver.defined_on(found))
    mutants = [mutant for mention in found if is_ours(mention) for mutant in mutations(mention, NAME)]
    assert [mutant.text for mutant in mutants if resolver.problem(mutant, here) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=in_the_repository)
def test_a_name_of_ours_in_the_code_of_a_page_that_is_misspelt_is_found(page: Path) -> None:
    found = list(mentions.of_markdown(page.name, page.read_text(encoding="utf-8")))
    mutants = [
        (number, mutant)
        for number, mention in enumerate(found)
        if mention.kind in {"block:python", "block:py"}
        for mutant in mutations(mention, f"{ATTRIBUTE}|{IMPORT}")
    ]
    pages = [[*found[:number], mutant, *found[number + 1 :]] for number, mutant in mutants]
    assert [
        mutant.text for (_, mutant), changed in zip(mutants, pages, strict=True) if not resolver.problems(changed)
    ] == []
