"""The web process verifies, a worker applies: over a real broker, and with a worker that dies with an event in hand."""

import importlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from paylattice import WebhookEvent, errors, event_to_json

from .test_shops import SHOPS, environment, free_port

VISITOR = Path(__file__).parent / "queue_visitor.py"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """A Redis server of the test's own."""
    found = shutil.which("redis-server")
    if found is None:
        message = "no redis-server here: install Redis (Debian: apt-get install redis-server)"
        if os.environ.get("PAYLATTICE_REDIS") == "required":
            pytest.fail(message)
        pytest.skip(message)
    port = free_port()
    arguments = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([found, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


def worker(settings: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "celery_shop:queue",
        "worker",
        "--concurrency",
        "2",
        "--loglevel",
        "warning",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=SHOPS, env=settings, start_new_session=True, **quiet)  # type: ignore[call-overload]  # Popen's overloads do not see through **


def end(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, how)
    process.wait(20)


def test_a_worker_that_dies_with_an_event_in_hand_loses_nothing(broker: str, tmp_path: Path) -> None:
    queued = tmp_path / "queued"
    settings = environment(
        tmp_path,
        CELERY_BROKER_URL=broker,
        PAYMENT_PROVIDER="memory",
        SHOP_QUEUED=str(queued),
        SHOP_VISIBILITY_TIMEOUT="2",
        PYTHONDONTWRITEBYTECODE="1",
    )
    first = worker(settings)
    second = None
    visitor = subprocess.Popen(
        [sys.executable, str(VISITOR), str(free_port())],
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not queued.exists():
            assert visitor.poll() is None, visitor.communicate()[0]
            assert time.monotonic() < deadline, "the web process did not queue its events"
            time.sleep(0.05)
        end(first, signal.SIGKILL)
        second = worker(settings)
        told, _ = visitor.communicate(timeout=90)
        assert visitor.returncode == 0, told
        assert "events applied" in told
    finally:
        for process in (first, second):
            if process is not None:
                end(process, signal.SIGKILL)
        if visitor.poll() is None:
            visitor.kill()
            visitor.wait(10)


def test_whatever_goes_wrong_the_event_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider got its 200: what the queue gives up is lost."""
    monkeypatch.setattr(sys, "path", [str(SHOPS), *sys.path])
    monkeypatch.setenv("PAYMENT_PROVIDER", "memory")
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.db"))
    monkeypatch.delitem(sys.modules, "celery_shop", raising=False)
    shop = importlib.import_module("celery_shop")
    assert not shop.repository._idle, "a connection would cross the fork of a worker"
    shop.provider.create_customer("ada@example.com")
    [hook] = shop.provider.wrapped.deliveries()
    message = event_to_json(shop.billing.parse_webhook("memory", hook.payload, hook.headers))
    failures: list[Exception] = [sqlite3.OperationalError("database is locked"), errors.NetworkError("no answer")]
    apply_event = shop.billing.apply_event

    def fails_twice(event: WebhookEvent) -> object:
        if failures:
            raise failures.pop()
        return apply_event(event)

    monkeypatch.setattr(shop, "billing", SimpleNamespace(apply_event=fails_twice))
    assert shop.apply.apply(args=[message]).get() == "unmatched"
    assert not failures
    with pytest.raises(errors.MalformedPayload):
        shop.apply.apply(args=["no event"]).get()
