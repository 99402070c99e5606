"""The one door to logging: one line an event, for people or for programs, with named fields."""

import datetime as dt
import json
import logging
import math
import sys
import traceback
from collections.abc import Mapping
from enum import Enum
from typing import Final, TextIO

FIELD_CHARACTERS_MAX: Final = 2_000
"""A longer value of a field is cut; what stood there is in the state or in the person's hands."""
STACK_CHARACTERS_MAX: Final = 8_000
"""A longer traceback is cut at its beginning: the end tells what failed."""
LIBRARY_EVERY_S: Final = 60.0
"""A library's logger may speak once in this time, in seconds; what it says between is dropped."""
_OURS: Final = "orb"
_FIELDS: Final = "orb_fields"


class LogLevel(Enum):
    """The least important message that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(Enum):
    """Who reads the log."""

    TEXT = "text"
    JSON = "json"


class Logger:
    """Writes events of one part of a program: a sentence that never varies, and fields that do."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{_OURS}.{name}")

    def debug(self, message: str, **fields: object) -> None:
        """For whoever looks for a fault."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        """Something that an operator may want to have seen."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something is not as it should be, and is being dealt with."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, **fields: object) -> None:
        """Something failed that an operator must know of."""
        self._write(logging.ERROR, message, fields)

    def failure(self, message: str, error: BaseException, **fields: object) -> None:
        """A fault of ours: an error nobody expected, with its traceback."""
        self._write(logging.ERROR, message, fields, error)

    def _write(
        self,
        level: int,
        message: str,
        fields: Mapping[str, object],
        error: BaseException | None = None,
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", message, exc_info=error, extra={_FIELDS: fields})


def configure(level: LogLevel, style: LogFormat, stream: TextIO | None = None) -> None:
    """Log to *stream* (standard error if None) from now on, and nowhere else."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if style is LogFormat.JSON else _Text())
    handler.addFilter(_Libraries())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level.name)


class _Libraries(logging.Filter):
    """Lets our own words pass; what libraries say is thinned out, so that none floods the log."""

    def __init__(self) -> None:
        super().__init__()
        self._spoke_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == _OURS:
            return True
        family = ".".join(record.name.split(".")[:2])
        last = self._spoke_at.get(family)
        if last is not None and 0 <= record.created - last < LIBRARY_EVERY_S:
            return False
        self._spoke_at[family] = record.created
        return True


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for key, value in _fields(record).items():
            line[f"{key}_" if key in line else key] = (
                value if _is_plain(value) else _cut(str(value))
            )
        if stack := _stack(record):
            line["stack"] = stack
        return json.dumps(line, ensure_ascii=False, allow_nan=False, default=str)


class _Text(logging.Formatter):
    """A line that people read: time, level, message, fields; a traceback is indented below."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
        name = record.name.removeprefix(f"{_OURS}.")
        line = f"{_time(record)} {record.levelname:7} {name}: {_one_line(record.getMessage())}"
        stack = "".join(f"\n    {line}" for line in _stack(record).splitlines())
        return line + fields + stack


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, _FIELDS, {})
    return fields


def _time(record: logging.LogRecord) -> str:
    moment = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _stack(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    return "".join(traceback.format_exception(record.exc_info[1]))[-STACK_CHARACTERS_MAX:]


def _is_plain(value: object) -> bool:
    """JSON has a way to write it that is not text."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | None)


def _quoted(value: object) -> str:
    text = _one_line(_cut(str(value)))
    return json.dumps(text, ensure_ascii=False) if not text or " " in text or '"' in text else text


def _one_line(text: str) -> str:
    """Control characters spelled out: a task's words must not forge a line."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _cut(text: str) -> str:
    return text if len(text) <= FIELD_CHARACTERS_MAX else text[:FIELD_CHARACTERS_MAX] + "…"
