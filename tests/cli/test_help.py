"""What `--help` says, and that it comes at once: nothing heavy is imported for it."""

import subprocess
import sys
from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from cli.main import SECTIONS, main

HEAVY = ("grpc", "google.protobuf", "yaml", "asyncio", "cryptography", "msgspec")
Golden = Callable[[str, str], None]


def commands(group: click.Group, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in sorted(group.commands.items()):
        found.append((*words, name))
        if isinstance(command, click.Group):
            found += commands(command, (*words, name))
    return found


@pytest.mark.parametrize("words", [(), *commands(main)], ids=" ".join)
def test_help_says_what_it_said(words: tuple[str, ...], golden: Golden) -> None:
    result = CliRunner().invoke(
        main, [*words, "--help"], prog_name="orbctl", env={"COLUMNS": "100"}
    )
    assert result.exit_code == 0
    golden(f"cli/help/{'-'.join(words) or 'orbctl'}.txt", result.stdout)


def test_every_verb_is_listed_once() -> None:
    listed = [verb.name for verbs in SECTIONS.values() for verb in verbs]
    assert sorted(map(str, listed)) == sorted(main.commands)


def _imported_by(setup: str, **environment: str) -> set[str]:
    code = (
        f"import sys\n{setup}\n"
        "from cli.main import main\n"
        "try:\n    main(prog_name='orbctl')\n"
        "except SystemExit:\n    pass\n"
        f"print('IMPORTED', *(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.splitlines()[-1].split()[1:])


def test_help_imports_nothing_heavy() -> None:
    assert _imported_by("sys.argv = ['orbctl', '--help']") == set()


def test_completing_verbs_and_options_imports_nothing_heavy() -> None:
    imported = _imported_by(
        "",
        _ORBCTL_COMPLETE="bash_complete",
        COMP_WORDS="orbctl get services --",
        COMP_CWORD="3",
    )
    assert imported == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_ORBCTL_COMPLETE" in result.stdout
