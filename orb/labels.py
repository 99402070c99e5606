"""What a label of a node may be called, and say: what a constraint can ask for."""

from typing import Final

from orb.errors import InvalidInput

LABEL_CHARACTERS_MAX: Final = 253
"""The longest key or value of a label; a longer one is refused."""
_SIGNS: Final = "-_./"


def is_label_key(key: str) -> bool:
    """Whether a label may be called so: letters, digits and `-_./`."""
    return 0 < len(key) <= LABEL_CHARACTERS_MAX and all(
        character.isalnum() or character in _SIGNS for character in key
    )


def check_label(key: str, value: str) -> None:
    """Raises InvalidInput for a key or a value that no constraint could ask for."""
    if not is_label_key(key):
        raise InvalidInput(
            f"{_short(key)} cannot be the key of a label: it has 1 to {LABEL_CHARACTERS_MAX} "
            "letters, digits and -_./",
            remedy="write it like disk=ssd or example.com/rack=r1",
        )
    if len(value) > LABEL_CHARACTERS_MAX or not value.isprintable() or value != value.strip():
        raise InvalidInput(
            f"{_short(value)} cannot be the value of the label {key}: it has at most "
            f"{LABEL_CHARACTERS_MAX} characters, all of them visible, and no space at its ends"
        )


def _short(text: str) -> str:
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}…"
