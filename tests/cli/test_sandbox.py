"""``paylattice sandbox``, as a process."""

import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from paylattice.__main__ import main
from paylattice.cli.sandbox import plan_from


@pytest.mark.parametrize(
    ("provider", "stop"), [("stripe", signal.SIGINT), ("paypal", signal.SIGTERM), ("square", signal.SIGINT)]
)
def test_it_serves_until_it_is_stopped_and_says_how_to_use_it(provider: str, stop: signal.Signals) -> None:
    command = [sys.executable, "-m", "paylattice", "sandbox", provider, "--port", "0", "--plan", "pro=19.00/month"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            told = ""
            while "Ctrl-C" not in told:
                line = process.stdout.readline()
                assert line, told
                told += line
            base = re.search(r"(http://127\.0\.0\.1:\d+)/_", told)
            assert base is not None
            assert f"export {provider.upper()}_API_BASE={base[1]}\n" in told
            page = httpx.get(f"{base[1]}/_")
            assert page.status_code == 200
            assert "pro" in page.text
            process.send_signal(stop)
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["memory"], "lives inside your application"),
        (["adyen"], "choose stripe, paypal, square"),
        (["stripe", "--plan", "pro:19"], "a plan is said as"),
        (["stripe", "--plan", "pro=19.001/month"], "USD"),
        (["square", "--plan", "pro=19.00EUR/month"], "EUR"),
        (["stripe", "--webhook", "localhost:8000"], "http or https URL"),
    ],
)
def test_what_cannot_be_is_said_in_words(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "stripe", "--port", "99999"]) == 1
    assert "cannot serve on port 99999" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("pro=19.00/month", ("pro", "19.00 USD", "month", None)),
        ("pro=19", ("pro", "19.00 USD", "month", None)),
        ("year=190.00EUR/year", ("year", "190.00 EUR", "year", None)),
        ("team-2=1900JPY/week+14", ("team-2", "1900 JPY", "week", 14)),
    ],
)
def test_plans_of_the_command_line(text: str, plan: tuple[object, ...]) -> None:
    identifier, amount, interval, trial = plan_from(text)
    assert (identifier, str(amount), interval, trial) == plan
