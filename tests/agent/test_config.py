from pathlib import Path

import pytest

from agent.config import ABOUT, AgentConfig, RuntimeKind, read_config
from orb.config import help_text
from orb.config_kinds import Address
from orb.errors import InvalidInput
from orb.logs import LogFormat

LEAST = ["--name", "n1", "--servers", "s1:7400"]


def test_a_name_and_a_server_are_enough() -> None:
    assert read_config(LEAST, {}) == AgentConfig(name="n1", servers=(Address("s1", 7400),))


def test_file_environment_and_flags_are_one_table(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        'name = "n1"\nservers = ["s1", "[::1]:7401"]\nruntime = "docker"\ncpus = 3\n'
        '[labels]\nzone = "a"\n[devices]\ngpu = "2"\n'
    )

    config = read_config(
        ["--config", str(file), "--cpus", "5"],
        {"ORB_AGENT_RUNTIME": "fake", "ORB_AGENT_CPUS": "4", "ORB_AGENT_LOG_FORMAT": "json"},
    )

    assert config == AgentConfig(
        name="n1",
        servers=(Address("s1", 7400), Address("::1", 7401)),
        runtime=RuntimeKind.FAKE,
        cpus=5,
        labels={"zone": "a"},
        devices={"gpu": 2},
        log_format=LogFormat.JSON,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "`name` must be given"),
        (["--name", "N 1", "--servers", "s1:1"], "is not a name"),
        (["--name", "n1", "--servers", ""], "`servers` is empty"),
        ([*LEAST, "--runtime", "podman"], "none of auto, docker, process, fake"),
        ([*LEAST, "--devices", "gpu=many"], "the count is not between 0 and 1024"),
        ([*LEAST, "--cpus", "-1"], "not between 0 and 65536"),
    ],
)
def test_bad_options_are_refused_with_their_source(arguments: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_config(arguments, {})


def test_help_names_every_option() -> None:
    text = help_text(AgentConfig, program="agent", about=ABOUT)

    assert all(f"--{name.replace('_', '-')}" in text for name in AgentConfig.__dataclass_fields__)
