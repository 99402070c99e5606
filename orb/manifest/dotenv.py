"""Files of variables: `.env` and `env_file`, read as Compose reads them."""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from orb.errors import InvalidInput
from orb.manifest.diagnostics import Place, Problems, excerpt
from orb.manifest.interpolate import Substitution

VARIABLES_MAX: Final = 10_000
"""Variables of one file; more are refused."""

_NAME: Final = re.compile(r"(?:export[ \t]+)?([^\s=:#'\"]+)[ \t]*([=:]?)[ \t]*")
_GOOD_NAME: Final = re.compile(r"[\w.\-\[\]]+")
_ESCAPE: Final = re.compile(r"\\([abfnrtv\\\"$])")
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "$": "$$",
}  # fmt: skip


def parse_raw(text: str, file: str, problems: Problems) -> dict[str, str]:
    """Lines of `NAME=value` where the value is taken as it stands (`format: raw`)."""
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, found, value = line.partition("=")
        if not found or not _GOOD_NAME.fullmatch(name.strip()):
            problems.error(Place(file, number, 1), f"{excerpt(line)} is not NAME=value")
        variables[name.strip()] = value
    return variables


def parse_dotenv(
    text: str, file: str, variables: Mapping[str, str], problems: Problems
) -> dict[str, str]:
    """The variables that a file sets; in its values those of *variables* and earlier lines count.

    A name alone is taken over from *variables*, and left out if it is not there.
    """
    return _Dotenv(text.replace("\r\n", "\n"), file, variables, problems).read()


@dataclass(slots=True)
class _Dotenv:
    text: str
    file: str
    outside: Mapping[str, str]
    problems: Problems
    at: int = 0
    found: dict[str, str] = field(default_factory=dict)

    def read(self) -> dict[str, str]:
        # What is set outside wins, as in Compose.
        known = ChainMap(dict(self.outside), self.found)
        substitution = Substitution(known)
        for start, name, value, expand in self._statements():
            place = self._place(start)
            if len(self.found) >= VARIABLES_MAX:
                self.problems.error(place, f"the file has more than {VARIABLES_MAX} variables")
                break
            if value is None:
                if name in self.outside:
                    self.found[name] = self.outside[name]
                continue
            try:
                self.found[name] = substitution.text(value, place) if expand else value
            except InvalidInput as error:
                self.problems.refuse(place, error)
        return self.found

    def _statements(self) -> Iterator[tuple[int, str, str | None, bool]]:
        """Where each starts, its name, its value (None if it has none), whether to expand it."""
        while self._skip_blank():
            start = self.at
            head = _NAME.match(self.text, self.at)
            name = head[1] if head else ""
            if head is None or not _GOOD_NAME.fullmatch(name):
                self._refuse_line(start, "is not NAME=value")
                continue
            self.at = head.end()
            if not head[2]:
                if self._rest_of_line().strip():
                    self._refuse_line(start, "is not NAME=value")
                else:
                    yield start, name, None, False
                continue
            quote = self.text[self.at : self.at + 1]
            if quote not in {"'", '"'}:
                yield start, name, self._unquoted(), True
            elif (value := self._quoted(quote)) is not None:
                escaped = _ESCAPE.sub(lambda each: _ESCAPES[each[1]], value)
                yield start, name, escaped if quote == '"' else value, quote == '"'

    def _skip_blank(self) -> bool:
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                self._rest_of_line()
            elif self.text[self.at].isspace():
                self.at += 1
            else:
                return True
        return False

    def _rest_of_line(self) -> str:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        rest, self.at = self.text[self.at : end], end
        return rest

    def _unquoted(self) -> str:
        line = self._rest_of_line()
        return "" if line.startswith("#") else line.partition(" #")[0].rstrip()

    def _quoted(self, quote: str) -> str | None:
        start = self.at
        closing = re.compile(rf"(?:[^\\{quote}]|\\.)*+{quote}", re.DOTALL)
        found = closing.match(self.text, start + 1)
        if found is None:
            self._refuse_line(start, "opens a quote that is not closed")
            self.at = len(self.text)
            return None
        self.at = found.end()
        return found[0][:-1].replace(f"\\{quote}", quote) if quote == "'" else found[0][:-1]

    def _refuse_line(self, start: int, why: str) -> None:
        self.at = start
        self.problems.error(self._place(start), f"{excerpt(self._rest_of_line())} {why}")

    def _place(self, at: int) -> Place:
        before = self.text[:at]
        return Place(self.file, before.count("\n") + 1, at - before.rfind("\n"))
