"""Manifests from text, for tests: the file is called compose.yaml."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from orb.manifest import Loaded, ManifestError, load
from orb.spec import ServiceSpec


def loaded(folder: Path, text: str | bytes, variables: Mapping[str, str] | None = None) -> Loaded:
    """What *text* means."""
    path = folder / "compose.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load([path], environment=variables or {})


def service_of(folder: Path, body: str, variables: Mapping[str, str] | None = None) -> ServiceSpec:
    """The one service `web`, of image `web:1` unless *body* says otherwise."""
    image = "" if "image:" in body else "    image: web:1\n"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"services:\n  web:\n{image}{lines}volumes: {{data: {{}}}}\nnetworks: {{front: {{}}}}\n"
    return loaded(folder, text, variables).app.services[0]


def refusal(folder: Path, text: str | bytes, variables: Mapping[str, str] | None = None) -> str:
    """Why *text* is refused, with the folder's name left out."""
    with pytest.raises(ManifestError) as caught:
        loaded(folder, text, variables)
    return str(caught.value).replace(f"{folder}/", "")


def warnings_of(folder: Path, text: str, variables: Mapping[str, str] | None = None) -> list[str]:
    """What is said about *text*, with the folder's name left out."""
    found = loaded(folder, text, variables).warnings
    return [str(each).replace(f"{folder}/", "") for each in found]
