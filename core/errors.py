"""The one exception that is meant for a person's eyes."""

from collections.abc import Sequence
from pathlib import PurePath


class UserError(Exception):
    """Bad input or a bad moment, told so that a person can act on it.

    `template` says what is wrong, what was received and what to do, with `{named}` fields; it is also the message's key
    in the translation catalogue, so values stay apart from it. `details` are more sentences, as (template, values).
    `str(error)` is the English text.
    """

    def __init__(self, template: str, **values: object):
        # A path becomes text, so that a run's status can hold the values.
        values = {name: str(value) if isinstance(value, PurePath) else value for name, value in values.items()}
        super().__init__(template.format(**values))
        self.template = template
        self.values = values
        self.details: tuple[tuple[str, dict], ...] = ()

    def __str__(self) -> str:
        return " ".join([super().__str__(), *(template.format(**values) for template, values in self.details)])

    def with_details(self, details: Sequence[tuple[str, dict]]) -> "UserError":
        """The same error, followed by these sentences."""
        return _rebuild(self.template, self.values, (*self.details, *details))

    def __reduce__(self) -> tuple:
        return _rebuild, (self.template, self.values, self.details)


def _rebuild(template: str, values: dict, details: tuple[tuple[str, dict], ...]) -> UserError:
    # Exceptions pickle by positional arguments; workers send ours back with its named values.
    error = UserError(template, **values)
    error.details = details
    return error
