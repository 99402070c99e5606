"""What programs write to their log."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from orb.logs import LogFormat, Logger, LogLevel, configure


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("orb").setLevel(logging.NOTSET)


def written(style: LogFormat, level: LogLevel = LogLevel.INFO) -> tuple[io.StringIO, Logger]:
    stream = io.StringIO()
    configure(level, style, stream)
    return stream, Logger("part")


def test_a_line_for_people_has_the_message_and_then_the_fields() -> None:
    stream, log = written(LogFormat.TEXT)
    log.info("an agent has connected", node="n1", tasks=3, why="it was gone")
    log.debug("not shown")
    line = stream.getvalue()
    assert line[10] == "T"
    assert line[24:] == (
        ' INFO    part: an agent has connected node=n1 tasks=3 why="it was gone"\n'
    )


def test_a_line_for_programs_is_one_json_object() -> None:
    stream, log = written(LogFormat.JSON, LogLevel.DEBUG)
    log.debug("looked", node="n1", count=3, ratio=float("nan"), level="x")
    found = json.loads(stream.getvalue())
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "debug",
        "logger": "orb.part",
        "message": "looked",
        "node": "n1",
        "count": 3,
        "ratio": "nan",
        "level_": "x",
    }


def test_what_a_task_says_cannot_forge_a_line() -> None:
    stream, log = written(LogFormat.TEXT)
    log.warning("a task failed", message_="boom\n2026-01-01 INFO orb: all is well\x1b[2J")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\\n2026" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_mistake_of_ours_is_logged_with_its_traceback() -> None:
    for style in LogFormat:
        stream, log = written(style)
        try:
            {}["nothing"]  # type: ignore[index]
        except KeyError as error:
            log.failure("it broke", error, number="ab12")
        assert "Traceback" in stream.getvalue()
        assert "ab12" in stream.getvalue()


def test_libraries_cannot_flood_the_log() -> None:
    stream, log = written(LogFormat.TEXT)
    for number in range(100):
        logging.getLogger("opentelemetry.exporter.otlp").warning("no collector %d", number)
        log.info("ours", number=number)
    logging.getLogger("grpc.cython").error("another family")
    lines = stream.getvalue().splitlines()
    assert sum("no collector" in line for line in lines) == 1
    assert sum("ours" in line for line in lines) == 100
    assert sum("another family" in line for line in lines) == 1
