"""Run many seeds of the simulation of agreement, and print what happened and was survived.

`python -m tests.raft.simulate --runs 1000 --seed 1`
"""

import argparse
import sys
from collections import Counter

from orb.errors import OrbError
from tests.raft.faults import run_seed
from tests.raft.ledger import Broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seconds", type=float, default=30.0, help="virtual time under faults")
    chosen = parser.parse_args()
    total: Counter[str] = Counter()
    failed: list[int] = []
    for seed in range(chosen.seed, chosen.seed + chosen.runs):
        try:
            total += run_seed(seed, chosen.seconds)
        except (Broken, AssertionError, OrbError) as error:
            failed.append(seed)
            sys.stdout.write(f"seed {seed}: {type(error).__name__} {error}\n")
    for name, count in sorted(total.items()):
        sys.stdout.write(f"{name:32} {count:12,}\n")
    sys.stdout.write(f"{chosen.runs} runs, {len(failed)} broken: {failed}\n")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
