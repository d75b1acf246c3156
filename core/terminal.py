"""Output of the command line: text or JSON, errors in one line, progress, and no control characters."""

import json
import re
from collections.abc import Iterable

import click

from core.data.encodings import readable
from core.errors import UserError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Commands(click.Group):
    """A group of commands that end with exit code 2 and one clear line if they raise a UserError."""

    def invoke(self, context: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(context)
        except UserError as error:
            click.echo(visible(f"Error: {error}"), err=True)
            context.exit(2)


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON value instead of text.")


def show(value: object, lines: Iterable[str], as_json: bool) -> None:
    """Print `value` as JSON, or the lines."""
    click.echo(readable(json.dumps(value, ensure_ascii=False)) if as_json else "\n".join(map(visible, lines)))


def visible(line: str) -> str:
    """Escape the control characters of a line, such as those in file names: the terminal would obey them."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], readable(line))


def stage(stage: str, share: float, done: int, total: int) -> None:
    """Show the progress of a check, over the line before."""
    click.echo(f"\r{share:4.0%}  {stage} {done} of {total}   ", nl=False, err=True)


def megabytes(done: int, total: int) -> None:
    """Show the progress of a download in bytes, over the line before."""
    click.echo(f"\r{done / 1e6:.0f} of {total / 1e6:.0f} MB", nl=done == total, err=True)
