"""What Orb makes of the keys outside services: of the whole file, `deploy`, volumes, networks."""

from typing import Final

from orb.manifest.keys import Table, harmless, honoured, ignored, partly, refused, table

_LATER: Final = "It comes with a later version; take the key out to run without it."

TOP: Final[Table] = table(
    honoured("application", "the app's name in the short form; the same as `name`"),
    honoured("configs", "files that go along with the app, at most 500K each and 2M in all"),
    honoured("include", "other files, each with its own folder and variables"),
    refused("models", "services would lack their models", _LATER),
    honoured("name", "the app's name"),
    honoured("networks", "each node has its own; across nodes they are not joined yet"),
    honoured("secrets", "as configs, and shown to nobody"),
    honoured("services", "what is run"),
    harmless("version", "Compose files have no versions any more"),
    honoured("volumes", "named volumes of the app"),
    partly("x-orb", "what only Orb knows"),
)

INCLUDE: Final[Table] = table(
    honoured("env_file", "its variables, instead of `.env` in its folder"),
    honoured("path", "a file, or several on top of each other"),
    honoured("project_directory", "where its relative paths start"),
)

SHORT_FORM: Final[Table] = table(
    honoured("application", "the name of the app and of its one service"),
    honoured("port", "published on every node: `8080` or `80:8080`"),
    honoured("replicas", "how many"),
)
"""Beside these the short form takes every key of a service."""

DEPLOY: Final[Table] = table(
    partly("endpoint_mode", "`vip` is what a service has anyway"),
    honoured("labels", "labels of the service, not of its containers"),
    honoured("mode", "replicated, global, replicated-job, global-job"),
    honoured("placement", "where replicas may run"),
    honoured("replicas", "how many"),
    honoured("resources", "what a replica holds, and the most it may use"),
    honoured("restart_policy", "when a replica that ended is replaced"),
    ignored("rollback_config", "a rollback goes as `update_config` says"),
    honoured("update_config", "how a release is rolled out"),
)
RESOURCES: Final[Table] = table(
    honoured("limits", "the most a replica may use"),
    honoured("reservations", "what a replica holds; default 0.1 CPU and 64M"),
)
LIMITS: Final[Table] = table(
    honoured("cpus", "cores"),
    honoured("memory", "bytes"),
    honoured("pids", "processes at most; -1 for no bound"),
)
RESERVATIONS: Final[Table] = table(
    honoured("cpus", "cores"),
    honoured("devices", "devices by kind and count"),
    honoured("generic_resources", "devices by kind and count, as in Swarm"),
    honoured("memory", "bytes"),
)
DEVICE: Final[Table] = table(
    honoured("capabilities", "the first one is the kind: `gpu`"),
    honoured("count", "how many"),
    honoured("device_ids", "which ones it sees; it holds as many"),
    honoured("driver", "the driver, where something else than a count is asked for"),
    honoured("options", "what the driver takes"),
)
GENERIC_RESOURCE: Final[Table] = table(
    honoured("discrete_resource_spec", "a kind and a count"),
)
DISCRETE_RESOURCE: Final[Table] = table(
    honoured("kind", "the kind of device"),
    honoured("value", "how many"),
)
PLACEMENT: Final[Table] = table(
    honoured("constraints", "conditions on nodes: ==, !=, in, =~"),
    honoured("max_replicas_per_node", "0 for no bound"),
    honoured("preferences", "what to spread over; default zones, then nodes"),
)
PREFERENCE: Final[Table] = table(
    honoured("spread", "an attribute of nodes: `node.labels.rack`"),
)
RESTART_POLICY: Final[Table] = table(
    honoured("condition", "none, on-failure, any"),
    honoured("delay", "before the first replacement; it doubles up to a minute; default 1s"),
    honoured("max_attempts", "how often within `window`"),
    honoured("window", "in which attempts count; default for ever"),
)
UPDATE_CONFIG: Final[Table] = table(
    honoured("delay", "between two steps"),
    honoured("failure_action", "rollback (default), pause, continue"),
    honoured("max_failure_ratio", "0 to 1"),
    honoured("monitor", "how long a new replica is watched; default 30s"),
    honoured("order", "start-first; stop-first with volumes or host ports"),
    honoured("parallelism", "how many at once; 0 for all; default 1"),
)

VOLUME: Final[Table] = table(
    honoured("driver", "the engine's driver; default `local`"),
    honoured("driver_opts", "options of the driver: NFS, a folder, a size"),
    honoured("external", "it is on the node already, and is never made or removed"),
    honoured("labels", "labels of the volume"),
    honoured("name", "what the engine calls it, instead of naming it after the app"),
    partly("x-orb", "what only Orb knows"),
)
EXTERNAL: Final[Table] = table(
    honoured("name", "what it is called outside"),
)

NETWORK: Final[Table] = table(
    honoured("attachable", "containers of others may join it"),
    honoured("driver", "the engine's driver; default `bridge`"),
    honoured("driver_opts", "options of the driver"),
    partly("enable_ipv4", "`true` is what a network has anyway"),
    honoured("enable_ipv6", "containers get IPv6 addresses too"),
    honoured("external", "it is on the node already, and is never made or removed"),
    honoured("internal", "nothing outside is reached from it"),
    honoured("ipam", "who gives the addresses, and out of which ranges"),
    honoured("labels", "labels of the network"),
    honoured("name", "what the engine calls it, instead of naming it after the app"),
)
IPAM: Final[Table] = table(
    honoured("config", "ranges of addresses"),
    honoured("driver", "the engine's driver"),
    honoured("options", "what the driver takes"),
)
IPAM_POOL: Final[Table] = table(
    honoured("aux_addresses", "addresses that containers do not get"),
    honoured("gateway", "the way out"),
    honoured("ip_range", "the part of the subnet that containers get"),
    honoured("subnet", "the whole range"),
)

_NO_TEMPLATES: Final = "nothing would be filled in"
CONFIG: Final[Table] = table(
    honoured("content", "the text itself; variables are filled in"),
    honoured("environment", "a variable whose value it is, read at `apply`"),
    refused("external", "only secrets are stored in a cluster", "Use `file` or `content`."),
    honoured("file", "a file beside the manifest, read at `apply`"),
    ignored("labels", "a config has none"),
    partly("name", "a config belongs to its app; another name has no effect"),
    refused("template_driver", _NO_TEMPLATES, _LATER),
)
SECRET: Final[Table] = table(
    refused("driver", "the secret would come from elsewhere", _LATER),
    refused("driver_opts", "the secret would come from elsewhere", _LATER),
    honoured("environment", "a variable whose value it is, read at `apply`"),
    honoured("external", "it is stored in the environment: `orbctl secret set`"),
    honoured("file", "a file beside the manifest, read at `apply`"),
    ignored("labels", "a secret has none"),
    partly("name", "what an external one is called in the environment"),
    refused("template_driver", _NO_TEMPLATES, _LATER),
)

X_ORB: Final[Table] = table(
    ignored("autoscale", "the count stays what `deploy.replicas` says"),
    ignored("budget", "drains and releases go by `update_config`"),
    ignored("hold", "releases change the service at once"),
    ignored("ingress", "no host name leads to it; published ports do"),
    ignored("owner", "nobody is notified"),
    honoured("priority", "low, normal, high, system: who makes room for whom"),
    ignored("ready", "the healthcheck alone decides"),
    ignored("rollout", "releases go by `update_config`"),
    refused("schedule", "it would run once, at `apply`, and never again", _LATER),
    ignored("slo", "it is neither measured nor alerted on"),
    ignored("stateful", "its replica waits for its node; there is no failover"),
)
X_ORB_VOLUME: Final[Table] = table(
    ignored("backup", "nothing is backed up"),
    ignored("class", "the volume lies where its node keeps volumes"),
    ignored("keep", "nothing is backed up"),
    ignored("on_node_loss", "the replica waits for the node of its data"),
    ignored("size", "the volume may grow as its disk allows"),
)
X_ORB_TOP: Final[Table] = table(
    ignored("notify", "nobody is notified"),
    ignored("policy", "the cluster's own policy counts"),
    ignored("retention", "history is kept within the cluster's bounds"),
)

NOT_ACTIVE_YET: Final = "not active yet"
"""What a warning says of a key of `x-orb` whose behaviour comes with a later version."""
