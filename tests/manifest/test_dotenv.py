"""Files of variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orb.manifest.diagnostics import Problems
from orb.manifest.dotenv import parse_dotenv, parse_raw

OUTSIDE = {"HOME": "/root", "WINS": "outside"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB = 2\n", {"A": "1", "B": "2"}),
        ("# comment\n\n  A=1 # said\n", {"A": "1"}),
        ("A=a#b\n", {"A": "a#b"}),
        ("export A=1\n", {"A": "1"}),
        ("A: 1\n", {"A": "1"}),
        ("A=\nB=2\n", {"A": "", "B": "2"}),
        ("A='x $HOME \\n'\n", {"A": "x $HOME \\n"}),
        ('A="x $HOME\\ny"\n', {"A": "x /root\ny"}),
        ('A="say \\"hi\\" \\$HOME"\n', {"A": 'say "hi" $HOME'}),
        ("A='two\nlines'\nB=1\n", {"A": "two\nlines", "B": "1"}),
        ("A=1\nB=${A}2\nC=${NO:-d}\n", {"A": "1", "B": "12", "C": "d"}),
        ("WINS=inside\nX=$WINS\n", {"WINS": "inside", "X": "outside"}),
        ("HOME\nNOT_THERE\n", {"HOME": "/root"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=x=y\n", {"A": "x=y"}),
        ("A.b-c[0]=1", {"A.b-c[0]": "1"}),
    ],
)
def test_lines_are_read_as_compose_reads_them(text: str, expected: dict[str, str]) -> None:
    problems = Problems()
    assert parse_dotenv(text, ".env", OUTSIDE, problems) == expected
    assert problems.found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nhello world\n", ".env:2:1: 'hello world' is not NAME=value"),
        ("A=1\nB='x\n", '.env:2:3: "\'x" opens a quote that is not closed'),
        ("=1\n", ".env:1:1: '=1' is not NAME=value"),
        ("A=${B\n", ".env:1:1: '${B' has no closing brace"),
    ],
)
def test_other_lines_are_refused_at_their_place(text: str, expected: str) -> None:
    problems = Problems()
    parse_dotenv(text, ".env", OUTSIDE, problems)
    assert [str(each).split("\n")[0] for each in problems.found] == [expected]


def test_raw_files_take_values_as_they_stand() -> None:
    assert parse_raw("A='$X' # y\n# no\nB=\n", ".env", Problems()) == {"A": "'$X' # y", "B": ""}


@given(st.text(alphabet="AB=:'\"\\$# \n{}export", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    parse_dotenv(text, ".env", {"A": "1"}, Problems())
    parse_raw(text, ".env", Problems())
