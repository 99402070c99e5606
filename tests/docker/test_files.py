"""Configs and secrets in real containers: seen with their owner and mode, in memory, and no trace
of a secret anywhere else."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from agent.runtime.places import is_in_memory
from cli.asking import Query
from orb.cluster import ReplicaView
from orb.manifest import load
from orb.tls import cluster_mark
from tests.cluster.harness import Cluster, a_cluster, patiently
from tests.docker.test_cluster import Lab, removed  # noqa: F401 - a fixture

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]

MANIFEST = """\
name: shop
services:
  web:
    image: orb-example:1
    command: [sleep, "1000"]
    init: true
    healthcheck: {disable: true}
    configs: [{source: site, target: /etc/site.conf, uid: "33", gid: "34", mode: 0440}]
    secrets: [{source: pass, mode: 0400}, {source: token, target: /etc/token}]
    volumes: ["./greeting.sh:/greeting.sh"]
  other:
    image: orb-example:1
    command: [sleep, "1000"]
    init: true
    healthcheck: {disable: true}
configs: {site: {file: site.conf}}
secrets: {pass: {external: true}, token: {file: token}}
"""
MOUNTS = Path("/proc/self/mountinfo").read_text()
TOKEN = b"hunter-token-3141"
PASS = b"hunter-pass-2718"
BETTER = b"hunter-pass-better"


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="orb-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


class Bench:
    """A server, a node, an app with files, and its containers."""

    def __init__(self, cluster: Cluster, made: Lab) -> None:
        self.cluster = cluster
        self.lab = made
        self.folder = cluster.folder

    async def apply(self, site: bytes) -> None:
        app = self.folder / "app"
        app.mkdir(exist_ok=True)
        (app / "compose.yaml").write_text(MANIFEST)
        (app / "site.conf").write_bytes(site)
        (app / "token").write_bytes(TOKEN)
        (app / "greeting.sh").write_text("#!/bin/sh\necho hello from a carried file\n")
        (app / "greeting.sh").chmod(0o755)
        loaded = load([app], environment={})
        await self.lab.client.apply("default", loaded.app, contents=loaded.contents)

    async def running(self, release: int) -> dict[str, ReplicaView]:
        """The replicas, once `web` is ready at this release and nothing else runs."""

        async def look() -> dict[str, ReplicaView]:
            views = await self.lab.client.replicas(Query(kind="replicas"))
            found = {view.name: view for view in views}
            ready = len(found) == 2 and all(view.ready for view in views)
            ids = {view.container_id for view in views}
            is_new = ready and found["web/1"].release == release
            return found if is_new and self.lab.all_ids() == ids else {}

        return await patiently(look, 90)

    def run(self, view: ReplicaView, line: str) -> str:
        container = self.lab.engine.containers.get(view.container_id)
        code, output = container.exec_run(["sh", "-c", line])
        assert code == 0, output
        return bytes(output).decode()

    def sources(self, view: ReplicaView) -> dict[str, Path]:
        inspected = self.lab.engine.api.inspect_container(view.container_id)
        return {mount["Destination"]: Path(mount["Source"]) for mount in inspected["Mounts"]}

    def everything_told(self, view: ReplicaView) -> str:
        """What the engine, the agent's folder and all logs say."""
        inspected = json.dumps(self.lab.engine.api.inspect_container(view.container_id))
        logs = "".join(self.cluster.log(name) for name in ("s1", "n1"))
        files = (path for path in (self.folder / "n1").rglob("*") if path.is_file())
        return inspected + logs + "".join(path.read_bytes().decode("latin1") for path in files)


async def _story(bench: Bench) -> None:
    await bench.lab.client.set_secret("default", "pass", PASS)
    await bench.apply(b"one\n")
    first = await bench.running(1)
    web = first["web/1"]
    seen = "cat /etc/site.conf /run/secrets/pass /etc/token; stat -c '%a %u:%g' "
    seen += "/etc/site.conf /run/secrets/pass /etc/token /greeting.sh; /greeting.sh"
    shown = f"one\n{PASS.decode()}{TOKEN.decode()}440 33:34\n400 0:0\n444 0:0\n555 0:0\n"
    shown += "hello from a carried file\n"
    assert bench.run(web, seen) == shown
    assert "Read-only" in bench.run(web, "(echo x >/etc/site.conf) 2>&1 || true")
    sources = bench.sources(web)
    for target, path in sources.items():
        in_memory = target in {"/run/secrets/pass", "/etc/token"}
        assert is_in_memory(path, MOUNTS) is in_memory
        assert path.parent.stat().st_mode & 0o777 == 0o700
    told = bench.everything_told(web)
    assert PASS.decode() not in told
    assert TOKEN.decode() not in told

    # Neither the container nor the agent lose them by a restart.
    bench.lab.engine.api.restart(web.container_id, timeout=1)
    bench.cluster.kill("n1")
    bench.cluster.start_agent("n1")
    await asyncio.sleep(1)
    again = (await bench.running(1))["web/1"]
    assert bench.run(again, "cat /run/secrets/pass") == PASS.decode()

    # A change rolls its users alone; the files of the old task go with it.
    changes = await bench.lab.client.set_secret("default", "pass", BETTER)
    assert changes == ("shop: release 2",)
    second = await bench.running(2)
    assert bench.run(second["web/1"], "cat /run/secrets/pass") == BETTER.decode()
    assert second["other/1"].container_id == first["other/1"].container_id
    await bench.apply(b"two\n")
    third = await bench.running(3)
    assert bench.run(third["web/1"], "cat /etc/site.conf") == "two\n"
    assert third["other/1"].container_id == first["other/1"].container_id

    async def old_files_gone() -> bool:
        return not any(path.exists() for path in sources.values())

    await patiently(old_files_gone, 60)
    await bench.lab.client.delete("default", "shop")
    last = bench.sources(third["web/1"])["/run/secrets/pass"].parent.parent

    async def all_gone() -> bool:
        return not list(last.iterdir())

    await patiently(all_gone, 60)


async def test_configs_and_secrets_go_the_whole_way(
    tmp_path: Path,
    engine: docker.DockerClient,
    removed: list[str],  # noqa: F811 - the fixture
    memory: Path,
) -> None:
    with a_cluster(tmp_path, ("s1",)) as cluster:
        mark = cluster_mark(tmp_path / "certs" / "admin" / "ca.pem")
        removed.append(mark)
        cluster.start_agent("n1", "--runtime=docker", f"--memory={memory}")
        await cluster.leader()
        async with cluster.client() as client:
            await _story(Bench(cluster, Lab(cluster, client, engine, mark)))
