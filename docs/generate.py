"""Writes the pages that are made from the code: ``python docs/generate.py``. A test fails when one of them is stale."""

import inspect
from pathlib import Path

from paylattice import errors

HERE = Path(__file__).parent


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
        "| error | also a | worth another try | own fields | meaning |",
        "|---|---|---|---|---|",
    ]
    base = set(inspect.signature(errors.PaymentError).parameters)
    for cls in classes:
        parents = (
            ", ".join(f"`{parent.__name__}`" for parent in cls.__bases__ if parent is not Exception) or "`Exception`"
        )
        own = [name for name in inspect.signature(cls).parameters if name not in base and name != "context"]
        fields = ", ".join(f"`{name}`" for name in own)
        meaning = (cls.__doc__ or "").splitlines()[0].replace("``", "`")
        retry = "yes, the same call" if cls.default_retryable else ""
        rows.append(f"| `{cls.__name__}` | {parents} | {retry} | {fields} | {meaning} |")
    advice = ["| reason | with the payer there | while the payer is away |", "|---|---|---|"]
    for reason in errors.DeclineReason:
        declined = errors.Declined("", reason=reason)
        advice.append(f"| `{reason}` | {declined.advice_on_session} | {declined.advice_off_session} |")
    reference = [f".. autoexception:: paylattice.errors.{cls.__name__}\n   :no-members:" for cls in classes]
    return f"""# Errors

<!-- made by docs/generate.py: change the code, then run it -->

Nothing else leaves a provider. Every error carries `provider`, `operation`, `message`, the provider's own `code`, `http_status`
and `request_id`, `retryable`, `outcome_unknown` and `idempotency_key`; none carries a secret, an e-mail address or a payload.

```text
{chr(10).join(tree).strip()}
```

{chr(10).join(rows)}

## Declines

`Declined.reason` is the same vocabulary for every provider; the provider's own word is in `code`. A decline is a definite
answer: another attempt needs a new idempotency key.

{chr(10).join(advice)}

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


PAGES = {"errors.md": errors_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
