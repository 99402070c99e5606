"""What one release changes, a readable line for each difference."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Final

from orb.contents import Grant
from orb.spec import AppSpec, ServiceSpec

CHANGES_PER_RELEASE_MAX: Final = 100
"""Lines kept for a release; the last one counts the rest."""
CHANGE_CHARACTERS_MAX: Final = 200
"""The longest line; a longer one is cut."""

_FILES: Final = "files"
_PREFIXES: Final = (f"task.container.{_FILES}.", "task.container.", "task.")
_VARIABLE: Final = "environment."
"""Values of variables may be passwords: only that they changed is said."""


def changes(old: AppSpec | None, new: AppSpec) -> tuple[str, ...]:
    """What *new* changes in *old* (None: there was nothing), in the order of names."""
    lines = [line[:CHANGE_CHARACTERS_MAX] for line in _lines(old, new)]
    more = len(lines) - CHANGES_PER_RELEASE_MAX
    if more <= 0:
        return tuple(lines)
    return (*lines[: CHANGES_PER_RELEASE_MAX - 1], f"… and {more + 1} more changes")


def same(old: AppSpec, new: AppSpec) -> bool:
    """Whether both want the same, in whatever order they name it."""
    return by_name(old) == by_name(new) and _others(old) == _others(new)


def by_name(spec: AppSpec) -> dict[str, ServiceSpec]:
    """The services of the app by their names."""
    return {service.name: service for service in spec.services}


def _others(spec: AppSpec) -> dict[str, object]:
    """What the app names beside its services."""
    return {
        f"{kind} {one.name}": one
        for kind, named in (
            ("volume", spec.volumes),
            ("config", spec.configs),
            ("secret", spec.secrets),
        )
        for one in named
    }


def _lines(old: AppSpec | None, new: AppSpec) -> Iterator[str]:
    before = by_name(old) if old is not None else {}
    after = by_name(new)
    for name in sorted({**before, **after}):
        yield from _of_service(name, before.get(name), after.get(name))
    others_before = _others(old) if old is not None else {}
    others_after = _others(new)
    for name in sorted({**others_before, **others_after}):
        yield from _of_leaf(f"{name}:", others_before.get(name), others_after.get(name))


def _of_service(name: str, old: ServiceSpec | None, new: ServiceSpec | None) -> Iterator[str]:
    if old is None and new is not None:
        many = "one on every node," if new.is_global else f"{new.replicas} x"
        yield f"{name}: added, {many} {new.task.container.image}"
    elif new is None:
        yield f"{name}: removed"
    else:
        for path, before, after in _leaves("", old, new):
            yield from _of_leaf(f"{name}: {_short(path)}", before, after)


def _leaves(path: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    """Every place where the two differ, by its path."""
    if old == new:
        return
    if is_dataclass(new) and type(old) is type(new) and not isinstance(new, Grant):
        for field in fields(new):
            before, after = getattr(old, field.name), getattr(new, field.name)
            if field.name == _FILES:
                before, after = _by_place(before), _by_place(after)
            yield from _leaves(f"{path}.{field.name}".lstrip("."), before, after)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({**old, **new}):
            yield from _leaves(f"{path}.{key}", old.get(key), new.get(key))
    else:
        yield path, old, new


def _by_place(files: tuple[Grant, ...]) -> dict[str, Grant]:
    return {f"{one.kind.word} {one.name} at {one.target}": one for one in files}


def _of_leaf(where: str, old: object, new: object) -> Iterator[str]:
    if old == new:
        return
    if _VARIABLE in where or is_dataclass(old) or is_dataclass(new):
        verb = "added" if old is None else "removed" if new is None else "changed"
        yield f"{where} {verb}"
    else:
        yield f"{where} {_text(old)} -> {_text(new)}"


def _short(path: str) -> str:
    for prefix in _PREFIXES:
        if path.startswith(prefix):
            return path.removeprefix(prefix)
    return path


def _text(value: object) -> str:
    match value:
        case None | "" | ():
            return "(none)"
        case tuple():
            return ", ".join(_text(item) for item in value)
        case _ if is_dataclass(value):
            return type(value).__name__.lower()
        case _:
            return getattr(value, "name", str(value)).lower() if _is_enum(value) else str(value)


def _is_enum(value: object) -> bool:
    return hasattr(type(value), "__members__")
