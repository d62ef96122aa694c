"""Writes the pages that are made from the code: ``python docs/generate.py``. A test fails when one of them is stale."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import attrs

from paylattice import (
    BaseProvider,
    BillingBookmark,
    BillingCheckout,
    BillingCustomer,
    BillingEvent,
    BillingMigration,
    BillingOperation,
    BillingSubscription,
    Capability,
    UnmatchedEvent,
    errors,
)
from paylattice.billing.records import TABLES
from paylattice.billing.records.checkouts import TRANSITIONS
from paylattice.event_table import EVENTS, told_at
from paylattice.operations import OPERATIONS
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.memory.lifecycle import TABLE
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.paypal import declines as paypal_declines
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.square import declines as square_declines
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.providers.stripe import declines as stripe_declines

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "src" / "paylattice"
RECORDS = (
    BillingCustomer,
    BillingSubscription,
    BillingCheckout,
    BillingEvent,
    UnmatchedEvent,
    BillingOperation,
    BillingBookmark,
    BillingMigration,
)


def errors_page() -> str:
    """The tree and the table of errors."""
    classes = [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.PaymentError) and cls.__module__ == errors.__name__
    ]
    classes.sort(key=lambda cls: inspect.getsourcelines(cls)[1])
    tree = [line[4:] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ")]
    rows = [
        "| error | also a | retryable | own fields | meaning |",
        "|---|---|---|---|---|",
    ]
    base = set(vars(errors.PaymentError("")))
    for cls in classes:
        parents = (
            ", ".join(f"`{parent.__name__}`" for parent in cls.__bases__ if parent is not Exception) or "`Exception`"
        )
        fields = ", ".join(f"`{name}`" for name in own_fields(cls) if name not in base)
        meaning = (cls.__doc__ or "").splitlines()[0].replace("``", "`")
        retry = "yes, the same call" if cls.retryable else ""
        rows.append(f"| `{cls.__name__}` | {parents} | {retry} | {fields} | {meaning} |")
    advice = ["| reason | the payer is present | the payer is away |", "|---|---|---|"]
    for reason in errors.DeclineReason:
        declined = errors.Declined("", reason=reason)
        advice.append(f"| `{reason}` | {declined.advice_on_session} | {declined.advice_off_session} |")
    words = ["| reason | Stripe | PayPal | Square |", "|---|---|---|---|"]
    tables = (
        stripe_declines.DECLINE_REASONS,
        {**paypal_declines.ISSUES, **paypal_declines.RESPONSE_CODES},
        square_declines.DECLINE_REASONS,
    )
    for reason in errors.DeclineReason:
        cells = [", ".join(word for word, meant in table.items() if meant is reason) for table in tables]
        words.append(f"| `{reason}` | {' | '.join(cells)} |")
    reference = [f".. autoexception:: paylattice.errors.{cls.__name__}\n   :no-members:" for cls in classes]
    return f"""# Errors

<!-- made by docs/generate.py: change the code, then run it -->

A provider raises no other errors. Every error carries `provider`, `operation`, `message`, the provider's own `code`,
`http_status` and `request_id`, `retryable`, `outcome_unknown` and `idempotency_key`. None contains a secret, an e-mail
address or a payload.

```text
{chr(10).join(tree).strip()}
```

{chr(10).join(rows)}

## Declines

`Declined.reason` has the same vocabulary for every provider; `code` has the provider's own. A decline is a definite
answer: use a new idempotency key for another attempt.

{chr(10).join(advice)}

Card schemes fine merchants who send a hopeless payment again. So for an unknown code, the advice is to ask the customer.
The card network's own advice, if the provider passes it on, takes precedence over this table. A few codes are worse than their
reason, for example Stripe's `do_not_try_again` and `call_issuer`: they never advise another attempt.

### Each provider's words

{chr(10).join(words)}

Stripe's are its `decline_code` and `code`, PayPal's its issues and the `response_code` of a card's processor, Square's its
codes.

## Reference

```{{eval-rst}}
{chr(10).join(reference)}
.. autoclass:: paylattice.errors.DeclineReason
   :undoc-members:
.. autoclass:: paylattice.errors.Advice
   :undoc-members:
.. autoclass:: paylattice.errors.Diagnosis
   :undoc-members:
```
"""


def own_fields(cls: type[errors.PaymentError]) -> list[str]:
    """The attributes and properties that an error of the class adds."""
    required = {"reason": ""} if cls is errors.UnsupportedOperation else {}
    properties = [name for name, value in vars(cls).items() if isinstance(value, property)]
    return [name for name in vars(cls("", **required)) if not name.startswith("_")] + properties


def providers() -> dict[str, BaseProvider]:
    """The built-in providers, by the name of a column."""
    return {
        "Stripe": StripeProvider(StripeConfig(secret_key="sk_test_docs")),
        "PayPal": PayPalProvider(PayPalConfig(client_id="docs", client_secret="docs")),
        "Square": SquareProvider(SquareConfig(access_token="docs", location_id="docs")),
        "memory": InMemoryProvider(),
    }


def _time(kept: timedelta | None) -> str:
    """A duration in words."""
    if kept is None:
        return "no limit"
    days, hours = divmod(round(kept / timedelta(hours=1)), 24)
    parts = [f"{days} days" if days > 1 else "1 day"] if days else []
    parts += [f"{hours} hours" if hours > 1 else "1 hour"] if hours else []
    return " ".join(parts)


def capabilities_page() -> str:
    """Which provider can do what, and what to do instead."""
    columns = providers()
    operations = {capability: [] for capability in Capability}
    for name, operation in OPERATIONS.items():
        if operation.capability is not None:
            operations[operation.capability].append(f"`{name}`")
    operations[Capability.CANCEL_NOW] = ["`cancel_subscription()`"]
    operations[Capability.CANCEL_AT_PERIOD_END] = ["`cancel_subscription(at_period_end=True)`"]
    operations[Capability.CHANGE_NOW] = ['`change_subscription(when="now")`']
    operations[Capability.CHANGE_AT_PERIOD_END] = ['`change_subscription(when="period_end")`']
    rows = [
        f"| capability | operations | {' | '.join(columns)} |",
        f"|---|---|{'---|' * len(columns)}",
    ]
    for capability in Capability:
        marks = ["✓" if capability in each.capabilities else "✗" for each in columns.values()]
        rows.append(f"| `{capability.name}` | {', '.join(operations[capability])} | {' | '.join(marks)} |")
    memory = ["| | how long | " + " | ".join(columns) + " |", f"|---|---|{'---|' * len(columns)}"]
    lifetimes = " | ".join(_time(each.idempotency_lifetime) for each in columns.values())
    memory.append(f"| `idempotency_lifetime` | an idempotency key protects against a second effect | {lifetimes} |")
    kept = [_time(each.events_kept) for each in columns.values()]
    kept[list(columns).index("memory")] = "the last 10,000 events"
    memory.append(f"| `events_kept` | `list_events`, and so `catch_up`, goes back | {' | '.join(kept)} |")
    sections = []
    for title, each in columns.items():
        lines = [
            f"- **{capability.replace('_', ' ')}**: {missing.reason} {missing.alternative or ''}".rstrip()
            for capability, missing in sorted(each.unsupported.items())
        ]
        if lines:
            sections.append(f"## What {title} cannot do\n\n" + "\n".join(lines))
    return f"""# Capabilities

<!-- made by docs/generate.py: change the code, then run it -->

Every provider has `create_customer` and webhooks. An operation that a provider does not declare raises
{{exc}}`paylattice.errors.UnsupportedOperation` before anything is sent, with the reason and the alternative below.
Check at start-up with `BillingService(..., require={{Capability.PAUSE}})` or `provider.require(...)`.

{chr(10).join(rows)}

## How long a provider remembers

{chr(10).join(memory)}

After `idempotency_lifetime`, the same call with the same key is a new one: a second charge, a second refund. `BillingService`
knows when it sent each operation, and looks up the outcome instead; see [](concepts.md). `catch_up` reports a time before
`events_kept` as a gap; `reconcile` covers it. (Stripe, PayPal and Square keep events an hour longer, by their own clocks.)

{(chr(10) * 2).join(sections)}
"""


def lifecycle_page() -> str:
    """The subscription lifecycle."""
    arrows = [f"    {row.start or '[*]'} --> {row.end}: {row.trigger}" for row in TABLE if row.start is not row.end]
    ends = sorted({f"    {row.end} --> [*]" for row in TABLE if row.end.is_terminal})
    rows = ["| from | what happens | to | event |", "|---|---|---|---|"]
    rows += [
        f"| {f'`{row.start}`' if row.start else ''} | {row.trigger} | `{row.end}` | `{row.event}` |" for row in TABLE
    ]
    return f"""# The subscription lifecycle

<!-- made by docs/generate.py: change the code, then run it -->

The embedded provider runs on this table. The other providers use the same statuses, with transitions of their own. Their pages
map their statuses to these.

```mermaid
stateDiagram-v2
{chr(10).join(arrows)}
{chr(10).join(ends)}
```

{chr(10).join(rows)}
"""


def checkout_states() -> str:
    """The states of a checkout, and what leads from one to another."""
    moves = [(one, news, other) for one, row in TRANSITIONS.items() for news, other in row.items()]
    arrows = [f"    {one} --> {other}: {news}" for one, news, other in moves]
    return "\n".join(("```mermaid", "stateDiagram-v2", "    [*] --> open", *arrows, "```"))


def tables() -> str:
    """The tables of records: columns, keys and indexes."""
    parts: list[str] = []
    for table in TABLES:
        lines = [
            f"**`{table.name}`**: {{class}}`paylattice.{table.record.__name__}`",
            "",
            "| column | kind |",
            "|---|---|",
        ]
        lines += [
            f"| `{column.name}` | {column.kind}{', or NULL' if column.nullable else ''} |" for column in table.columns
        ]
        keys = [
            ("primary key", table.primary_key),
            *((f"unique key `{key.name}`", key.columns) for key in table.unique_keys),
        ]
        lines += ["", "| key or index | columns | order |", "|---|---|---|"]
        lines += [f"| {name} | {', '.join(f'`{each}`' for each in columns)} | |" for name, columns in keys]
        lines += [
            f"| index `{index.name}` | {', '.join(f'`{each}`' for each in index.columns)} "
            f"| {', '.join(f'`{each}`' for each in index.order)} |"
            for index in table.indexes
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def personal_data() -> str:
    """Which fields of the stored records hold personal data, and which."""
    rows = ["| record | field | what it holds |", "|---|---|---|"]
    for record in RECORDS:
        rows += [
            f"| `{record.__name__}` | `{field.name}` | {field.metadata['personal']} |"
            for field in attrs.fields(record)
            if "personal" in field.metadata
        ]
    return "\n".join(rows)


# --- the map: which part imports which -------------------------------------------------------------------------------

Graph = Mapping[str, set[str]]
FOUNDATION, PROTOCOL = "values and rules", "protocol"
FOLDERS_OF_VALUES = {"models"}
"""They are not separate parts: what they need is in the folders beside them."""


def module_files() -> dict[str, Path]:
    """Every module of the package with its file, such as ``billing.store``; the package itself is the empty one."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
        for path in paths
    }


def statements(node: ast.AST) -> Iterator[ast.ImportFrom]:
    """The imports of a module, at any depth; not those that only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom) and child.level:
            yield child
        elif not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from statements(child)


def imported(name: str, path: Path, known: Iterable[str]) -> Iterator[str]:
    """The modules of the package that a module imports."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for statement in statements(ast.parse(path.read_text(encoding="utf-8"))):
        home = [*package[: len(package) + 1 - statement.level], *filter(None, (statement.module or "").split("."))]
        for alias in statement.names:
            longer = ".".join([*home, alias.name])
            yield longer if longer in known else ".".join(home)


def import_graph() -> dict[str, set[str]]:
    """Which module imports which."""
    files = module_files()
    return {name: set(imported(name, path, files)) - {name, ""} for name, path in files.items() if name}


def reached(graph: Graph, start: str) -> set[str]:
    """What something leads to, over any number of arrows."""
    found: set[str] = set()
    left = [start]
    while left:
        fresh = graph.get(left.pop(), set()) - found
        found |= fresh
        left += fresh
    return found


def part_of(name: str, graph: Graph) -> str:
    """The part that a module belongs to: its folder; a file of no folder is a part, or lies below or above the transport."""
    first, *rest = name.split(".")
    if first == "providers":
        return f"providers/{rest[0]}" if rest else first
    if first == "testing":
        return "testing/standins" if rest[:1] == ["standins"] else first
    if (PACKAGE / first).is_dir() and first not in FOLDERS_OF_VALUES:
        return first
    if first == "__main__":
        return "cli"
    over = {each.partition(".")[0] for each in reached(graph, name)}
    return "sync" if "billing" in over else PROTOCOL if "transport" in over else FOUNDATION


def between(graph: Graph, place: Mapping[str, str]) -> dict[str, set[str]]:
    """The arrows between the places of modules."""
    places = {each: set[str]() for each in place.values()}
    for name, targets in graph.items():
        if name in place:
            places[place[name]] |= {place[each] for each in targets if each in place} - {place[name]}
    return places


def arrows(graph: Graph) -> list[str]:
    """The lines of a picture; an arrow that follows from others is left out, and a place without arrows stands alone."""
    lines: list[str] = []
    for name in sorted(graph):
        if name in reached(graph, name):
            message = f"{name} imports itself, by way of others"
            raise ValueError(message)
        if not graph[name] and not any(name in targets for targets in graph.values()):
            lines.append(f"    {node(name)}")
        implied = {each for target in graph[name] for each in reached(graph, target)}
        lines += [f"    {node(name)} --> {node(each)}" for each in sorted(graph[name] - implied)]
    return lines


def node(name: str) -> str:
    """A name in a picture."""
    return f'{re.sub(r"[^a-z_]", "_", name)}["{name}"]'


def map_picture() -> str:
    """The parts of the package."""
    graph = import_graph()
    parts = between(graph, {name: part_of(name, graph) for name in graph if name != "providers"})
    return "\n".join(["```mermaid", "flowchart TD", *arrows(parts), "```"])


def billing_picture() -> str:
    """The modules of billing, and its folders."""
    place = {name: name.split(".")[1] for name in import_graph() if name.startswith("billing.")}
    return "\n".join(["```mermaid", "flowchart TD", *arrows(between(import_graph(), place)), "```"])


def first_line(path: Path) -> str:
    """What a module says it is."""
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`").replace("|", "\\|")


def file_table(wanted: Callable[[str], bool]) -> str:
    """Files, with what each says it is."""
    rows = [
        f"| `{path.relative_to(PACKAGE).as_posix()}` | {first_line(path)} |"
        for name, path in module_files().items()
        if wanted(name) and not path.stem.startswith("_")
    ]
    return "\n".join(["| file | what it is |", "|---|---|", *rows])


def foundation_table() -> str:
    """The files below the transport."""
    graph = import_graph()
    return file_table(lambda name: name in graph and part_of(name, graph) == FOUNDATION)


def protocol_table() -> str:
    """The files above the transport that are in no folder."""
    graph = import_graph()
    return file_table(lambda name: name in graph and part_of(name, graph) in {PROTOCOL, "sync"})


def billing_table() -> str:
    """The files of billing."""
    return file_table(lambda name: name.startswith("billing."))


def migration_table() -> str:
    """The files of migration."""
    return file_table(lambda name: name.startswith("migration."))


def rooms_table() -> str:
    """Which files the folders of the providers have in common."""
    folders = [path for path in sorted((PACKAGE / "providers").iterdir()) if (path / "provider.py").exists()]
    has = {folder.name: {path.name for path in folder.glob("[!_]*.py")} for folder in folders}
    everywhere = sorted(
        {name for names in has.values() for name in names},
        key=lambda each: (-sum(each in names for names in has.values()), each),
    )
    rows = [
        f"| `{name}` | {' | '.join('✓' if name in names else '' for names in has.values())} |"
        for name in everywhere
        if sum(name in names for names in has.values()) > 1
    ]
    return "\n".join([f"| file | {' | '.join(has)} |", f"|---|{'---|' * len(has)}", *rows])


def with_sections(name: str, **sections: Callable[[], str]) -> str:
    """A page that people write, with the tables in it that are made from the code."""
    text = (HERE / name).read_text(encoding="utf-8")
    for section, made in sections.items():
        begin, end = f"<!-- {section}: made by docs/generate.py -->\n", f"\n<!-- {section}: end -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            message = f"{name} has no place for the section {section!r}"
            raise ValueError(message)
        text = f"{before}{begin}\n{made()}\n{end}{after}"
    return text


def events_page() -> str:
    """The table of shared events: what each means, which objects it has, and how you get it at each provider."""
    providers: dict[str, type[BaseProvider]] = {
        "memory": InMemoryProvider,
        "stripe": StripeProvider,
        "paypal": PayPalProvider,
        "square": SquareProvider,
    }
    sign = {"native": "sends it", "derived": "derived", "never": "", "unknown": "?"}
    rows = [
        f"| event | when | objects | {' | '.join(providers)} | instead |",
        f"|---|---|---|{'---|' * len(providers)}---|",
    ]
    for word, row in EVENTS.items():
        heard = " | ".join(sign[told_at(word, each.sends, each.never_leads_to)] for each in providers.values())
        brings = ", ".join((*(f"`{name}`" for name in row.carries), *(f"some `{name}`" for name in row.sometimes)))
        rows.append(f"| `{word}` | {row.when} | {brings} | {heard} | {row.instead} |")
    table = "\n".join(rows)
    return f"""# Events

This page is made from the code. An event means the same at every provider. *Sends it*: the provider sends it.
*Derived*: billing derives it from a change of the stored subscription, once for each change. Empty: you do not get it there;
the last column says what to do instead. An event about a subscription also has `subscription`, as billing has just read it.
`subscription.updated` can come several times for one change; listen to the event of the change.

`billing.on(name)` accepts every event. `billing.on(name, everywhere=True)` refuses, at start-up, an event that one of your
providers never leads to.

{table}

One delivery can report two events: PayPal's payment of a subscription is `invoice.paid` and `payment.succeeded`, and a new
dispute can need your response at once. Each arrives once, also if the provider tells it again, or in two ways.
`category` of a dispute and `decline_reason` of a failed payment say why, in words that all providers share.
An invoice over zero (a trial at Stripe, a discount) is `invoice.paid`, too: check its `amount` and its `reason`.

Billing follows money through the provider's objects: from a refund or a dispute to its payment, then by order and invoice to
the subscription and the organisation. You find them in `context.customer` and `context.subscription`.
"""


PAGES: dict[str, Callable[[], str]] = {
    "architecture.md": partial(
        with_sections,
        "architecture.md",
        map=map_picture,
        foundation=foundation_table,
        protocol=protocol_table,
        rooms=rooms_table,
        billing_map=billing_picture,
        billing=billing_table,
        migration=migration_table,
    ),
    "capabilities.md": capabilities_page,
    "errors.md": errors_page,
    "events.md": events_page,
    "lifecycle.md": lifecycle_page,
    "concepts.md": partial(with_sections, "concepts.md", checkout_states=checkout_states),
    "repositories.md": partial(with_sections, "repositories.md", tables=tables, personal_data=personal_data),
}

if __name__ == "__main__":
    import sync_stub

    sync_stub.write()
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
