"""A Docker Engine for the tests that need one, and the image that they run."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest

from agent.runtime.docker_container import LABEL_CLUSTER

ROOT = Path(__file__).parents[2]
IMAGE = "orb-example:1"


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The machine's engine. Without one the tests are skipped, unless ORB_REQUIRE_DOCKER is set."""
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        why = f"no Docker Engine answers here: {error}"
        if os.environ.get("ORB_REQUIRE_DOCKER"):
            pytest.fail(why)
        pytest.skip(why)
    subprocess.run(["sh", str(ROOT / "deploy/example-image.sh"), IMAGE], check=True)
    yield client
    client.close()


@pytest.fixture
def cluster(engine: docker.DockerClient) -> Iterator[str]:
    """The fingerprint of a cluster that nobody else has; whatever it leaves behind is removed."""
    name = secrets.token_hex(8)
    yield name
    ours = {"label": f"{LABEL_CLUSTER}={name}"}
    for container in engine.api.containers(all=True, filters=ours):
        engine.api.remove_container(container["Id"], force=True, v=True)
    for network in engine.networks.list(filters=ours):
        network.remove()
    for volume in engine.volumes.list(filters=ours):
        volume.remove(force=True)
