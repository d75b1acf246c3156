"""The exception whose message is shown to users."""

from collections.abc import Sequence
from pathlib import PurePath


class UserError(Exception):
    """Bad input or a failure that the user can do something about. `str(error)` is the English text.

    Attributes:
        template: What is wrong, what was received and what to do, with `{named}` fields. It is also the message's key
            in the translation catalogue, so it holds no values.
        values: The values of the fields.
        details: Further sentences, as (template, values).
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
        """Return the same error with further sentences, as (template, values)."""
        return _rebuild(self.template, self.values, (*self.details, *details))

    def __reduce__(self) -> tuple:
        return _rebuild, (self.template, self.values, self.details)


def _rebuild(template: str, values: dict, details: tuple[tuple[str, dict], ...]) -> UserError:
    # Exceptions pickle by positional arguments; workers send ours back with its named values.
    error = UserError(template, **values)
    error.details = details
    return error
