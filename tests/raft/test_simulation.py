"""Agreement on virtual time under every fault a seed can draw; each run ends in agreement."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.raft.faults import run_seed

HERE = Path(__file__).parent
RUNS = int(os.environ.get("ORB_RAFT_SEEDS", "60"))
KEPT = [
    line.split()[:2]
    for line in (HERE / "seeds.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("seed", "kind"), KEPT)
def test_a_seed_that_once_broke_a_promise_keeps_it(seed: str, kind: str) -> None:
    run_seed(int(seed), members=kind != "plain")


@pytest.mark.parametrize("first", range(0, RUNS, 10))
def test_nothing_acknowledged_is_lost_doubled_or_different(first: int) -> None:
    for seed in range(first, first + 10):
        counts = run_seed(seed, seconds=12.0)
        assert counts["acknowledged"] > 50
        assert counts["reads"] > 0


def test_a_run_is_the_same_in_every_process() -> None:
    program = "from tests.raft.faults import run_seed; print(sorted(run_seed(4, 8.0).items()))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=HERE.parents[1],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1
