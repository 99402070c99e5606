"""The rules and limits of a finished app, for `orbctl` and for the server that trusts nobody."""

from orb.validate.app import check, findings, show
from orb.validate.service import Finding, Steps, name_findings

__all__ = ["Finding", "Steps", "check", "findings", "name_findings", "show"]
