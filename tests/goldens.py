"""
Rewrite the golden snapshots from the recordings: ``make goldens``. The diff is to be reviewed; truth is never written.
"""

import sys

from llmprobe.facts.wire import encode
from tests.machine_fixtures import FOLDER, MACHINES, replayed


def main() -> None:
    """
    Write every snapshot that differs, and say which.
    """
    for machine in MACHINES:
        path = FOLDER / machine / "snapshot.json"
        old = path.read_text(encoding="utf-8") if path.exists() else None
        new = encode(replayed(machine))
        if new != old:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"{'written' if old is None else 'changed'}: {machine}\n")


if __name__ == "__main__":
    main()
