"""The cluster in a bottle: many short lives, each from one seed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.sim.__main__ import report
from controlplane.sim.life import simulate, simulate_calm

SEEDS = Path(__file__).with_name("seeds.txt")
BLOCKS = 20
SEEDS_PER_BLOCK = 10


def kept_seeds() -> Iterator[tuple[int, int, int]]:
    for line in SEEDS.read_text().splitlines():
        if line and not line.startswith("#"):
            seed, nodes, seconds = line.partition(" - ")[0].split()
            yield int(seed), int(nodes), int(seconds)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_short_lives_of_small_clusters_break_no_promise(block: int) -> None:
    for seed in range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK):
        outcome = simulate(seed, nodes=2 + seed % 4, seconds=18)
        assert not outcome.wrong, report(outcome)


@pytest.mark.parametrize("block", range(BLOCKS // 4))
def test_without_faults_nobody_goes_unserved(block: int) -> None:
    for seed in range(block * SEEDS_PER_BLOCK, (block + 1) * SEEDS_PER_BLOCK):
        outcome = simulate_calm(seed, nodes=2 + seed % 4, seconds=30)
        assert not outcome.wrong, report(outcome)


@pytest.mark.parametrize(("seed", "nodes", "seconds"), list(kept_seeds()))
def test_a_seed_that_failed_once_does_not_fail_again(seed: int, nodes: int, seconds: int) -> None:
    outcome = simulate(seed, nodes, seconds)
    assert not outcome.wrong, report(outcome)


def test_a_thousand_nodes_break_no_promise() -> None:
    outcome = simulate(seed=1, nodes=1_000, seconds=10)
    assert not outcome.wrong, report(outcome)


def test_a_world_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    command = [sys.executable, "-m", "controlplane.sim", "--seed=5", "--nodes=5", "--seconds=25"]
    results = {
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(results) == 1
    assert "good" in results.pop()


def test_another_seed_is_another_world() -> None:
    hashes = {simulate(seed, nodes=2, seconds=10).trace_hash for seed in range(3)}
    assert len(hashes) == 3
