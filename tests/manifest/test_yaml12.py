"""YAML text to marked nodes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orb.manifest.diagnostics import Place, Problems
from orb.manifest.nodes import Directive, Entry, ListNode, MapNode, Scalar
from orb.manifest.yaml12 import parse, read_plain


def refusals(text: str) -> list[str]:
    problems = Problems()
    parse(text, "f.yaml", problems)
    return [str(each) for each in problems.found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:22", "22:22"), ("yes", "yes"), ("no", "no"), ("on", "on"), ("y", "y"),
        ("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None), ("", None),
        ("0", 0), ("-17", -17), ("+5", 5), ("1_000", 1000), ("0755", 493), ("0o755", 493),
        ("0x1F", 31), ("0b101", 5), ("08", 8.0), ("1.10", 1.1), (".5", 0.5), ("1e3", 1000.0),
        ("1.2.3", "1.2.3"), ("2001-01-01", "2001-01-01"), ("0x", "0x"), ("_1", "_1"),
        ("1" * 200, "1" * 200),
    ],
)  # fmt: skip
def test_plain_scalars_are_read_as_yaml_1_2_and_compose_read_them(text: str, value: object) -> None:
    found = read_plain(text)
    assert (found, type(found)) == (value, type(value))


def test_keys_and_values_know_their_places() -> None:
    found = parse("a:\n  - x\n  - !reset null\n", "f.yaml", Problems())
    assert found == [
        MapNode(
            Place("f.yaml", 1, 1),
            {
                "a": Entry(
                    Place("f.yaml", 1, 1),
                    ListNode(
                        Place("f.yaml", 2, 3),
                        (
                            Scalar(Place("f.yaml", 2, 5), "x", "x"),
                            Scalar(Place("f.yaml", 3, 5), "null", None, Directive.RESET),
                        ),
                    ),
                )
            },
        )
    ]


def values(text: str) -> dict[str, object]:
    problems = Problems()
    (root,) = parse(text, "f.yaml", problems)
    assert not problems.found
    assert isinstance(root, MapNode)
    return {key: getattr(entry.node, "value", "?") for key, entry in root.entries.items()}


def test_anchors_may_be_defined_again() -> None:
    assert values("a: &x 1\nb: &x 2\nc: *x\n") == {"a": 1, "b": 2, "c": 2}


def test_merge_keys_fill_in_what_is_not_there_and_the_first_source_wins() -> None:
    text = "<<: [{a: 1, b: 1}, {b: 2, c: 2}]\nc: 3\n"
    assert values(text) == {"a": 1, "b": 1, "c": 3}


def test_a_quoted_merge_key_is_a_key_like_any_other() -> None:
    assert values('"<<": 1\n') == {"<<": 1}


def test_tags_say_how_a_scalar_is_read() -> None:
    assert values("a: !!str 1\nb: !!int '3'\nc: ! 4\n") == {"a": "1", "b": 3, "c": "4"}


def test_duplicate_keys_are_refused_with_both_lines() -> None:
    assert refusals("a: 1\nb: 2\na: 3\n") == [
        "f.yaml:3:1: the key 'a' stands here twice, first in line 1\n  Keep one of the two."
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2\n", "f.yaml:2:1: this is not YAML: while parsing a flow sequence"),
        ("a: b: c\n", "f.yaml:1:5: this is not YAML: mapping values are not allowed here"),
        ("\tx: 1\n", "f.yaml:1:1: this is not YAML: while scanning for the next token"),
        ("a: \x01\n", "f.yaml:1:4: this is not YAML: U+0001 is not allowed"),
        ("a: *b\n", "f.yaml:1:4: the alias *b has no anchor before it"),
        ("a: &a [*a]\n", "f.yaml:1:8: the alias *a stands inside its own anchor"),
        ("a: !foo 1\n", "f.yaml:1:4: the tag '!foo' is unknown"),
        ("a: !!int x\n", "f.yaml:1:4: 'x' is not a `!!int`"),
        ("? {a: 1}\n: 2\n", "f.yaml:1:3: a key must be a single word or number"),
        ("null: 2\n", "f.yaml:1:1: a key must be a single word or number"),
        ("<<: 3\n", "f.yaml:1:5: `<<` can merge only maps"),
        ("<<: {a: 1}\n<<: {b: 1}\n", "f.yaml:2:1: the key '<<' stands here twice"),
        ('a: "\\UFFFFFFFF"\n', "f.yaml: this is not YAML"),
        ("%YAML 2.0\n---\na: 1\n", "f.yaml:1:1: this is not YAML: found incompatible"),
    ],
)
def test_what_is_not_yaml_is_refused_at_its_place(text: str, expected: str) -> None:
    (found,) = refusals(text)
    assert found.startswith(expected)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{p: *{old}, q: *{old}, <<: *{old}}}\n"
    for old, new in zip("abcdefghijklmnopqrstu", "bcdefghijklmnopqrstuv", strict=True)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 30_000, "nested more than 64 deep"),
        ("{a: " * 30_000, "nested more than 64 deep"),
        ("- " * 30_000, "nested more than 64 deep"),
        ("? " * 30_000, "nested more than 64 deep"),
        ("[" * 500_000, "nested more than 64 deep"),
        (BOMB, "more than 50000 values"),
        (MERGE_BOMB, "more than 50000 values"),
        ("- a\n" * 60_000, "more than 50000 values"),
    ],
)
def test_bombs_are_refused_soon(text: str, why: str) -> None:
    start = time.process_time()
    (found,) = refusals(text)
    assert why in found
    assert time.process_time() - start < 20


@given(st.text(alphabet="ab:-[]{}&*!|>'\"\\#%@`? \n\t,0~<", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    parse(text, "f.yaml", Problems())
