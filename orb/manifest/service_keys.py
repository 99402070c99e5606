"""What Orb makes of the keys of a service."""

from typing import Final

from orb.manifest.keys import Table, harmless, honoured, ignored, partly, refused, table

_LATER: Final = "It comes with a later version; take the key out to run without it."

SERVICE: Final[Table] = table(
    honoured("annotations", "handed to what runs the container; needs Docker Engine 24"),
    harmless("attach", "`orbctl logs` shows the logs of every service"),
    honoured("blkio_config", "how the container shares block devices"),
    partly(
        "build", "nothing is built: the image must be on the nodes, or be pulled from a registry"
    ),
    honoured("cap_add", "rights beyond the usual ones; dangerous ones need trust"),
    honoured("cap_drop", "rights that are given up"),
    honoured("cgroup", "`private`, or `host`, which needs trust"),
    honoured("cgroup_parent", "the control group that its own one is made in"),
    honoured("command", "replaces the image's command; text is split as a shell would"),
    honoured("configs", "files of the container, read-only; a change of one rolls its users"),
    honoured("container_name", "what you call it; a name, never an identity"),
    ignored("cpu_count", "it is for Windows", "Use `cpus`."),
    ignored("cpu_percent", "it is for Windows", "Use `cpus`."),
    honoured("cpu_period", "with `cpu_quota`: the time that the quota is of"),
    honoured("cpu_quota", "the most CPU time in a period; `cpus` says it shorter"),
    honoured("cpu_rt_period", "the time that `cpu_rt_runtime` is of"),
    honoured("cpu_rt_runtime", "real-time share, where the kernel has it"),
    honoured("cpu_shares", "the weight among others; default by the CPU that is reserved"),
    honoured("cpus", "the most CPU a replica may use"),
    honoured("cpuset", "the cores that it may use"),
    refused("credential_spec", "it is for Windows containers"),
    honoured("depends_on", "gates the first start and each release, never restarts"),
    honoured("deploy", "how many, where, and how it is updated"),
    harmless("develop", "`docker compose watch` uses it"),
    honoured("device_cgroup_rules", "devices that it may use once they exist; needs trust"),
    honoured("devices", "devices of the node, by path or CDI name; needs trust"),
    honoured("dns", "resolvers for names that are not of the app"),
    honoured("dns_opt", "options of the resolver"),
    honoured("dns_search", "domains that complete names"),
    honoured("domainname", "the domain of its host name"),
    honoured("entrypoint", "replaces the image's entrypoint"),
    honoured("env_file", "files of variables beside the manifest, read at `apply`"),
    honoured("environment", "variables of the container"),
    honoured("expose", "ports that answer inside the cluster"),
    honoured("extends", "builds on another service, of this file or another"),
    refused(
        "external_links",
        "other apps' containers are not reached by links",
        "Put both on one network with a `name`.",
    ),
    honoured("extra_hosts", "names that it resolves by itself; `host-gateway` is the node"),
    honoured("gpus", "GPUs: by count it holds them for itself; `all` holds one and sees all"),
    honoured("group_add", "further groups of the process"),
    honoured("healthcheck", "readiness and liveness: not ready, no traffic; unhealthy, replaced"),
    honoured("hostname", "the host name inside the container"),
    honoured("image", "what is run"),
    honoured("init", "a small init as the first process"),
    partly("ipc", "private, shareable, none, and host, which needs trust; not `service:`"),
    ignored("isolation", "it is for Windows"),
    honoured("label_file", "files of labels beside the manifest, read at `apply`"),
    honoured("labels", "labels of the containers"),
    honoured("links", "the linked service comes first, and answers to the other name too"),
    honoured("logging", "driver and options; files are bounded to 3 of 10M unless it says so"),
    honoured("mac_address", "the address of its network card"),
    honoured("mem_limit", "the most memory a replica may use"),
    honoured("mem_reservation", "the memory that is kept free for a replica"),
    honoured("mem_swappiness", "0 to 100"),
    honoured("memswap_limit", "memory and swap together; -1 for no bound"),
    refused("models", "the service would lack its models", _LATER),
    partly("network_mode", "none, bridge, and host, which needs trust; not `service:`"),
    honoured("networks", "on a node, separate networks are separate"),
    honoured("oom_kill_disable", "it waits for memory instead of being killed"),
    honoured("oom_score_adj", "-1000 to 1000: how soon the node kills it when memory is short"),
    partly("pid", "`host`, which needs trust; not `service:`"),
    honoured("pids_limit", "processes at most; -1 for no bound"),
    honoured("platform", "runs only on nodes of this os and architecture"),
    honoured("ports", "published on every node; `mode: host` on the replica's node only"),
    honoured("post_start", "runs inside the container after each start, before it is ready"),
    honoured("pre_stop", "runs inside the container before the stop signal, in the grace period"),
    honoured("privileged", "all rights on the node; needs trust"),
    honoured("profiles", "left out unless one of them is asked for"),
    refused("provider", "nothing would be run", _LATER),
    partly("pull_policy", "missing, always, never; `build` and times between pulls as said there"),
    ignored("pull_refresh_after", "an image that is there is not pulled again"),
    honoured("read_only", "the root file system is read-only"),
    honoured("restart", "when a replica that ended is replaced"),
    honoured("runtime", "what runs the container, by the engine's name for it"),
    honoured("scale", "as `deploy.replicas`"),
    honoured("secrets", "as configs; on a node they are kept in memory only"),
    honoured("security_opt", "less confinement needs trust; a seccomp profile is carried along"),
    honoured("shm_size", "shared memory; default 64M"),
    honoured("stdin_open", "the standard input stays open"),
    honoured("stop_grace_period", "from the stop signal to the kill"),
    honoured("stop_signal", "the signal that asks it to stop"),
    honoured("storage_opt", "options of the engine's storage"),
    honoured("sysctls", "settings of the kernel for the container"),
    honoured("tmpfs", "memory file systems, with their options"),
    honoured("tty", "a terminal"),
    honoured("ulimits", "limits of its processes"),
    refused("use_api_socket", "the engine is not handed to containers"),
    honoured("user", "whom the process runs as"),
    honoured("userns_mode", "`host`, which needs trust"),
    honoured("uts", "`host`, which needs trust"),
    honoured("volumes", "a named volume is tracked, a bind needs nodes that have the path"),
    refused("volumes_from", "the container would lack its files", "Name the volumes instead."),
    honoured("working_dir", "where the process starts"),
    partly("x-orb", "what only Orb knows"),
)

HEALTHCHECK: Final[Table] = table(
    honoured("disable", "no health is asked, not even the image's own"),
    honoured("interval", "between two checks; default 30s"),
    honoured("retries", "failures in a row that make it unhealthy; default 3"),
    honoured("start_interval", "between two checks in the start period; default 5s"),
    honoured("start_period", "in which failures do not count; default 0s"),
    honoured("test", "what is run inside the container"),
    honoured("timeout", "of one check; default 30s"),
)

GRANT: Final[Table] = table(
    honoured("gid", "the group that the file belongs to; default 0"),
    honoured("mode", "its permissions; default 0444"),
    honoured("source", "the config or secret"),
    honoured("target", "the path in the container; default `/` or `/run/secrets/` and the name"),
    honoured("uid", "the user that the file belongs to; default 0"),
)
"""Of a config or secret in a service."""

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
    honoured("create_host_path", "`true`: made as an empty folder; else no node without it suits"),
    honoured("propagation", "whether mounts made later are seen on the other side"),
    honoured("recursive", "whether mounts below the path are bound too, and how"),
    honoured("selinux", "`z` or `Z`: the path gets a label that lets containers in"),
)
VOLUME_OPTIONS: Final[Table] = table(
    ignored("labels", "the volume gets those of its own definition"),
    honoured("nocopy", "a new volume stays empty"),
    honoured("subpath", "the folder of the volume that is seen; needs Docker Engine 26"),
)
TMPFS_OPTIONS: Final[Table] = table(
    honoured("mode", "the permissions of its folder; default 1777"),
    honoured("size", "the most it may hold"),
)

NETWORK_OF_SERVICE: Final[Table] = table(
    honoured("aliases", "names that it answers to on this network"),
    honoured("driver_opts", "options of the driver for this container"),
    honoured("gw_priority", "the highest leads outside; needs Docker Engine 28"),
    honoured("interface_name", "of the interface inside; needs Docker Engine 28"),
    honoured("ipv4_address", "a fixed address: for one replica on one node"),
    honoured("ipv6_address", "a fixed address: for one replica on one node"),
    honoured("link_local_ips", "further addresses"),
    honoured("mac_address", "the address of its network card"),
    honoured("priority", "the highest is the first network"),
)

ULIMIT: Final[Table] = table(
    honoured("hard", "what the process cannot go beyond; -1 for no bound"),
    honoured("soft", "what counts at first"),
)
DEVICE_PATH: Final[Table] = table(
    honoured("permissions", "of r, w and m; default all"),
    honoured("source", "the path on the node"),
    honoured("target", "the path in the container; default the same"),
)
HOOK: Final[Table] = table(
    honoured("command", "what is run"),
    honoured("environment", "its variables, beside the container's"),
    honoured("privileged", "with all rights; needs trust"),
    honoured("user", "who runs it; default the container's user"),
    honoured("working_dir", "where it starts"),
)
LOGGING: Final[Table] = table(
    honoured("driver", "the engine's driver; default json-file"),
    honoured("options", "what the driver takes"),
)
BLKIO: Final[Table] = table(
    honoured("device_read_bps", "bytes a second"),
    honoured("device_read_iops", "operations a second"),
    honoured("device_write_bps", "bytes a second"),
    honoured("device_write_iops", "operations a second"),
    honoured("weight", "10 to 1000"),
    honoured("weight_device", "a weight for one device"),
)
DEVICE_RATE: Final[Table] = table(
    honoured("path", "the device on the node"),
    honoured("rate", "the most of it"),
)
DEVICE_WEIGHT: Final[Table] = table(
    honoured("path", "the device on the node"),
    honoured("weight", "10 to 1000"),
)

ENV_FILE: Final[Table] = table(
    honoured("format", "`raw` takes values as they stand"),
    honoured("path", "beside the manifest"),
    honoured("required", "`false`: may be absent"),
)
