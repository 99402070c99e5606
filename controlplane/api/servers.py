"""Who the servers are: adding, promoting and removing one, each a change that the log agrees on."""

from collections.abc import Mapping
from typing import Final

from controlplane.api.reading import why_not_here
from controlplane.raft.log import LogStatus, Member, Members, Role
from orb.config_kinds import ADDRESS, NAME
from orb.errors import Conflict, InvalidInput, NotFound, NotLeader
from orb.ids import ServerName
from orb.logs import Logger
from orb.v1 import control_pb2 as pb

ADDRESS_CHARACTERS_MAX: Final = 300
"""The longest address of a server; a longer one is refused."""

log = Logger("servers")


def client_addresses(
    configured: Mapping[ServerName, str], agreed: LogStatus
) -> Mapping[ServerName, str]:
    """Where orbctl and agents reach each server: as agreed; as configured where nobody said."""
    return {**configured, **{one.name: one.client for one in agreed.members if one.client}}


class Servers:
    """Changes who takes part. Asked again, each does nothing. All raise OrbError."""

    def __init__(self, members: Members, configured: Mapping[ServerName, str]) -> None:
        self._members = members
        self._configured = configured

    async def add(self, request: pb.AddServerRequest, author: str) -> pb.AddServerReply:
        """Make a server a learner. Raises Conflict if its name or an address is taken."""
        name = _name(request.name)
        peer = _address(request.peer_address, "peer_address")
        client = _address(request.client_address, "client_address")
        status = await self._leading()
        known = client_addresses(self._configured, status)
        for member in status.members:
            theirs = (member.address, known.get(member.name, ""))
            if member.name == name and theirs == (peer, client):
                return pb.AddServerReply(changed=False)
            if member.name == name:
                raise Conflict(
                    f"{name} is a server of this cluster already, at {theirs[1]} "
                    f"(for the other servers: {theirs[0]})",
                    remedy=f"`orbctl server replace {name} {name}=HOST` puts another in its place",
                )
            if peer == theirs[0] or client == theirs[1]:
                raise Conflict(f"that is the address of server {member.name}")
        await self._members.add_learner(name, peer, client)
        log.info("a server was added", name=name, peer=peer, client=client, by=author)
        return pb.AddServerReply(changed=True)

    async def promote(self, request: pb.PromoteServerRequest, author: str) -> pb.PromoteServerReply:
        """Let a learner vote. Raises NotFound, or Conflict until it has caught up."""
        name = _name(request.name)
        member = _find(await self._leading(), name)
        if member is None:
            raise NotFound(f"{name} is no server of this cluster", remedy="add it first")
        if member.role is not Role.LEARNER:
            return pb.PromoteServerReply(changed=False)
        await self._members.promote(name)
        log.info("a server votes from now on", name=name, by=author)
        return pb.PromoteServerReply(changed=True)

    async def remove(self, request: pb.RemoveServerRequest, author: str) -> pb.RemoveServerReply:
        """Remove a server. A leader lets another lead first, and then answers NotLeader."""
        name = _name(request.name)
        status = await self._leading()
        if _find(status, name) is None:
            return pb.RemoveServerReply(changed=False)
        heir = heir_of(status)
        if name == status.leader and heir is not None:
            await self._members.hand_over(heir)
            raise NotLeader(heir)
        await self._members.remove(name)
        log.info("a server was removed", name=name, by=author)
        return pb.RemoveServerReply(changed=True)

    async def _leading(self) -> LogStatus:
        """The members as agreed. Raises NotLeader or NoQuorum where that is not certain."""
        status = self._members.status()
        if status.role is not Role.LEADER:
            raise why_not_here(status)
        await self._members.barrier()
        return self._members.status()


def heir_of(status: LogStatus) -> ServerName | None:
    """Who had best lead when the leader goes: of those that vote and answer, the least behind."""
    able = [one for one in status.members if one.role is Role.FOLLOWER and one.healthy]
    return min(able, key=lambda one: (one.behind or 0, one.name)).name if able else None


def _find(status: LogStatus, name: ServerName) -> Member | None:
    return next((member for member in status.members if member.name == name), None)


def _name(text: str) -> ServerName:
    try:
        return ServerName(NAME.parse(text))
    except ValueError as error:
        raise InvalidInput(f"the server's name: {error}") from None


def _address(text: str, field: str) -> str:
    if len(text) > ADDRESS_CHARACTERS_MAX:
        raise InvalidInput(f"`{field}` is longer than {ADDRESS_CHARACTERS_MAX} characters")
    try:
        return str(ADDRESS.parse(text))
    except ValueError as error:
        raise InvalidInput(f"`{field}`: {error}") from None
