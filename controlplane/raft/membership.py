"""Who is a member: changes go through the log, one server at a time (thesis 4.1 and 4.2)."""

from controlplane.raft.core import Core, Kind, Progress, RaftState
from controlplane.raft.messages import (
    AppendReply,
    Message,
    PreVoteReply,
    Removed,
    Stranger,
    Vote,
)
from controlplane.raft.settings import LEARNER_LAG_ENTRIES_MAX, MEMBERS_MAX
from controlplane.raft.snapshots import (
    Configuration,
    MemberRecord,
    decode_config,
    encode_config,
)
from orb.errors import Conflict, NotFound, NotLeader, Unavailable


class Membership(Core):
    """The part of a server that knows its peers, and changes them safely."""

    def __init__(self) -> None:
        super().__init__()
        self._configs: list[tuple[int, Configuration]] = [(0, {})]
        self._voters: list[str] = []
        self._unknown: list[str] = []
        self._identities: dict[str, str] = {}

    @property
    def config(self) -> Configuration:
        """The members: the newest configuration in the log, agreed on or not (thesis 4.1)."""
        return self._configs[-1][1]

    @property
    def voters(self) -> list[str]:
        """The names of the members that vote, sorted."""
        return self._voters

    @property
    def config_index(self) -> int:
        """The index of the entry that made the newest configuration."""
        return self._configs[-1][0]

    def config_at(self, index: int) -> Configuration:
        """The configuration in force at *index*, for a snapshot that ends there."""
        return next(config for at, config in reversed(self._configs) if at <= index)

    def config_before(self, index: int) -> Configuration:
        """The configuration that the one at *index* replaced."""
        return next((config for at, config in reversed(self._configs) if at < index), {})

    def start_config(self, index: int, config: Configuration) -> None:
        """Begin with what the snapshot or the first start says, and what the log adds to it."""
        self._configs = [(index, dict(config))]
        for command, at, _ in self.journal[1:]:
            if at > index and command[0] == Kind.MEMBERSHIP:
                self._configs.append((at, decode_config(command[1:])))
        self._config_changed()

    def config_added(self, index: int, command: bytes) -> None:
        """A configuration was appended to the log at *index*: it is in force at once."""
        self._configs.append((index, decode_config(command[1:])))
        self._config_changed()

    def configs_dropped_from(self, index: int) -> None:
        """The log was cut at *index*: fall back to the configuration before."""
        while self._configs[-1][0] >= index:
            self._configs.pop()
        self._config_changed()

    def config_restored(self, index: int, config: Configuration) -> None:
        """A snapshot that ends at *index* brought its configuration."""
        newer = [pair for pair in self._configs if pair[0] > index]
        self._configs = [(index, dict(config)), *newer]
        self._config_changed()

    def forget_configs_before(self, index: int) -> None:
        """A snapshot that ends at *index* is durable: older configurations cannot come back."""
        if len(self._configs) > 1 and self._configs[1][0] <= index:
            while len(self._configs) > 1 and self._configs[1][0] <= index:
                self._configs.pop(0)
            self.members_changed()

    @property
    def known(self) -> Configuration:
        """The members, and those removed since the last snapshot: they are still told so."""
        known: dict[str, MemberRecord] = {}
        for _, config in self._configs:
            known.update(config)
        return known

    def _config_changed(self) -> None:
        self._voters = sorted(name for name, member in self.config.items() if member.votes)
        self._unknown = [name for name, member in self.config.items() if not member.identity]
        for name in set(self._identities) - set(self.config):
            del self._identities[name]  # the next owner of the name has another folder
        self.members_changed()
        if self.state == RaftState.LEADER:
            self.meet_followers()

    def meet_followers(self) -> None:
        """Keep a progress for every other member, and for no one else."""
        now = self.around.clock()
        for name in self.config:
            if name != self.name and name not in self.progress:
                self.progress[name] = Progress(next=self.journal.last_index + 1, heard_at=now)
        for name in set(self.progress) - set(self.config):
            del self.progress[name]

    def may_count(self, peer: str, identity: str, message: Message) -> bool:
        """Whether *peer* is the folder it was; an empty one under an old name has forgotten its
        votes and entries, and may neither vote nor count (the paper assumes stable storage)."""
        member = self.config.get(peer)
        if member is None:
            return True
        self._identities[peer] = identity
        if member.identity in {"", identity}:
            return True
        if self.state == RaftState.LEADER:
            self.send(peer, Stranger(self.term))
        return not isinstance(message, Vote | PreVoteReply | AppendReply)

    def newly_known(self) -> Configuration | None:
        """The configuration with the identity of a member that was heard for the first time."""
        for name in self._unknown:
            identity = self.identity if name == self.name else self._identities.get(name)
            if identity:
                return {**self.config, name: self.config[name]._replace(identity=identity)}
        return None

    def tell_removed(self, peer: str) -> None:
        """If this server leads and *peer* was removed by agreement, say so to it."""
        agreed = self.config_index <= self.commit_index
        if self.state == RaftState.LEADER and agreed and peer not in self.config:
            self.send(peer, Removed(self.term, self.config_index))

    def change(self, config: Configuration) -> bytes:
        """Return the command that makes *config* the configuration.

        Raises NotLeader, Unavailable while another change is under way, Conflict if this one is
        unsafe.
        """
        if self.state != RaftState.LEADER:
            raise NotLeader(self.leader)
        if self.commit_index < max(self.term_start, self.config_index):
            raise Unavailable("another change is not agreed on yet", remedy="try again in a moment")
        now = self.config
        touched = [name for name in {**now, **config} if now.get(name) != config.get(name)]
        if len(touched) != 1:
            raise Conflict(f"a change touches one server, not {len(touched)}")
        if len(config) > MEMBERS_MAX:
            raise Conflict(f"a cluster has at most {MEMBERS_MAX} servers")
        self._check_healthy([name for name, member in config.items() if member.votes])
        return bytes([Kind.MEMBERSHIP]) + encode_config(config)

    def _check_healthy(self, voters: list[str]) -> None:
        """Raise Conflict if a change would leave no majority of servers that answer."""
        if not voters:
            raise Conflict("the last voting server cannot be removed")
        healthy = self.heard_recently(self.settings.election_min_s) & set(voters)
        if 2 * len(healthy) <= len(voters):
            raise Conflict(
                f"only {len(healthy)} of the {len(voters)} voting servers would answer",
                remedy="start the others, or remove those that are gone first",
            )

    def may_campaign(self) -> bool:
        """Whether this server votes, or did until a change that is not agreed on (thesis 4.2.2)."""
        if self.name in self._voters:
            return True
        before = self.config_before(self.config_index).get(self.name)
        return self.config_index > self.commit_index and before is not None and before.votes

    def with_learner(self, name: str, address: str, client: str = "") -> Configuration:
        """The configuration with *name* as a learner. Raises Conflict if it is a member."""
        if name in self.config:
            raise Conflict(f"{name} is already a member", remedy="remove it first")
        return {**self.config, name: MemberRecord(address, votes=False, client=client)}

    def with_voter(self, name: str) -> Configuration:
        """The configuration with the learner *name* voting.

        Raises NotLeader, NotFound, or Conflict while it has not caught up.
        """
        if self.state != RaftState.LEADER:
            raise NotLeader(self.leader)
        if name not in self.config:
            raise NotFound(f"{name} is no member of this cluster", remedy="add it first")
        if self.config[name].votes:
            raise Conflict(f"{name} votes already")
        progress = self.progress.get(name)
        silent = self.around.clock() - self.settings.election_min_s
        if progress is None or progress.match == 0 or progress.heard_at < silent:
            raise Conflict(f"{name} does not answer", remedy="start it, or wait until it is here")
        behind = self.journal.last_index - progress.match
        if behind > LEARNER_LAG_ENTRIES_MAX:
            raise Conflict(f"{name} is {behind} entries behind", remedy="wait until it caught up")
        return {**self.config, name: self.config[name]._replace(votes=True)}

    def without(self, name: str) -> Configuration:
        """The configuration without *name*. Raises NotFound, or Conflict if it is unsafe."""
        if name not in self.config:
            raise NotFound(f"{name} is no member of this cluster")
        return {key: value for key, value in self.config.items() if key != name}
