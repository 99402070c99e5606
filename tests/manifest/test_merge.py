"""Files on top of each other, by Compose's rules."""

from pathlib import Path

import pytest

from orb.manifest import ManifestError, load
from orb.manifest.diagnostics import Problems
from orb.manifest.emit import Value
from orb.manifest.merge import merge, without_directives
from orb.manifest.nodes import ListNode, MapNode, Node, Scalar
from orb.manifest.yaml12 import parse


def plain(node: Node | None) -> Value:
    match node:
        case MapNode():
            return {key: plain(entry.node) for key, entry in node.entries.items()}
        case ListNode():
            return [plain(item) for item in node.items]
        case Scalar():
            return node.value
        case None:
            return None


def merged(*bodies: str) -> Value:
    """The service `web` of several files."""
    problems = Problems()
    roots = [
        root
        for number, body in enumerate(bodies)
        for root in parse(f"services:\n  web:\n    {body}\n", f"{number}.yaml", problems)
    ]
    found = roots[0]
    for root in roots[1:]:
        found = merge(found, root, (), problems)
    assert problems.found == []
    tree = plain(without_directives(found))
    assert isinstance(tree, dict)
    assert isinstance(tree["services"], dict)
    return tree["services"]["web"]


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ("image: a", "image: b", {"image": "b"}),
        ("image: a", "tty: true", {"image": "a", "tty": True}),
        ("image: a", "image:", {"image": "a"}),
        ("deploy: {replicas: 1, mode: global}", "deploy: {replicas: 2}",
         {"deploy": {"replicas": 2, "mode": "global"}}),
        ("command: [a, b]", "command: [c]", {"command": ["c"]}),
        ("command: [a, b]", "command: c d", {"command": "c d"}),
        ("entrypoint: [a]", "entrypoint: [b]", {"entrypoint": ["b"]}),
        ("healthcheck: {test: [CMD, a], retries: 1}", "healthcheck: {test: b}",
         {"healthcheck": {"test": "b", "retries": 1}}),
        ("environment: {A: 1, B: 1}", "environment: [B=2, C]",
         {"environment": {"A": 1, "B": "2", "C": None}}),
        ("labels: [a=1]", "labels: {a: 2}", {"labels": {"a": 2}}),
        ("security_opt: [a]", "security_opt: [b, a]", {"security_opt": ["a", "b", "a"]}),
        ("dns: 1.1.1.1", "dns: [1.1.1.1, 8.8.8.8]", {"dns": ["1.1.1.1", "8.8.8.8"]}),
        ("env_file: a.env", "env_file: [b.env]", {"env_file": ["a.env", "b.env"]}),
        ("profiles: [a]", "profiles: [a, b]", {"profiles": ["a", "b"]}),
        ("ports: ['80:80']", "ports: ['80:80', '81:80']", {"ports": ["80:80", "81:80"]}),
        ("ports: ['80:80']", "ports: [{target: 80, published: 80}]",
         {"ports": [{"target": 80, "published": 80}]}),
        ("volumes: ['a:/x', 'b:/y']", "volumes: ['c:/x:ro']",
         {"volumes": ["c:/x:ro", "b:/y"]}),
        ("volumes: ['a:/x/']", "volumes: [{type: tmpfs, target: /x}]",
         {"volumes": [{"type": "tmpfs", "target": "/x"}]}),
        ("secrets: [a]", "secrets: [{source: a, mode: 1}]",
         {"secrets": [{"source": "a", "mode": 1}]}),
        ("depends_on: [a]", "depends_on: {b: {condition: x}}",
         {"depends_on": {"a": None, "b": {"condition": "x"}}}),
        ("depends_on: [a]", "depends_on: {a: {condition: x}}",
         {"depends_on": {"a": {"condition": "x"}}}),
        ("networks: [a]", "networks: [b]", {"networks": {"a": None, "b": None}}),
        ("build: .", "build: {target: x}", {"build": {"context": ".", "target": "x"}}),
        ("logging: {driver: a, options: {x: 1}}", "logging: {driver: b}",
         {"logging": {"driver": "b"}}),
        ("logging: {driver: a, options: {x: 1}}", "logging: {options: {y: 2}}",
         {"logging": {"driver": "a", "options": {"x": 1, "y": 2}}}),
        ("extra_hosts: ['a:1.1.1.1']", "extra_hosts: ['b:2.2.2.2', 'a:1.1.1.1']",
         {"extra_hosts": ["a:1.1.1.1", "b:2.2.2.2"]}),
        ("extra_hosts: {a: 1.1.1.1}", "extra_hosts: ['b:2.2.2.2']",
         {"extra_hosts": ["a=1.1.1.1", "b:2.2.2.2"]}),
        ("ulimits: {core: 1, nproc: 2}", "ulimits: {core: {soft: 1, hard: 2}}",
         {"ulimits": {"core": {"soft": 1, "hard": 2}, "nproc": 2}}),
        ("ulimits: {core: {soft: 1, hard: 2}}", "ulimits: {core: {hard: 3}}",
         {"ulimits": {"core": {"soft": 1, "hard": 3}}}),
        ("ports: ['80:80']", "ports: !reset []", {}),
        ("environment: {A: 1, B: 2}", "environment: {A: !reset null}", {"environment": {"B": 2}}),
        ("ports: ['80:80']", "ports: !override ['81:81']", {"ports": ["81:81"]}),
        ("deploy: {replicas: 1, mode: global}", "deploy: !override {replicas: 2}",
         {"deploy": {"replicas": 2}}),
    ],
)  # fmt: skip
def test_a_service_of_two_files(base: str, over: str, expected: Value) -> None:
    assert merged(base, over) == expected


def test_a_reset_with_nothing_under_it_leaves_nothing() -> None:
    assert merged("ports: !reset ['80:80']\n    tty: true") == {"tty": True}


PARTS = [
    "image: a", "image: b", "environment: {A: 1}", "environment: [A=2, B=3]", "ports: ['80:80']",
    "ports: ['80:80', '81:81']", "deploy: {replicas: 1}", "deploy: {replicas: 2, mode: global}",
    "depends_on: [a]", "depends_on: {a: {condition: x}}", "volumes: ['a:/x']",
    "volumes: ['b:/x', 'c:/y']", "command: a", "security_opt: [x]", "tty:",
]  # fmt: skip


@pytest.mark.parametrize("first", PARTS)
@pytest.mark.parametrize("second", PARTS)
def test_merging_is_associative(first: str, second: str) -> None:
    for third in PARTS:
        problems = Problems()
        a, b, c = (
            parse(f"services: {{web: {{{body}}}}}", "f", problems)[0]
            for body in (first, second, third)
        )
        left = merge(merge(a, b, (), problems), c, (), problems)
        right = merge(a, merge(b, c, (), problems), (), problems)
        assert plain(left) == plain(right)
        assert problems.found == []


def test_values_of_different_kinds_are_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("services: {web: {image: i, deploy: {replicas: 1}}}\n")
    (tmp_path / "b.yaml").write_text("services: {web: {deploy: [1]}}\n")
    with pytest.raises(ManifestError) as caught:
        load([tmp_path / "a.yaml", tmp_path / "b.yaml"], environment={})
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "b.yaml:1:26: `services.web.deploy` is a list here and a map in a.yaml:1:36\n"
        "  Write both in the same form, or replace it with `!override`."
    )


def test_an_error_names_the_file_that_the_value_came_from(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("services: {web: {image: i, mem_limit: 1g}}\n")
    (tmp_path / "b.yaml").write_text("services: {web: {mem_limit: lots}}\n")
    with pytest.raises(ManifestError) as caught:
        load([tmp_path / "a.yaml", tmp_path / "b.yaml"], environment={})
    (found,) = caught.value.diagnostics
    assert (found.place.file, found.place.line) == (str(tmp_path / "b.yaml"), 1)
