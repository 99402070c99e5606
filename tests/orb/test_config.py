"""One table: flag before environment before file before default; errors name their source."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from orb.config import help_text, load, option
from orb.config_kinds import (
    ADDRESS,
    NAME,
    PATH,
    SWITCH,
    WORDS,
    Address,
    choice,
    integer,
    pairs_of,
)
from orb.errors import InvalidInput, NotFound


class Level(Enum):
    INFO = "info"
    DEBUG = "debug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    name: str = option(NAME, "its name")
    listen: Address = option(ADDRESS, "where it answers", default=Address("127.0.0.1", 7400))
    labels: Mapping[str, str] = option(
        pairs_of("KEY=VALUE,…", lambda _key, item: item), "what it is", default={}
    )
    words: tuple[str, ...] = option(WORDS, "some words", default=())
    data_dir: Path = option(PATH, "where it keeps things", default=Path("/var/lib/orb"))
    in_memory: bool = option(SWITCH, "keep nothing", default=False)
    level: Level = option(choice(Level), "how much it says", default=Level.INFO)
    bound: int = option(integer(1, 10), "how many", default=5)
    other: Address | None = option(ADDRESS, "perhaps", default=None)


def read(*arguments: str, **environ: str) -> Example:
    return load(Example, program="server", about="x", arguments=arguments, environ=environ)


def test_what_is_not_given_has_its_default() -> None:
    assert read("--name", "s1") == Example(
        name="s1",
        listen=Address("127.0.0.1", 7400),
        labels={},
        words=(),
        data_dir=Path("/var/lib/orb"),
        in_memory=False,
        level=Level.INFO,
        bound=5,
        other=None,
    )


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "orb.toml"
    file.write_text('name = "file"\nlisten = "file:1"\nbound = 3\nin-memory = true\n')
    found = read(
        f"--config={file}", "--name=flag", ORB_SERVER_NAME="environ", ORB_SERVER_LISTEN="environ:2"
    )
    assert (found.name, found.listen, found.bound, found.in_memory) == (
        "flag",
        Address("environ", 2),
        3,
        True,
    )


def test_the_file_may_be_named_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "orb.toml"
    file.write_text('name = "s1"\n[labels]\nzone = "a"\n')
    assert read(ORB_SERVER_CONFIG=str(file)).labels == {"zone": "a"}


def test_pairs_and_words_may_be_repeated_or_separated_by_commas() -> None:
    found = read("--name=a", "--labels=a=1,b=2", "--labels", "c=x=y", "--words=u, v", "--words=w")
    assert found.labels == {"a": "1", "b": "2", "c": "x=y"}
    assert found.words == ("u", "v", "w")


def test_a_switch_can_be_turned_off_again() -> None:
    assert read("--name=a", "--no-in-memory", ORB_SERVER_IN_MEMORY="true").in_memory is False


def test_every_bad_value_is_named_with_its_source_at_once(tmp_path: Path) -> None:
    file = tmp_path / "orb.toml"
    file.write_text('\nnam = "x"\nlisten = "nowhere"\n')
    with pytest.raises(InvalidInput) as caught:
        read(f"--config={file}", "--bound=11", ORB_SERVER_LEVEL="loud")
    assert caught.value.message == (
        f"{file}:2: unknown key `nam`; did you mean `name`?\n"
        "`name` must be given: its name\n"
        f"{file}:3: `listen`: 'nowhere' is not host:port\n"
        "the environment variable ORB_SERVER_LEVEL: 'loud' is none of info, debug\n"
        "the option --bound: 11 is not between 1 and 10"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nam=x"], "there is no option '--nam'; did you mean `--name`?"),
        (["--name=x", "stray"], "there is no option 'stray'"),
        (["--name"], "argument --name: expected one argument"),
        (["--name=X_"], "the option --name: 'X_' is not a name: at most 63 of a-z, 0-9 and -,"),
        (["--name=a", "--listen=::1:80"], "write an IPv6 address in brackets"),
        (["--name=a", "--listen=h:70000"], "'70000' is not a port from 0 to 65535"),
        (["--name=a", "--labels=a"], "'a' is not key=value"),
        (["--name=a", "--labels=a=1,a=2"], "'a' is given twice"),
        (["--name=a", "--bound=1e9"], "'1e9' is not a whole number"),
    ],
)
def test_a_bad_argument_is_explained(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(*arguments)
    assert message in caught.value.message
    assert caught.value.remedy == "`orb-server --help` lists the options"


def test_a_file_that_is_missing_or_no_toml_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere.toml \(from the option --config\) cannot be read"):
        read("--config", str(tmp_path / "nowhere.toml"))
    file = tmp_path / "bad.toml"
    file.write_text("name = \n")
    with pytest.raises(InvalidInput, match=r"this is not TOML: .*line 1"):
        read("--config", str(file))


def test_addresses_print_as_they_are_written() -> None:
    assert [str(Address("::1", 80)), str(Address("h", 1))] == ["[::1]:80", "h:1"]
    assert read("--name=a", "--listen=[::1]:80").listen == Address("::1", 80)


def test_the_help_lists_every_option() -> None:
    text = help_text(Example, program="server", about="An example.")
    for word in ("--name NAME", "its name (required)", "--in-memory, --no-in-memory", "info|debug"):
        assert word in text
