"""`make bench`: every measurement, one after the other, each with the command that repeats it."""

import subprocess
import sys
from typing import Final

MEASUREMENTS: Final = (
    ("scheduler", ()),
    ("reconcilers", ()),
    ("endtoend", ()),
    ("healing", ()),
    ("containers", ()),
    ("raft", ()),
)


def main() -> int:
    """Run each in a process of its own; the exit code is 1 if any of them failed."""
    failed = []
    for name, arguments in MEASUREMENTS:
        print(f"\n=== {name}", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *arguments], check=False
        ).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
