"""From Compose text to specs, with file:line:column for everything that is wrong."""

from orb.manifest.diagnostics import Diagnostic, ManifestError, Place, Severity
from orb.manifest.load import Loaded, load
from orb.manifest.render import render

__all__ = ["Diagnostic", "Loaded", "ManifestError", "Place", "Severity", "load", "render"]
