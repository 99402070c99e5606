"""Names of things. People type names; only tasks have numbers nobody types."""

from typing import NamedTuple, NewType

Millis = NewType("Millis", int)
"""A point in time (milliseconds since the Unix epoch) or a length of time, in milliseconds."""

NodeName = NewType("NodeName", str)
"""The name of a node, unique in its cluster; it is also the name in the agent's certificate."""

ServerName = NewType("ServerName", str)
"""The name of a server, unique in its cluster; it is also the name in the server's certificate."""

TaskId = NewType("TaskId", int)
"""The number of a task: minted by `apply` from the log index, never used twice."""


class AppKey(NamedTuple):
    """An app in an environment."""

    environment: str
    app: str


class ServiceKey(NamedTuple):
    """A service of an app."""

    environment: str
    app: str
    service: str

    @property
    def owner(self) -> AppKey:
        """The app that the service belongs to."""
        return AppKey(self.environment, self.app)


class ReplicaKey(NamedTuple):
    """One numbered place of a service; numbers start at 1 and are kept for life."""

    environment: str
    app: str
    service: str
    number: int

    @property
    def owner(self) -> ServiceKey:
        """The service that the replica belongs to."""
        return ServiceKey(self.environment, self.app, self.service)

    @property
    def name(self) -> str:
        """What people type: `web/3`."""
        return f"{self.service}/{self.number}"
