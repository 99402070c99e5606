"""What Orb makes of the keys of a service."""

from typing import Final

from orb.manifest.keys import Table, harmless, honoured, ignored, partly, refused, table

_LATER: Final = "It comes with a later version; take the key out to run without it."

SERVICE: Final[Table] = table(
    ignored("annotations", "the container gets none; labels it does get"),
    harmless("attach", "`orbctl logs` shows the logs of every service"),
    ignored("blkio_config", "the container shares the disk like any other"),
    partly("build", "nothing is built: `image` must exist already"),
    refused("cap_add", "the container would lack rights that it asks for", _LATER),
    refused("cap_drop", "the container would keep rights that it gives up", _LATER),
    ignored("cgroup", "the container gets a cgroup namespace as the engine gives it"),
    refused("cgroup_parent", "Orb keeps the account of resources itself", _LATER),
    honoured("command", "replaces the image's command; text is split as a shell would"),
    refused("configs", "the container would start without its files", _LATER),
    honoured("container_name", "what you call it; a name, never an identity"),
    ignored("cpu_count", "it is for Windows", "Use `cpus`."),
    ignored("cpu_percent", "it is for Windows", "Use `cpus`."),
    ignored("cpu_period", "the CPU is not limited by it", "Use `cpus`."),
    ignored("cpu_quota", "the CPU is not limited by it", "Use `cpus`."),
    ignored("cpu_rt_period", "the container has no real-time share"),
    ignored("cpu_rt_runtime", "the container has no real-time share"),
    ignored("cpu_shares", "all containers weigh the same", "Reserve CPU under `deploy`."),
    honoured("cpus", "the most CPU a replica may use"),
    ignored("cpuset", "the container may use every core"),
    refused("credential_spec", "it is for Windows containers"),
    honoured("depends_on", "gates the first start and each release, never restarts"),
    honoured("deploy", "how many, where, and how it is updated"),
    harmless("develop", "`docker compose watch` uses it"),
    refused("device_cgroup_rules", "the container would lack devices", _LATER),
    refused("devices", "the container would lack devices", _LATER),
    ignored("dns", "the container asks the resolver of its app's network"),
    ignored("dns_opt", "the container asks the resolver of its app's network"),
    ignored("dns_search", "names are completed as the node's resolver does"),
    ignored("domainname", "the container has its host name without a domain"),
    honoured("entrypoint", "replaces the image's entrypoint"),
    honoured("env_file", "files of variables beside the manifest, read at `apply`"),
    honoured("environment", "variables of the container"),
    honoured("expose", "ports that answer inside the cluster"),
    honoured("extends", "builds on another service, of this file or another"),
    refused("external_links", "other apps' containers are not reached by links", _LATER),
    refused("extra_hosts", "names that it needs would not resolve", _LATER),
    honoured("gpus", "GPUs that a replica holds for itself"),
    refused("group_add", "the container would lack rights to files", _LATER),
    honoured("healthcheck", "readiness and liveness: not ready, no traffic; unhealthy, replaced"),
    honoured("hostname", "the host name inside the container"),
    honoured("image", "what is run"),
    honoured("init", "a small init as the first process"),
    partly("ipc", "`private` and `shareable` are what a container has anyway"),
    ignored("isolation", "it is for Windows"),
    honoured("label_file", "files of labels beside the manifest, read at `apply`"),
    honoured("labels", "labels of the containers"),
    partly("links", "the linked service comes first, and its name resolves; no other names do"),
    ignored("logging", "logs are kept on the node within bounds; `orbctl logs` reads them"),
    ignored("mac_address", "the container gets an address of the engine's choice"),
    honoured("mem_limit", "the most memory a replica may use"),
    honoured("mem_reservation", "the memory that is kept free for a replica"),
    ignored("mem_swappiness", "the node's setting counts"),
    ignored("memswap_limit", "swap is what the node gives"),
    refused("models", "the service would lack its models", _LATER),
    partly("network_mode", "`bridge` is what a container has anyway"),
    honoured("networks", "accepted: the services of an app share one network"),
    ignored("oom_kill_disable", "a container that is out of memory is replaced"),
    ignored("oom_score_adj", "the node chooses whom it kills when it is out of memory"),
    refused("pid", "the container would not see the processes that it asks for", _LATER),
    ignored("pids_limit", "the number of processes is not limited"),
    honoured("platform", "runs only on nodes of this os and architecture"),
    honoured("ports", "published on every node; `mode: host` on the replica's node only"),
    refused("post_start", "the hook would not run", _LATER),
    refused("pre_stop", "the hook would not run", _LATER),
    partly("privileged", "`false` is what a container has anyway"),
    honoured("profiles", "left out unless one of them is asked for"),
    refused("provider", "nothing would be run", _LATER),
    partly("pull_policy", "an image is pulled where it is missing"),
    ignored("pull_refresh_after", "an image that is there is not pulled again"),
    honoured("read_only", "the root file system is read-only"),
    honoured("restart", "when a replica that ended is replaced"),
    refused("runtime", "the engine's own runtime would be used", _LATER),
    honoured("scale", "as `deploy.replicas`"),
    refused("secrets", "the container would start without its secrets", _LATER),
    refused("security_opt", "the container would be less confined than it asks for", _LATER),
    ignored("shm_size", "shared memory has the 64M that the engine gives"),
    honoured("stdin_open", "the standard input stays open"),
    honoured("stop_grace_period", "from the stop signal to the kill"),
    honoured("stop_signal", "the signal that asks it to stop"),
    ignored("storage_opt", "the container's own layer is not bounded"),
    ignored("sysctls", "the container has the node's kernel settings"),
    honoured("tmpfs", "memory file systems"),
    honoured("tty", "a terminal"),
    ignored("ulimits", "the container has the engine's limits"),
    refused("use_api_socket", "the engine is not handed to containers"),
    honoured("user", "whom the process runs as"),
    refused("userns_mode", "the container would have another user namespace", _LATER),
    refused("uts", "the container would have another host name space", _LATER),
    honoured("volumes", "a named volume is tracked, a bind needs nodes that have the path"),
    refused("volumes_from", "the container would lack its files", "Name the volumes instead."),
    honoured("working_dir", "where the process starts"),
    partly("x-orb", "what only Orb knows"),
)

BUILD_ONLY: Final = "build the image, give it a name with `image:`, and push it"

HEALTHCHECK: Final[Table] = table(
    honoured("disable", "no health is asked, not even the image's own"),
    honoured("interval", "between two checks; default 30s"),
    honoured("retries", "failures in a row that make it unhealthy; default 3"),
    honoured("start_interval", "between two checks in the start period; default 5s"),
    honoured("start_period", "in which failures do not count; default 0s"),
    honoured("test", "what is run inside the container"),
    honoured("timeout", "of one check; default 30s"),
)

EXTENDS: Final[Table] = table(
    honoured("file", "the file in which it stands; without it, this one"),
    honoured("service", "the service that is built on"),
)

DEPENDENCY: Final[Table] = table(
    honoured("condition", "service_started, service_healthy, service_completed_successfully"),
    honoured("required", "`false`: goes on without it"),
    ignored("restart", "a change of it does not restart this service"),
)

PORT: Final[Table] = table(
    harmless("app_protocol", "a hint for people"),
    honoured("host_ip", "the address of the node on which it answers"),
    honoured("mode", "ingress: on every node; host: on the replica's node"),
    honoured("name", "what you call it"),
    honoured("protocol", "tcp or udp"),
    honoured("published", "the port outside"),
    honoured("target", "the port of the container"),
)

MOUNT: Final[Table] = table(
    honoured("bind", "options of a bind"),
    harmless("consistency", "it is for macOS"),
    refused("image", "the container would lack its files", _LATER),
    honoured("read_only", "the container cannot write there"),
    honoured("source", "the volume, or the path on the node"),
    honoured("target", "the path in the container"),
    honoured("tmpfs", "options of a tmpfs"),
    honoured("type", "volume, bind or tmpfs"),
    honoured("volume", "options of a volume"),
)
BIND: Final[Table] = table(
    ignored("create_host_path", "a path that is not there is never made: no node suits"),
    ignored("propagation", "mounts made later are not seen on the other side"),
    ignored("recursive", "mounts below the path are bound too"),
    ignored("selinux", "the path is not relabelled"),
)
VOLUME_OPTIONS: Final[Table] = table(
    ignored("labels", "the volume gets those of its own definition"),
    ignored("nocopy", "a new volume gets the image's files, as the engine does it"),
    refused("subpath", "the container would see the whole volume", _LATER),
)
TMPFS_OPTIONS: Final[Table] = table(
    ignored("mode", "the file system gets the mode 1777"),
    honoured("size", "the most it may hold"),
)

NETWORK_OF_SERVICE: Final[Table] = table(
    ignored("aliases", "the service answers to its own name only"),
    ignored("driver_opts", "the network is Orb's"),
    ignored("gw_priority", "there is one network"),
    ignored("interface_name", "the engine names the interface"),
    ignored("ipv4_address", "the engine chooses the address"),
    ignored("ipv6_address", "the engine chooses the address"),
    ignored("link_local_ips", "the engine chooses the address"),
    ignored("mac_address", "the engine chooses the address"),
    ignored("priority", "there is one network"),
)

ENV_FILE: Final[Table] = table(
    honoured("format", "`raw` takes values as they stand"),
    honoured("path", "beside the manifest"),
    honoured("required", "`false`: may be absent"),
)
