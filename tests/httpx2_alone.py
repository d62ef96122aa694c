"""``python -m pytest -p tests.httpx2_alone``: in an environment without httpx, what the tests call httpx is httpx2."""

import sys
from importlib.util import find_spec

import httpx2

if find_spec("httpx") is not None:
    message = "httpx is installed here: these runs are to show that httpx2 alone is enough"
    raise RuntimeError(message)

sys.modules["httpx"] = httpx2
