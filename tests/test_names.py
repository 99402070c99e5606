"""Our top-level packages have plain names: another project's `agent` must not stand before ours."""

from pathlib import Path

import agent
import cli
import controlplane
import orb

ROOT = Path(__file__).parents[1]


def test_the_packages_that_are_imported_are_ours() -> None:
    found = {package.__name__: package.__file__ for package in (agent, cli, controlplane, orb)}

    assert found == {name: str(ROOT / name / "__init__.py") for name in found}


def test_the_folder_of_the_wire_contract_is_no_package() -> None:
    assert list((ROOT / "proto").rglob("*.py")) == []
