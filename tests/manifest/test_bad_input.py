"""Bad manifests: what, where, why, and what to do; several at once."""

from pathlib import Path

import pytest

from orb.manifest import ManifestError
from tests.manifest.loading import loaded, refusal, warnings_of

SERVICE_CASES = [
    ("imgae: x", "3:5: 'imgae' is not a key of the service 'web'\n  Did you mean `image`?"),
    ("replicas: 3", "'replicas' is not a key of the service 'web'\n  In a service it is `deploy:"),
    ("ports: [70000]", "'70000': ports go from 1 to 65535, upwards"),
    ("ports: ['80:80', '80:80']", "the port 80/tcp is published twice"),
    ("ports: ['80:81', '80:82']", "the port 80/tcp is published twice, by web"),
    ("ports: ['80-90:80']", "'80-90:80' publishes 1 ports as 11"),
    ("ports: ['1-65535']", "names more than 1000 ports"),
    ("ports: ['80/sctp']", "has a protocol other than tcp and udp"),
    ("ports: ['x:80']", "'x:80' is not a port"),
    ("ports: ['1.2.3.4.5:80:80']", "'1.2.3.4.5' is not an address"),
    ("ports: [{published: 80}]", "a port needs a `target`"),
    ("ports: [{target: 80, publihsed: 80}]", "Did you mean `published`?"),
    ("ports: 80:80", "`ports` must be a list, not text"),
    ("depends_on: [web]", "web depends on itself"),
    (
        "depends_on: [dbb]",
        "web depends on 'dbb', which is not a service here\n  Did you mean `db`?",
    ),
    ("depends_on: {db: {condition: service_health}}", "Did you mean `service_healthy`?"),
    ("deploy: {replicas: -1}", "`replicas` must be from 0 to 20000, not '-1'"),
    ("deploy: {replicas: 99999999999999999999999999}", "`replicas` must be from 0 to 20000"),
    ("deploy: {replicas: 1.5}", "`replicas` must be a whole number"),
    ("deploy: {replicas: many}", "`replicas` must be a number, not 'many'"),
    ("deploy: {replicas: [1]}", "`replicas` must be a number, not a list"),
    ("deploy: {mode: globl}", "Did you mean `global`?"),
    ("deploy: {mode: global, replicas: 3}", "a global service has one replica on each node"),
    (
        "deploy: {mode: replicated-job}\nrestart: always",
        "a job cannot be restarted whenever it ends",
    ),
    ("scale: 2\ndeploy: {replicas: 3}", "`scale` and `deploy.replicas` differ"),
    ("mem_limit: -5m", "`mem_limit` must be an amount like 64M or 1.5G, not '-5m'"),
    ("mem_limit: 99999999999t", "`mem_limit` must be from 0 to"),
    ("mem_limit: 64X", "`mem_limit` must be an amount"),
    ("cpus: -1", "`cpus` must be from 0 to 1000000"),
    ("cpus: .nan", "`cpus` must be a number, not '.nan'"),
    ("cpus: 1e999999999", "`cpus` must be from 0 to 1000000"),
    ("cpus: 1\ndeploy: {resources: {limits: {cpus: 2}}}", "say different things"),
    ("cpus: 1\ndeploy: {resources: {reservations: {cpus: 2}}}", "more CPU is reserved than"),
    ("stop_grace_period: 30", "must be a time like 1m30s, not '30'\n  Write 30s for seconds."),
    ("stop_grace_period: 999999h", "`stop_grace_period` in milliseconds must be from 0"),
    ("stop_signal: SIGTREM", "'SIGTREM' is not a signal\n  Did you mean `SIGTERM`?"),
    ("restart: allways", "`restart` must be no, always, unless-stopped"),
    ("restart: always:3", "`restart` must be no, always, unless-stopped"),
    ("healthcheck: {test: [curl, x]}", "starts with CMD, CMD-SHELL or NONE"),
    ("healthcheck: {test: [CMD]}", "CMD has the wrong number of words"),
    ("healthcheck: {test: x, interval: soon}", "`interval` must be a time like 1m30s"),
    ("healthcheck: {test: x, retries: -1}", "`retries` must be from 0"),
    ("volumes: ['dta:/d']", "the volume 'dta' is not declared\n  Did you mean `data`?"),
    ("volumes: ['data:d']", "'d' is not an absolute path"),
    ("volumes: ['data:/d', '/x:/d/']", "two mounts have the target '/d'"),
    ("volumes: ['data:/']", "nothing can be mounted over the whole file system"),
    ("volumes: ['data:/d:rx']", "'rx' is not an option of volumes"),
    ("volumes: ['a:b:c:d']", "'a:b:c:d' is not a volume"),
    ("volumes: [{type: bind, target: /d}]", "a bind needs a `source`"),
    ("volumes: [{type: npipe, target: /d}]", "volumes of the type npipe are not supported"),
    ("networks: [frnt]", "the network 'frnt' is not declared\n  Did you mean `front`?"),
    ("environment: [{A: 1}]", "an item of `environment` is a map"),
    ("environment: {A: [1]}", "the variable 'A' must be text, not a list"),
    ("environment: A=1", "`environment` must be a map, not text"),
    ("env_file: none.env", "cannot read"),
    ('command: "a \'b"', "`command` cannot be split into words: No closing quotation"),
    ("tty: maybe", "`tty` must be true or false, not text"),
    ("hostname: a b", "'a b' is not a hostname"),
    ("user: 'a;b'", "'a;b' is not a user"),
    ("working_dir: srv", "'srv' is not an absolute path"),
    ("image: Web:1", "'Web:1' is not an image's name"),
    ("image: ''", "a service needs an `image`"),
    ("image: 'a b'", "'a b' is not an image's name"),
    ("platform: a/b/c/d", "'a/b/c/d' is not a platform"),
    ("deploy: {placement: {constraints: [node.role == manager]}}", "nodes have no roles"),
    ("deploy: {placement: {constraints: [disk = ssd]}}", "is not a constraint"),
    ("deploy: {placement: {constraints: ['nod.name == a']}}", "Did you mean node.name?"),
    ("deploy: {placement: {constraints: ['node.name =~ (a+']}}", "not a pattern"),
    (
        "deploy: {placement: {constraints: [node.name == a, node.name == b]}}",
        "no node can satisfy all that is said of node.name: node.name == a, node.name == b",
    ),
    ("deploy: {placement: {preferences: [{spread: zone}]}}", "nodes have no 'zone'"),
    ("deploy: {update_config: {max_failure_ratio: 2}}", "must be from 0 to 1, not '2'"),
    ("network_mode: service:db", "`network_mode: service:db` is not supported: it would have"),
    ("network_mode: hst", "`network_mode` must be one of bridge, host, none"),
    ("network_mode: none\nnetworks: [front]", "cannot stand beside `networks`"),
    ("pid: container:x", "`pid: container:x` is not supported"),
    ("cap_add: [NET_ADMN]", "'NET_ADMN' is not a capability of Linux\n  Did you mean `NET_ADMIN`?"),
    ("security_opt: [nonsense]", "'nonsense' is not a security option"),
    ("security_opt: ['seccomp=none.json']", "cannot read"),
    ("devices: [dev]", "'dev' is not an absolute path"),
    ("devices: [/dev/x:/dev/y:z]", "'z' are no permissions"),
    ("device_cgroup_rules: [all]", "'all' is not a rule like `c 1:3 rwm`"),
    ("ulimits: {nofle: 1}", "Did you mean `nofile`?"),
    ("ulimits: {nofile: {soft: 3, hard: 2}}", "the soft limit is above the hard one"),
    ("sysctls: {'a b': 1}", "'a b' is not a setting of the kernel"),
    ("memswap_limit: 1g", "`memswap_limit` is memory and swap together, and needs a limit"),
    ("mem_limit: 2g\nmemswap_limit: 1g", "it is less than the limit of memory"),
    ("cpus: 1\ncpu_quota: 5000", "cannot stand beside `cpu_period` and `cpu_quota`"),
    ("cpuset: all", "'all' are no cores"),
    ("extra_hosts: [db]", "'db' is not `name:address`"),
    ("extra_hosts: ['db:x']", "'x' is not an address"),
    ("dns: nowhere", "'nowhere' is not an address"),
    ("mac_address: '1:2'", "'1:2' is not the address of a network card"),
    ("networks: {front: {ipv4_address: x}}", "'x' is not an address"),
    ("pull_policy: alwys", "Did you mean `always`?"),
    ("post_start: [{user: me}]", "a hook of `post_start` needs a `command`"),
    ("gpus: some", "`gpus` must be one of all"),
    ("gpus: [{count: 1, device_ids: ['0']}]", "`count` and `device_ids` say different things"),
    (
        "volumes: [{type: volume, source: data, target: /d, volume: {subpath: ../x}}]",
        "'../x' is not a path inside the volume",
    ),
    ("x-orb: {autoscal: {}}", "Did you mean `autoscale`?"),
    ("x-orb: {schedule: {cron: 1 2 * * *}}", "is not active yet: it would run once"),
    ("x-orb: {schedule: {cron: nightly}}", "`cron` of `schedule` must be like 15 2 * * *"),
    ("x-orb: {autoscale: {cpu: 700%}}", "`cpu` of `autoscale` must be from 0% to 100%"),
    ("x-orb: {autoscale: {min: 5, max: 2}}", "`min` of `autoscale` is larger than `max`"),
    ("x-orb: {autoscale: {lag: {tpic: a}}}", "Did you mean `topic`?"),
    ("x-orb: {ingress: [{host: 'a b'}]}", "must be like shop.example.com, not 'a b'"),
    ("x-orb: {rollout: {steps: [10]}}", "must be from 0% to 100%, not '10'"),
    ("x-orb: {stateful: {failover: never}}", "must be one of auto, manual, not 'never'"),
    ("x-orb: {budget: {max_unavailable: -1}}", "must be from 0 to 20000, not '-1'"),
    ("hostname: ${X:?say it}", "the variable X must have a value: say it"),
    ("hostname: ${X", "has no closing brace"),
]


@pytest.mark.parametrize(("body", "expected"), SERVICE_CASES)
def test_a_bad_service_is_refused(tmp_path: Path, body: str, expected: str) -> None:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    image = "" if body.startswith("image:") else "    image: web:1\n"
    text = (
        f"services:\n  web:\n{lines}{image}  db: {{image: db}}\n"
        "volumes: {data: {}}\nnetworks: {front: {}}\n"
    )
    found = refusal(tmp_path, text)
    assert expected in found
    assert found.startswith("compose.yaml:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "compose.yaml: the file is empty"),
        ("hello", "compose.yaml:1:1: a manifest must be a map, not text"),
        ("- a", "compose.yaml:1:1: a manifest must be a map, not a list"),
        ("name: a", "compose.yaml:1:1: the manifest has no services"),
        ("services: {}", "compose.yaml:1:1: no service is left to run"),
        ("services: []", "compose.yaml:1:11: `services` must be a map, not a list"),
        ("servics: {web: {image: i}}", "compose.yaml:1:1: 'servics' is not a key of a manifest"),
        ("services: {web: 3}", "compose.yaml:1:17: the service 'web' must be a map, not the num"),
        ("services: {my.web: {image: i}}", "Call it my-web;"),
        ("services: {_web: {image: i}}", "Call it web."),
        (f"services: {{{'w' * 64}: {{image: i}}}}", "it has at most 63"),
        ("name: My App\nservices: {web: {image: i}}", "compose.yaml:1:7: the app is called"),
        ("services: {web: {image: i}, web: {image: j}}", "the key 'web' stands here twice"),
        ("services: {web: {}}", "compose.yaml:1:12: a service needs an `image`"),
        ("application: a\nimge: i\nreplicas: 1", "2:1: 'imge' is not a key of the short form"),
        ("application: a\nimage: i\nport: [1]", "3:7: `port` must be a number"),
        ("application: a\nimage: i\nport: 0", "'0:0'"),
        ("services: {w: {image: i}}\nvolumes: {'a b': {}}", "not a name for a volume"),
        ("services: {w: {image: i}}\nvolumes: {a: {driver: 'n f s'}}", "not the name of a driver"),
        ("services: {w: {image: i}}\ninclude: [x.yaml]", "compose.yaml:2:11: cannot read x.yaml"),
        ("services: {w: {image: 'i:$T'}}", "1:23: warning: the variable T is not set"),
    ],
)  # fmt: skip
def test_a_bad_manifest_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refusal(tmp_path, text)


def test_services_that_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    text = """services:
  a: {image: i, depends_on: [b]}
  b: {image: i, depends_on: [c]}
  c: {image: i, depends_on: [b, d]}
  d: {image: i}
"""
    assert refusal(tmp_path, text) == (
        "compose.yaml:3:17: services wait for each other: b → c → b\n"
        "  Take one of these dependencies out."
    )


def test_a_service_that_others_wait_for_cannot_run_for_ever(tmp_path: Path) -> None:
    text = """services:
  web: {image: i, depends_on: {a: {condition: service_completed_successfully}}}
  a: {image: i, restart: always}
"""
    assert refusal(tmp_path, text) == (
        "compose.yaml:3:17: a is restarted whenever it ends, but others wait for its end\n"
        "  Use `on-failure`."
    )


def test_two_services_cannot_publish_the_same_port(tmp_path: Path) -> None:
    text = "services:\n  a: {image: i, ports: ['80:1']}\n  b: {image: i, ports: ['80:2']}\n"
    assert refusal(tmp_path, text) == (
        "compose.yaml:3:25: the port 80/tcp is published twice, by a and b\n"
        "  Publish one of them on another port."
    )


def test_too_many_services_are_refused(tmp_path: Path) -> None:
    text = "services:\n" + "".join(f"  s{n}: {{image: i}}\n" for n in range(501))
    assert "an app has 1 to 500 services, not 501" in refusal(tmp_path, text)


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    line = "x" * 120_000
    text = "x-a: &a " + line + "\nservices:\n"
    text += "".join(f"  s{n}: {{image: i, environment: {{A: *a}}}}\n" for n in range(10))
    assert "characters of text; at most" in refusal(tmp_path, text)
    text = f"services: {{w: {{image: i, environment: {{A: {line * 2}}}}}}}\n"
    assert "a text of 240000 bytes" in refusal(tmp_path, text)


def test_several_findings_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """services:
  w.b:
    image: i
    ports: [0]
    restrat: always
  db:
    image: i
    depends_on: [nobody]
    mem_limit: lots
"""
    lines = [line for line in refusal(tmp_path, text).splitlines() if line[0] != " "]
    assert [line.split(": ")[0] for line in lines] == [
        "compose.yaml:2:3", "compose.yaml:4:13", "compose.yaml:5:5", "compose.yaml:8:18",
        "compose.yaml:9:16",
    ]  # fmt: skip


def test_more_errors_than_people_read_are_counted(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: i\n" + "".join(f"    k{n}: 1\n" for n in range(150))
    with pytest.raises(ManifestError) as caught:
        loaded(tmp_path, text)
    assert (len(caught.value.diagnostics), caught.value.left_out) == (100, 50)
    assert str(caught.value).endswith("… and 50 more")


def test_keys_without_effect_are_said_with_the_consequence(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: i\n    isolation: hyperv\n    x-orb: {owner: me}\n"
    assert warnings_of(tmp_path, text) == [
        (
            "compose.yaml:4:5: warning: `isolation` of the service 'web' has no effect: "
            "it is for Windows"
        ),
        (
            "compose.yaml:5:13: warning: `owner` of `x-orb` of a service is not active yet: "
            "nobody is notified"
        ),
    ]
