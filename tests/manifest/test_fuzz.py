"""Whatever the text: the loader answers with an app or with its own findings, and soon."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orb.manifest import Loaded, ManifestError, load, render
from orb.manifest.other_keys import DEPLOY, SHORT_FORM, TOP, X_ORB
from orb.manifest.service_keys import HEALTHCHECK, MOUNT, PORT, SERVICE

SEED = """name: shop
x-base: &base {restart: always, environment: &env {A: 1, B: "${X:-y}"}}
services:
  web:
    <<: *base
    image: web:1
    ports: ["80:80", {target: 22, published: "2222"}]
    volumes: [data:/d, ./x:/x:ro, {type: tmpfs, target: /t}]
    environment: {<<: *env, C: 22:22, D: 0755}
    healthcheck: {test: [CMD, a], interval: 5s, retries: 3}
    depends_on: {db: {condition: service_healthy}}
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 64M}},
      placement: {constraints: ["node.name != a"], preferences: [{spread: node.labels.z}]}}
  db: {image: db, command: a "b c", networks: [front], gpus: [{count: 1}], expose: [1],
    configs: [c, {source: c, target: /c2, mode: 0440}], secrets: [s, {source: t, uid: "3"}]}
networks: {front: {}}
volumes: {data: }
configs: {c: {content: "a$$b ${X}"}}
secrets: {s: {environment: X}, t: {external: true, name: u}}
"""
WORDS = sorted({*SERVICE, *TOP, *DEPLOY, *PORT, *MOUNT, *HEALTHCHECK, *X_ORB, *SHORT_FORM})
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from(["80:80", "data:/d", "1s", "64M", "web", "db", "$X", "${X", "${X:?y}", "$$",
                     "a=b", "1-9", "/d", "node.name == a", "on-failure:3", "[::1]:1:2", "tcp"]),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), inner, max_size=5),
    ),
    max_leaves=20,
)
SERVICES = st.dictionaries(st.sampled_from(sorted(SERVICE)), TREES, max_size=6)
ROOTS = st.one_of(
    TREES,
    st.fixed_dictionaries(
        {"services": st.dictionaries(st.sampled_from(["web", "db", "W_b"]), SERVICES, max_size=3)},
        optional={name: TREES for name in sorted(TOP) if name != "services"},
    ),
    st.dictionaries(st.sampled_from([*SHORT_FORM, *sorted(SERVICE)]), TREES, max_size=6),
)
CHUNKS = st.one_of(
    st.sampled_from(list("[]{}:,-&*!|>'\"%@`#\n\t $\\\0\x85?")),
    st.sampled_from(["<<: ", "*base", "&base ", "!reset ", "!override ", "${", "}", ": ", "- ",
                     "\n    ", "null", "-1", "1e9", "0x", "!!int ", "---\n", "...\n"]),
    st.text(max_size=3),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def answer(folder: Path, *contents: bytes) -> None:
    """Load; nothing but an app or the loader's own findings may come of it."""
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_bytes(content)
    found = None
    try:
        found = load(paths, environment=VARIABLES)
    except ManifestError as error:
        diagnostics = error.diagnostics
    else:
        diagnostics = ()
        _read_back(folder / "again.yaml", found)
    assert found is not None or diagnostics


def _read_back(path: Path, found: Loaded) -> None:
    path.write_text(render(found.app, found.given), encoding="utf-8")
    assert load([path], environment=VARIABLES).app == found.app


def as_yaml(tree: object) -> bytes:
    """JSON is YAML; what JSON cannot say does not come up in files either."""
    return json.dumps(tree).encode()


VARIABLES = {"X": "x", "EMPTY": ""}
FUZZ = settings(deadline=None, suppress_health_check=list(HealthCheck))


@given(ROOTS)
@FUZZ
def test_any_tree_is_understood_or_refused(folder: Path, tree: object) -> None:
    answer(folder, as_yaml(tree))


@given(ROOTS, ROOTS)
@FUZZ
def test_any_two_trees_are_merged_or_refused(folder: Path, first: object, second: object) -> None:
    answer(folder, as_yaml(first), as_yaml(second))


@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.integers(0, 12), CHUNKS), max_size=6))
@FUZZ
def test_a_mutated_file_is_understood_or_refused(
    folder: Path, changes: list[tuple[int, int, str]]
) -> None:
    text = SEED
    for at, length, chunk in changes:
        text = text[:at] + chunk + text[at + length :]
    answer(folder, text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=80))
@FUZZ
def test_any_bytes_are_understood_or_refused(folder: Path, content: bytes) -> None:
    answer(folder, content)
