"""Who may ask for what: the one place where it is decided. Roles will be looked up here."""

from enum import Enum

from controlplane.edge import Context, caller
from orb.errors import Denied
from orb.tls import Identity


class Verb(Enum):
    """What is asked for."""

    READ = "read"
    CHANGE = "change"
    EXECUTE = "execute"


def permitted(context: Context, verb: Verb) -> Identity:
    """Who calls, if they may. People may do everything for now, nodes nothing. Raises Denied."""
    who = caller(context)
    if who.kind == "node":
        raise Denied(
            f"{who} may not {verb.value} here: agents talk to the service of the agents",
            remedy="use a certificate of the kind `user:<name>`",
        )
    return who
