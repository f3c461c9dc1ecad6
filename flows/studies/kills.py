"""`make kill-table`: what is killed in the middle of a cycle, and what a rerun releases; docs/kills.md.

The tests of tests/faults/test_kills.py do it, and write their table where STORMCYCLE_KILL_TABLE names a document.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "kills.md"


def main() -> None:
    """Run the tests, show the document. Raises SystemExit when one fails; the table is written all the same."""
    environment = {**os.environ, "STORMCYCLE_KILL_TABLE": str(DOCUMENT)}
    done = subprocess.run([sys.executable, "-m", "pytest", "tests/faults/test_kills.py"], cwd=ROOT, env=environment, check=False)
    print(DOCUMENT.read_text())
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
