"""A MariaDB server of the tests' own, on a free port of 127.0.0.1, in a folder that goes with it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import attrs
import pytest

__all__ = ["MariaDB", "mariadb"]

_WHERE = ("/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/libexec")
_PATIENCE = 60


def _program(*names: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", ""), *_WHERE))
    found = next((where for name in names if (where := shutil.which(name, path=path))), None)
    if found is None:
        why = f"no {names[0]} is installed here: apt-get install mariadb-server"
        if os.environ.get("PAYLATTICE_MARIADB") == "required":
            raise RuntimeError(why)
        pytest.skip(why)
    return found


@attrs.frozen
class MariaDB:
    """A server.

    Args:
        client: the program that talks to it.
        socket: where it listens.
    """

    client: str
    socket: Path

    def execute(self, sql: str) -> str:
        """Run statements in the test's database; what they answer, without headings.

        Raises:
            CalledProcessError: one of them is refused.
        """
        command = [
            self.client,
            "--no-defaults",
            f"--socket={self.socket}",
            "--user=root",
            "--batch",
            "--skip-column-names",
        ]
        command += ["--default-character-set=utf8mb4", "test"]
        return subprocess.run(command, input=sql, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def mariadb() -> Generator[MariaDB]:
    """A server, until the session ends; skipped where none is installed, unless PAYLATTICE_MARIADB is ``required``."""
    server, install = _program("mariadbd", "mysqld"), _program("mariadb-install-db", "mysql_install_db")
    client = _program("mariadb", "mysql")
    home = Path(tempfile.mkdtemp(prefix="paylattice-mariadb-"))
    data, talk = home / "data", home / "socket"
    own = ["--user=root"] if os.geteuid() == 0 else []
    try:
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", *own],
            capture_output=True,
            check=True,
        )
        options = [f"--datadir={data}", f"--socket={talk}", f"--port={_free_port()}", "--bind-address=127.0.0.1"]
        options += [f"--pid-file={home / 'pid'}", f"--log-error={home / 'log'}", *own]
        running = subprocess.Popen(
            [server, "--no-defaults", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            found, deadline = MariaDB(client, talk), time.monotonic() + _PATIENCE
            while True:
                try:
                    found.execute("create database if not exists test; select 1")
                    break
                except subprocess.CalledProcessError as error:
                    ready = [client, "--no-defaults", f"--socket={talk}", "--user=root", "-e", "create database test"]
                    subprocess.run(ready, capture_output=True, check=False)
                    if running.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError((home / "log").read_text()[-2000:] + error.stderr) from None
                    time.sleep(0.1)
            yield found
        finally:
            running.terminate()
            running.wait(_PATIENCE)
    finally:
        shutil.rmtree(home, ignore_errors=True)
