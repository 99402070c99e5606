"""The way from files to an app: read, parse, put variables in, merge, understand, check."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orb.errors import InvalidInput
from orb.manifest.app import as_label, check_dependencies, note_defaults, read_app
from orb.manifest.assemble import Assembly, Origin, folder_of
from orb.manifest.contents import Given
from orb.manifest.context import Context
from orb.manifest.diagnostics import Diagnostic, ManifestError, Place, Problems, Severity
from orb.manifest.dotenv import parse_dotenv
from orb.manifest.files import NAMES, STANDARD_INPUT, Files, manifest_in, overrides
from orb.manifest.interpolate import Substitution
from orb.manifest.merge import without_directives
from orb.manifest.nodes import MapNode, Node, Scalar
from orb.spec import DEFAULT_ENVIRONMENT, AppSpec
from orb.validate import findings

FALLBACK_NAME: Final = "app"
"""The name of an app whose folder's name has no letter or digit in it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An app, and what is to be said about it."""

    app: AppSpec
    warnings: tuple[Diagnostic, ...] = ()
    """What was written and has no effect, or another one than elsewhere."""
    notes: tuple[Diagnostic, ...] = ()
    """What was not written and counts all the same."""
    files: tuple[Path, ...] = ()
    """The manifests it was made of, the first one first."""
    given: Given = field(default_factory=lambda: Given(Problems(), Files(Problems())))
    """Its configs and secrets."""

    @property
    def contents(self) -> tuple[bytes, ...]:
        """What must go along with the app: the contents of its configs and secrets."""
        return tuple(self.given.contents.values())


def load(
    paths: Sequence[Path],
    *,
    environment: Mapping[str, str],
    project_name: str | None = None,
    profiles: Sequence[str] = (),
    target_environment: str = DEFAULT_ENVIRONMENT,
) -> Loaded:
    """The app that *paths* describe, the later ones on top of the earlier.

    A folder stands for the manifest in it, and no path at all for what COMPOSE_FILE lists, else for
    the current folder; `-` is the standard input. *environment* is that of the process: `$NAME`
    and names without a value come from there and from `.env`. Beside the first file an override
    for *target_environment* counts. The app is called *project_name*, else COMPOSE_PROJECT_NAME,
    else as the file says, else as its folder.
    Raises ManifestError with everything that is wrong in all of the files.
    """
    problems = Problems()
    files = Files(problems)
    paths = paths or _listed(environment, target_environment, files, problems)
    manifests = _manifests(paths, target_environment, problems)
    folder = folder_of(manifests[0])
    variables = _variables(folder, target_environment, environment, files, problems)
    assembly = Assembly(files, problems)
    documents = assembly.documents(manifests)
    if not documents and not problems.has_errors:
        problems.error(Place(str(manifests[0])), "the file is empty")
    name, assembly.name = _names(documents, variables, project_name, folder)
    variables = {"COMPOSE_PROJECT_NAME": name, **variables}
    root = _assembled(assembly, documents, Origin(folder, variables, (manifests[0].absolute(),)))
    given = Given(problems, files)
    context = Context(problems, files, folder.absolute(), variables, given)
    asked = (*profiles, *filter(None, variables.get("COMPOSE_PROFILES", "").split(",")))
    app = read_app(name, root, asked, context) if documents else None
    if app is not None:
        app = _checked(app, context)
    problems.raise_errors()
    if app is None:
        raise ManifestError([])
    warnings, notes = problems.of(Severity.WARNING), problems.of(Severity.NOTE)
    return Loaded(app, warnings, notes, manifests, given)


def _listed(
    environment: Mapping[str, str], target_environment: str, files: Files, problems: Problems
) -> tuple[Path, ...]:
    """The files that COMPOSE_FILE lists, in the environment or in `.env` of the current folder."""
    variables = _variables(Path(), target_environment, environment, files, problems)
    separator = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    listed = variables.get("COMPOSE_FILE", "").split(separator)
    return tuple(Path(path) for path in listed if path)


def _manifests(
    paths: Sequence[Path], target_environment: str, problems: Problems
) -> tuple[Path, ...]:
    """The files to read. Raises ManifestError if there are none."""
    found: list[Path] = []
    for path in paths or (Path(),):
        manifest = manifest_in(path) if path != STANDARD_INPUT and path.is_dir() else path
        if manifest is None:
            remedy = f"Name a file with -f, or create one of {', '.join(NAMES[:4])}."
            problems.error(Place(str(path)), "there is no manifest in this folder", remedy)
        else:
            found.append(manifest)
    problems.raise_errors()
    was_found = len(found) == 1 and tuple(found) != tuple(paths)
    more = overrides(found[0], target_environment, found=was_found)
    return tuple(dict.fromkeys((*found, *more)))


def _variables(
    folder: Path,
    target_environment: str,
    environment: Mapping[str, str],
    files: Files,
    problems: Problems,
) -> dict[str, str]:
    """`.env` beside the first file, `.env.<environment>` on top, and the process on top of both."""
    found: dict[str, str] = {}
    for path in (folder / ".env", folder / f".env.{target_environment}"):
        if path.is_file() and (text := files.read(path)) is not None:
            found.update(parse_dotenv(text, str(path), {**found, **environment}, problems))
    return {**found, **environment}


def _names(
    documents: Sequence[MapNode],
    variables: Mapping[str, str],
    project_name: str | None,
    folder: Path,
) -> tuple[str, str]:
    """The app's name, by Compose's precedence, and that of the one service of a short form."""
    written = _written_name(documents, variables)
    given = project_name or variables.get("COMPOSE_PROJECT_NAME")
    name = given or written or as_label(folder.absolute().name) or FALLBACK_NAME
    return name, written or name


def _written_name(documents: Sequence[MapNode], variables: Mapping[str, str]) -> str:
    for document in reversed(documents):
        for key in ("name", "application"):
            entry = document.entries.get(key)
            if entry is not None and isinstance(entry.node, Scalar) and entry.node.text:
                try:
                    return Substitution(variables).text(entry.node.text, entry.node.place)
                except InvalidInput:
                    # It is reported where the variables of the whole file are put in.
                    return entry.node.text
    return ""


def _assembled(assembly: Assembly, documents: Sequence[MapNode], origin: Origin) -> Node:
    """One tree of everything; the variables that are not set are said."""
    root = assembly.model(documents, origin)
    for unset, place in assembly.unset.items():
        message = f"the variable {unset} is not set: it counts as empty"
        assembly.problems.warn(place, message, f"Set it, or write `${{{unset}:-default}}`.")
    return (root and without_directives(root)) or MapNode(Place("."))


def _checked(app: AppSpec, context: Context) -> AppSpec:
    app = check_dependencies(app, context)
    for finding in findings(app):
        context.problems.error(context.place(finding.steps), finding.message, finding.remedy)
    note_defaults(app, context)
    return app
