"""Every framework example starts with its one command, and sells over real HTTP."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from ..postgres import PostgresServer

SHOPS = Path(__file__).parents[2] / "examples" / "frameworks"
VISITOR = Path(__file__).parent / "visitor.py"
WEB = ("fastapi_shop", "flask_shop", "django_shop")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("STRIPE_", "PAYPAL_", "SQUARE_"))}
    return {**mine, "SHOP_DATABASE": str(tmp_path / "shop.db"), **more}


def visit(shop: str, settings: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(VISITOR), shop, str(free_port())],
        env=dict(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{shop}: ok" in done.stdout


@pytest.mark.parametrize("shop", WEB)
def test_a_shop_sells_and_takes_webhooks_twice_late_and_forged(shop: str, tmp_path: Path) -> None:
    visit(shop, environment(tmp_path))


def test_the_fastapi_shop_sells_on_postgresql(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.url(postgres.create_database(), "psycopg")
    visit("fastapi_shop", environment(tmp_path, DATABASE_URL=url))


@pytest.mark.parametrize("shop", WEB)
def test_a_shop_starts_with_one_command(shop: str, tmp_path: Path) -> None:
    port = free_port()
    settings = environment(tmp_path, SHOP_URL=f"http://127.0.0.1:{port}", PAYMENT_PROVIDER="memory")
    process = subprocess.Popen(
        [sys.executable, str(SHOPS / f"{shop}.py")], env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                with urllib.request.urlopen(address, timeout=5) as page:
                    assert b"no_subscription" in page.read()
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, "the shop ended"
                time.sleep(0.1)
        else:
            pytest.fail("the shop does not answer")
        with urllib.request.urlopen(urllib.request.Request(f"{address}/checkout", b""), timeout=20) as page:
            assert b"active" in page.read(), "the redirects lead to the customer's page, and back"
    finally:
        process.terminate()
        process.wait(20)


def test_the_job_says_nothing_where_nothing_needs_a_person(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SHOPS / "maintain.py")],
        env=environment(tmp_path, PAYMENT_PROVIDER="memory"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_script_reports(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SHOPS / "script.py")],
        env=environment(tmp_path, PAYMENT_PROVIDER="memory"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0 customers, 0 subscriptions differ at memory" in done.stdout
