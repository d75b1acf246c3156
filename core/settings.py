"""Environment variables: those that Handful reads, and those that it sets for its libraries.

They are read on each call, not at import, so that a variable that is set later still counts.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The environment variables that change what Handful does.

    Attributes:
        home: HANDFUL_HOME, the folder that holds `data/` and `weights/`; None if it is not set.
        scheduler_address: DASK_SCHEDULER_ADDRESS, the Dask cluster that does the work; empty for local workers.
        log_level: HANDFUL_LOG_LEVEL, the lowest level that is logged: DEBUG, INFO, WARNING or ERROR.
        onednn: Whether TensorFlow may use oneDNN, that is, TF_ENABLE_ONEDNN_OPTS is not 0.
    """

    home: str | None = None
    scheduler_address: str = ""
    log_level: str = "WARNING"
    onednn: bool = True


def read() -> Settings:
    """Return the current settings."""
    return Settings(
        home=os.environ.get("HANDFUL_HOME"),
        scheduler_address=os.environ.get("DASK_SCHEDULER_ADDRESS", ""),
        log_level=os.environ.get("HANDFUL_LOG_LEVEL", "").strip().upper() or "WARNING",
        onednn=os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0",
    )


def set_defaults(variables: Mapping[str, str]) -> None:
    """Set environment variables for this process and its children, except those that are set already."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def environment(**variables: str) -> dict[str, str]:
    """Return a copy of the environment with some variables changed, for a child process."""
    return os.environ | variables
