"""One table of options for a program: its flags, environment variables, file keys and help.

A program declares a frozen dataclass whose fields are made by `option`; the table is that class.
The field `peer_listen` of the program `server` is the flag `--peer-listen`, the environment
variable `ORB_SERVER_PEER_LISTEN` and the key `peer-listen` of a TOML file. A flag goes before the
environment, the environment before the file, the file before the default.
"""

import argparse
import dataclasses
import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Generic, NoReturn, TypeVar, cast

from orb.config_kinds import Kind
from orb.errors import InvalidInput, NotFound, TooLarge

T = TypeVar("T")
C = TypeVar("C")

FILE_BYTES_MAX: Final = 1024 * 1024
"""The largest configuration file; a larger one is refused."""
_CONFIG: Final = "config"


@dataclass(frozen=True, slots=True)
class Option(Generic[T]):
    """One row of the table. *name* is spelled with hyphens."""

    name: str
    kind: Kind[T]
    help: str
    required: bool

    @property
    def flag(self) -> str:
        """What is written on the command line."""
        return f"--{self.name}"

    def variable(self, program: str) -> str:
        """The environment variable that holds it."""
        return f"ORB_{program}_{self.name}".upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Given:
    """A raw value, and the words that say where it was found."""

    value: object
    source: str


class _Required(Enum):
    """Stands for a default that there is not."""

    REQUIRED = 0


def option(
    kind: Kind[T],
    help: str,  # noqa: A002 - argparse's word
    default: T | _Required = _Required.REQUIRED,
) -> T:
    """A field of a configuration class; without a *default* it must be given."""
    row = {_CONFIG: _Unnamed(kind, help)}
    if default is _Required.REQUIRED:
        return cast("T", dataclasses.field(metadata=row))
    value = default
    return dataclasses.field(default_factory=lambda: value, metadata=row)


def options_of(config: type[object]) -> dict[str, Option[object]]:
    """The table of a configuration class, by the name of the field."""
    rows = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]  # checked by its caller's use
        row = cast("_Unnamed", field.metadata[_CONFIG])
        required = field.default_factory is MISSING
        rows[field.name] = Option(field.name.replace("_", "-"), row.kind, row.help, required)
    return rows


def load(
    config: type[C],
    *,
    program: str,
    about: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
) -> C:
    """Read the configuration of `orb-<program>`; `--help` prints the table and exits with 0.

    Raises InvalidInput that names every bad value with its source, or NotFound for the file.
    """
    rows = options_of(config)
    flags = _flags(rows, program, about, arguments)
    file = flags.pop(_CONFIG, None) or _environment_file(program, environ)
    problems: list[str] = []
    given = {
        **_from_file(file, rows, problems),
        **_from_environment(rows, program, environ),
        **flags,
    }
    values = {}
    for field, row in rows.items():
        if field in given:
            try:
                values[field] = row.kind.parse(given[field].value)
            except ValueError as error:
                problems.append(f"{given[field].source}: {error}")
        elif row.required:
            problems.append(f"`{row.name}` must be given: {row.help}")
    if problems:
        raise InvalidInput("\n".join(problems), remedy=f"`orb-{program} --help` lists the options")
    return config(**values)


def help_text(config: type[object], *, program: str, about: str) -> str:
    """What `--help` prints."""
    return _parser(options_of(config), program, about).format_help()


@dataclass(frozen=True, slots=True)
class _Unnamed:
    """An option before its field has given it a name."""

    kind: Kind[object]
    help: str


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInput(message, remedy=f"`{self.prog} --help` lists the options")


def _parser(rows: Mapping[str, Option[object]], program: str, about: str) -> _Parser:
    parser = _Parser(
        prog=f"orb-{program}",
        description=about,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            f"Each option may also be an environment variable (ORB_{program.upper()}_NAME) or a "
            "key of the TOML file;\na flag goes before the environment, the environment before "
            "the file."
        ),
    )
    parser.add_argument(
        f"--{_CONFIG}", metavar="FILE", help="a TOML file with any of these options"
    )
    for field, row in rows.items():
        text = row.help.replace("%", "%%") + (" (required)" if row.required else "")
        if row.kind.is_switch:
            parser.add_argument(
                row.flag, dest=field, action=argparse.BooleanOptionalAction, help=text, default=None
            )
        else:
            action = "append" if row.kind.repeatable else "store"
            parser.add_argument(
                row.flag, dest=field, action=action, metavar=row.kind.metavar, help=text
            )
    return parser


def _flags(
    rows: Mapping[str, Option[object]], program: str, about: str, arguments: Sequence[str]
) -> dict[str, Given]:
    found, rest = _parser(rows, program, about).parse_known_args(list(arguments))
    if rest:
        known = [f"--{_CONFIG}", *(row.flag for row in rows.values())]
        word = rest[0].partition("=")[0]
        raise InvalidInput(
            f"there is no option {word!r}{_did_you_mean(word, known)}",
            remedy=f"`orb-{program} --help` lists the options",
        )
    return {
        field: Given(value, f"the option --{field.replace('_', '-')}")
        for field, value in vars(found).items()
        if value is not None
    }


def _environment_file(program: str, environ: Mapping[str, str]) -> Given | None:
    variable = f"ORB_{program.upper()}_{_CONFIG.upper()}"
    return Given(environ[variable], f"${variable}") if environ.get(variable) else None


def _from_environment(
    rows: Mapping[str, Option[object]], program: str, environ: Mapping[str, str]
) -> dict[str, Given]:
    return {
        field: Given(environ[variable], f"the environment variable {variable}")
        for field, row in rows.items()
        if (variable := row.variable(program)) in environ
    }


def _from_file(
    file: Given | None, rows: Mapping[str, Option[object]], problems: list[str]
) -> dict[str, Given]:
    if file is None:
        return {}
    path = Path(str(file.value))
    text = _read(path, file.source)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path}: this is not TOML: {error}") from None
    fields = {row.name: field for field, row in rows.items()}
    given = {}
    for key, value in content.items():
        place = f"{path}:{_line_of(key, text)}"
        if key in fields:
            given[fields[key]] = Given(value, f"{place}: `{key}`")
        else:
            problems.append(f"{place}: unknown key `{key}`{_did_you_mean(key, list(fields))}")
    return given


def _read(path: Path, source: str) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise TooLarge(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(
            f"the configuration file {path} (from {source}) cannot be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text") from None


def _line_of(key: str, text: str) -> int:
    """Where *key* is set: tomllib does not tell. The first line if it is written in another way."""
    here = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if here.match(line)), 1)


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word.replace("_", "-"), known, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""
