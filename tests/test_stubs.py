"""The generated stubs are committed; they must be those that the contract gives."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GENERATED = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def test_the_stubs_in_the_tree_are_those_of_the_contract(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools")
    sources = sorted(str(path) for path in (ROOT / "proto").rglob("*.proto"))
    out = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]

    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", *out, *sources],
        check=True,
    )

    made = {p.name: p.read_text() for g in GENERATED for p in (tmp_path / "orb/v1").glob(g)}
    kept = {p.name: p.read_text() for g in GENERATED for p in (ROOT / "orb/v1").glob(g)}
    assert kept == made, "run `make proto` and commit what it writes"
