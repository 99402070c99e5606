"""The one tree of errors. Each is translated once, at the edge (controlplane/api/status.py)."""


class OrbError(Exception):
    """Something a person can be told: what, why, and what to do (*remedy*, one sentence)."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class InvalidInput(OrbError):
    """What was asked is not well-formed, or breaks a limit."""


class NotFound(OrbError):
    """The named thing does not exist."""


class Conflict(OrbError):
    """The state has moved, or a rule of the state forbids it: look again and decide again."""


class Denied(OrbError):
    """The caller's certificate does not allow this."""


class TooLarge(InvalidInput):
    """A message or command is over its named bound."""


class Unavailable(OrbError):
    """It cannot be done now, but the same request may work later."""


class NotLeader(Unavailable):
    """This server does not lead. *leader* is the name of the one that does, if known."""

    def __init__(self, leader: str | None) -> None:
        super().__init__(f"this server does not lead; the leader is {leader or 'not known yet'}")
        self.leader = leader


class NoQuorum(Unavailable):
    """Fewer than half of the servers can be reached: nothing can be agreed on."""


class StorageFull(Unavailable):
    """The disk under this server cannot take another entry."""


class StorageDamaged(OrbError):
    """What is on disk fails its checksum in a place that cannot be repaired safely."""


class Unknown(OrbError):
    """The request was sent and no answer came: it may or may not have happened."""
