"""The tables of keys, the document made of them, and the examples."""

from pathlib import Path

import pytest

from orb.manifest import ManifestError, load, other_keys, x_orb_shapes
from orb.manifest.keys import Support
from orb.manifest.tables import EVERY, SECTIONS, key_at, markdown

ROOT = Path(__file__).parents[2]
SPEC_KEYS = [
    tuple(line.split("."))
    for line in (Path(__file__).parent / "compose_spec_keys.txt").read_text().splitlines()
    if not line.startswith("#")
]


def test_no_key_of_the_compose_specification_is_missing() -> None:
    assert len(SPEC_KEYS) > 300
    assert [".".join(path) for path in SPEC_KEYS if key_at(path) is None] == []


def test_no_key_is_made_up() -> None:
    ours = {
        (*section.path, name) for section in SECTIONS for name in section.table if name != "x-orb"
    }
    known = set(SPEC_KEYS)
    made_up = {path for path in ours if path not in known and "x-orb" not in path}
    assert made_up == {("application",)}


def test_the_document_is_what_the_tables_say() -> None:
    written = (ROOT / "docs/compose.md").read_text()
    assert written == markdown(), "python -m orb.manifest.tables > docs/compose.md"


def test_what_has_no_effect_says_what_follows() -> None:
    keys = [key for section in SECTIONS for key in section.table.values()]
    assert [key.name for key in keys if not key.says] == []
    assert {key.support for key in keys} == set(Support)
    assert EVERY not in {key.name for key in keys}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("**/*.yaml")), ids=str)
def test_the_examples_are_understood_without_a_warning(path: Path) -> None:
    assert load([path], environment={}).warnings == ()


def test_every_key_of_x_orb_has_a_shape() -> None:
    assert x_orb_shapes.SERVICE.keys() == other_keys.X_ORB.keys()
    assert x_orb_shapes.VOLUME.keys() == other_keys.X_ORB_VOLUME.keys()
    assert x_orb_shapes.TOP.keys() == other_keys.X_ORB_TOP.keys()


def test_the_shapes_fit_the_full_example() -> None:
    """Everything in its `x-orb` blocks is well-formed: what is refused is refused for its lack."""
    path = Path(__file__).parent / "shop.yaml"
    with pytest.raises(ManifestError) as caught:
        load([path], environment={})
    messages = [each.message for each in caught.value.diagnostics]
    assert [m for m in messages if "not supported" not in m and "not active" not in m] == []
