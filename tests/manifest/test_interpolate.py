"""Variables in values, by the table of the Compose specification."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orb.errors import InvalidInput
from orb.manifest.diagnostics import Place
from orb.manifest.interpolate import Substitution

HERE = Place("f.yaml", 1, 1)
VARIABLES = {"SET": "value", "EMPTY": "", "OTHER": "other"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$SET", "value"), ("${SET}", "value"), ("a${SET}b", "avalueb"), ("$SET-x", "value-x"),
        ("$UNSET", ""), ("${UNSET}", ""),
        ("${SET:-d}", "value"), ("${EMPTY:-d}", "d"), ("${UNSET:-d}", "d"),
        ("${SET-d}", "value"), ("${EMPTY-d}", ""), ("${UNSET-d}", "d"),
        ("${SET:+d}", "d"), ("${EMPTY:+d}", ""), ("${UNSET:+d}", ""),
        ("${SET+d}", "d"), ("${EMPTY+d}", "d"), ("${UNSET+d}", ""),
        ("${SET:?why}", "value"), ("${SET?why}", "value"), ("${EMPTY?why}", ""),
        ("${UNSET:-${OTHER}}", "other"), ("${UNSET:-${NO:-deep}}", "deep"),
        ("${UNSET:-$SET}", "value"),
        ("${UNSET:-a b:c-d?e}", "a b:c-d?e"), ("${UNSET:-{1: 2}}", "{1: 2}"), ("${UNSET:-}", ""),
        ("$$", "$"), ("$$SET", "$SET"), ("$${SET}", "${SET}"), ("$$$SET", "$value"),
        ("$", "$"), ("a$ b", "a$ b"), ("$1", "$1"), ("5$", "5$"), ("$_x", ""),
        ("${UNSET:-$$}", "$"),
    ],
)  # fmt: skip
def test_variables_are_put_in(template: str, expected: str) -> None:
    assert Substitution(VARIABLES).text(template, HERE) == expected


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("${UNSET:?tell $SET}", "the variable UNSET must have a value: tell value"),
        ("${EMPTY:?}", "the variable EMPTY must have a value"),
        ("${UNSET?}", "the variable UNSET must have a value"),
        ("${}", "names no variable"),
        ("${1}", "names no variable"),
        ("${A/b/c}", "names no variable"),
        ("${A", "has no closing brace"),
        ("${A:-${B}", "has no closing brace"),
        ("${A:-" * 30 + "}" * 30, "nested more than 20 deep"),
    ],
)
def test_what_is_not_a_variable_is_refused(template: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why.replace("$", r"\$")):
        Substitution(VARIABLES).text(template, HERE)


def test_what_was_not_set_is_remembered_with_its_first_place() -> None:
    substitution = Substitution(VARIABLES)
    substitution.text("$A ${B} ${C:-d} $SET", HERE)
    substitution.text("$A", Place("f.yaml", 2, 1))
    assert substitution.unset == {"A": HERE, "B": HERE}


def test_values_are_not_looked_into_again() -> None:
    assert Substitution({"A": "$B", "B": "x"}).text("${A}", HERE) == "$B"


def test_text_that_grows_too_much_is_refused() -> None:
    substitution = Substitution({"A": "x" * 100_000})
    with pytest.raises(InvalidInput, match="characters"):
        substitution.text("$A" * 100, HERE)


@given(st.text(alphabet="${}:-+?aA_ 1", max_size=40))
def test_any_text_is_filled_in_or_refused(template: str) -> None:
    try:
        Substitution({"a": "x"}).text(template, HERE)
    except InvalidInput:
        return


@given(st.text(max_size=40))
def test_doubled_dollars_are_the_text_itself(text: str) -> None:
    assert Substitution({}).text(text.replace("$", "$$"), HERE) == text
