"""`python -m controlplane.sim --seed 7 --nodes 100`: one run, its hash, and what was wrong."""

import argparse
import sys
from typing import Final

from controlplane.sim.life import Outcome, simulate

SECONDS: Final = 60
TAIL_LINES: Final = 80


def main() -> int:
    """Run what the command line says; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="controlplane.sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="everything follows from it")
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of faults, before the quiet")
    given = parser.parse_args()
    outcome = simulate(given.seed, given.nodes, given.seconds)
    sys.stdout.write(report(outcome))
    return 1 if outcome.wrong else 0


def report(outcome: Outcome) -> str:
    """The outcome for people: one line, and the end of the trace if something was wrong."""
    run = f"--seed {outcome.seed} --nodes {outcome.nodes} --seconds {outcome.seconds}"
    facts = f"{outcome.entries} entries, {outcome.tasks} tasks, trace {outcome.trace_hash}"
    if not outcome.wrong:
        return f"{run}: good; {facts}\n"
    tail = "\n".join(outcome.tail[-TAIL_LINES:])
    again = f"python -m controlplane.sim {run}"
    return f"{tail}\n{run}: BROKEN: {outcome.wrong}\n{facts}; again: {again}\n"


if __name__ == "__main__":
    sys.exit(main())
