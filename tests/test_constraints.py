"""Placement constraints, and the patterns that cannot hang."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orb.constraints import Constraint, Operator, contradiction, matches, parse
from orb.errors import InvalidInput
from orb.pattern import compile_pattern

NODE = {
    "node.hostname": "n1.example",
    "node.name": "n1",
    "node.zone": "",
    "node.platform.os": "linux",
    "node.platform.arch": "amd64",
    "node.labels.disk": "SSD",
    "node.labels.rack": "r17",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node.labels.disk == ssd", True),
        ("node.labels.disk==ssd", True),
        ("node.labels.disk != ssd", False),
        ("node.labels.absent != ssd", True),
        ("node.labels.absent == ssd", False),
        ("node.name in n1, n2", True),
        ("node.name in (n2,n3)", False),
        ("node.labels.rack =~ r[0-9]+", True),
        ("node.labels.rack =~ r[0-9]", False),
        ("node.labels.rack =~ ^r(1|2)7$", True),
        ("node.platform.arch == x86_64", True),
        ("node.platform.arch in aarch64, x86_64", True),
    ],
)
def test_a_constraint_says_whether_a_node_suits(text: str, *, expected: bool) -> None:
    assert matches(parse(text), NODE) is expected


def test_a_constraint_is_read_into_its_parts() -> None:
    assert parse("node.labels.a.b/c in x,  y") == Constraint(
        "node.labels.a.b/c", Operator.IN, ("x", "y")
    )


def test_the_first_operator_counts() -> None:
    assert parse("node.labels.a == b!=c") == Constraint("node.labels.a", Operator.EQUAL, ("b!=c",))


@pytest.mark.parametrize(
    "text",
    ["", "disk", "node.labels.disk", "node.labels.disk = ssd", "== ssd", "node.labels. == a",
     "node.labels.disk ==", "node.labels.a b == c", "node.role == manager", "nod.name == a",
     "node.name in", "node.name in a,,b", "node.name =~ (", "node.name == " + "x" * 600],
)  # fmt: skip
def test_what_is_not_a_constraint_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


@pytest.mark.parametrize(
    ("text", "meant"), [("node.name === n1", "=="), ("node.name!==n1", "!="), ("a ==== b", "==")]
)
def test_an_operator_of_another_language_gets_a_suggestion(text: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text)
    assert refused.value.remedy == f"Did you mean {meant}?"


def test_a_misspelt_attribute_gets_a_suggestion() -> None:
    with pytest.raises(InvalidInput, match=r"Did you mean node\.hostname"):
        parse("node.hostnam == a")


@pytest.mark.parametrize(
    ("texts", "impossible"),
    [
        (["node.name == a", "node.name == b"], True),
        (["node.name == a", "node.name == A"], False),
        (["node.name in a,b", "node.name in b,c"], False),
        (["node.name in a,b", "node.name in c,d"], True),
        (["node.name == a", "node.name != a"], True),
        (["node.name in a,b", "node.name != a"], False),
        (["node.name == a1", "node.name =~ b.*"], True),
        (["node.name != a", "node.name =~ a"], False),
        (["node.name == a", "node.hostname == b"], False),
    ],
)
def test_constraints_that_no_node_can_satisfy_are_known(
    texts: list[str], *, impossible: bool
) -> None:
    assert bool(contradiction(parse(text) for text in texts)) is impossible


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        constraint = parse(text)
    except InvalidInput:
        return
    matches(constraint, NODE)


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b", "a?" * 40 + "a" * 40, "(a*)*c", ".*.*.*x"]
)
def test_patterns_that_hang_others_are_quick(pattern: str) -> None:
    compile_pattern(pattern).matches("a" * 2_000)


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "*", "a**", "a{2", "a{3,2}", "a{999}", "(?=a)", "\\", "\\1", "[b-a]", "a^b",
     "(a{99}){99}", "(" * 30 + ")" * 30, "a" * 300, "[\\D]"],
)  # fmt: skip
def test_what_is_not_a_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput):
        compile_pattern(pattern)


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\d", "\\.", "1", "[a-c1]"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=5,
)


@given(PATTERNS, st.text(alphabet="ab1.\nc", max_size=8))
def test_patterns_mean_what_they_mean_in_python(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).matches(text) == bool(re.fullmatch(pattern, text))
