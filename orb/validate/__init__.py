"""The rules and limits of a finished app, for `orbctl` and for the server that trusts nobody."""

from orb.validate.app import check, findings, show
from orb.validate.shapes import Finding, Steps

__all__ = ["Finding", "Steps", "check", "findings", "show"]
