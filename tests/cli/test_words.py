"""Amounts and times as people write and read them."""

import pytest

from cli.records import rfc3339
from cli.tables import cut, table, width
from cli.words import cpus, duration, memory, parse_duration, parse_moment, plain
from orb.errors import InvalidInput
from orb.ids import Millis

NOW = Millis(1_700_000_000_000)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (999, "0s"),
        (59_000, "59s"),
        (61_000, "1m1s"),
        (600_000, "10m"),
        (7_500_000, "2h5m"),
    ],
)
def test_a_length_of_time_is_written_in_its_largest_units(ms: int, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90", 90_000), ("90s", 90_000), ("1h30m", 5_400_000), ("0.5s", 500), ("2d", 172_800_000)],
)
def test_a_length_of_time_is_read(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5x", "1m1h"])
def test_nonsense_is_no_length_of_time(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_duration(text)


def test_a_moment_is_so_long_ago_or_a_date() -> None:
    assert parse_moment("10m", NOW) == NOW - 600_000
    assert parse_moment("2023-11-14T22:13:20Z", Millis(0)) == NOW
    assert rfc3339(parse_moment("2023-11-14T22:13:20.250+00:00", Millis(0))) == (
        "2023-11-14T22:13:20.250Z"
    )
    with pytest.raises(InvalidInput):
        parse_moment("yesterday", NOW)


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0B"), (64 * 1024**2, "64M"), (1_610_612_736, "1.5G"), (1023, "1023B")]
)
def test_memory_is_written_in_a_unit_that_reads_well(amount: int, text: str) -> None:
    assert memory(amount) == text


def test_cpus_have_no_needless_digits() -> None:
    assert [cpus(amount) for amount in (0.0, 0.1, 2.0, 0.25)] == ["0", "0.1", "2", "0.25"]


def test_what_others_wrote_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[2Jb\nc\x9bd") == "a [2Jb c d"


def test_columns_are_as_wide_as_what_is_seen() -> None:
    rows = [["\x1b[32mok\x1b[0m", "x"], ["漢字", "y"]]
    assert table(["A", "B"], rows) == ["A     B", "\x1b[32mok\x1b[0m    x", "漢字  y"]
    assert width("漢字") == 4


def test_a_cut_line_closes_its_colours() -> None:
    assert cut("\x1b[31mlong text\x1b[0m", 5) == "\x1b[31mlong…\x1b[0m"
