"""The example plugin is not installed here: some of the broken doubles are made of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "provider-plugin" / "src"))
