"""The example plugin is not installed here: some of the broken doubles are made of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "provider-plugin" / "src"))
