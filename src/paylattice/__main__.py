"""``python -m paylattice``: a demo without keys, the providers that are there, and a check of the configuration."""

import argparse
import sys
from collections.abc import Sequence

from ._version import __version__
from .errors import PaymentError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 0 if all is well, 1 if not, 2 if the command line is wrong."""
    parser = argparse.ArgumentParser(prog="python -m paylattice", description=__doc__)
    parser.add_argument("--version", action="version", version=f"paylattice {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="the life of a subscription on the embedded provider, told as a timeline")
    commands.add_parser("providers", help="the providers that are installed, and what they can do")
    check = commands.add_parser("check", help="what is configured, what is missing, and what to do about it")
    check.add_argument("name", nargs="?", help="a provider; without it, the one that PAYMENT_PROVIDER names")
    check.add_argument(
        "--cert-url", help="PayPal: the PAYPAL-CERT-URL of a delivery, to try the certificate that signed it"
    )
    webhook = commands.add_parser("webhook", help="verify a delivery that was saved to a file, and explain a failure")
    webhook.add_argument("name", help="the provider that sent it; its secrets come from the environment")
    webhook.add_argument("body", help="a file with the raw body, byte for byte")
    webhook.add_argument("header", nargs="+", help="a header, as 'Name: value'")
    webhook.add_argument("--url", help="the public URL that it was delivered to, for providers that sign it")
    tables = commands.add_parser("schema", help="the SQL of the tables that billing's records are kept in")
    box = commands.add_parser("sandbox", help="a provider's stand-in on this machine, with pages to click through")
    box.add_argument("name", help="stripe, paypal or square")
    box.add_argument("--webhook", metavar="URL", help="your application's URL for webhooks, which are posted there")
    box.add_argument("--plan", action="append", default=[], metavar="PLAN", help="what you sell: pro=19.00/month")
    box.add_argument("--port", type=int, default=4242, help="0: a free one; without it, 4242")
    tables.add_argument("dialect", choices=("postgresql", "mysql", "sqlite"), help="mysql is MariaDB's, too")
    given = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a console that cannot show a tick shows a ?
    try:
        return _run(given)
    except PaymentError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run(given: argparse.Namespace) -> int:
    match given.command:
        case "demo":
            from .cli.demo import demo  # noqa: PLC0415 - each command imports what it needs

            return demo()
        case "providers":
            from .cli.providers import providers  # noqa: PLC0415 - as above

            return providers()
        case "check":
            from .cli.check import check  # noqa: PLC0415 - as above

            return check(given.name, given.cert_url)
        case "sandbox":
            from .cli.sandbox import sandbox  # noqa: PLC0415 - as above

            return sandbox(given.name, given.webhook, given.port, given.plan)
        case "schema":
            from .billing.schema import schema  # noqa: PLC0415 - as above

            print(schema(given.dialect), end="")
            return 0
        case _:
            from .cli.webhook import webhook  # noqa: PLC0415 - as above

            return webhook(given.name, given.body, given.header, given.url)


if __name__ == "__main__":
    raise SystemExit(main())
