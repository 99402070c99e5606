"""How long a verb stays: `--timeout 90s`."""

from typing import Final

import click

from cli.words import parse_duration
from orb.errors import InvalidInput

PATIENCE: Final = "10m"


class Duration(click.ParamType[float]):
    """A length of time as people write it; seconds for the program."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds; a usage error for what is no length of time."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value)) / 1000
        except InvalidInput as error:
            self.fail(str(error.message), param, ctx)


timeout_option = click.option(
    "--timeout",
    type=Duration(),
    default=PATIENCE,
    show_default=True,
    help="How long to wait; then exit with 3 while it goes on.",
)
