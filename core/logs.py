"""Logging: one configuration for every process, quiet unless HANDFUL_LOG_LEVEL asks for more."""

import logging

from core import settings

FORMAT = "%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"
PACKAGES = ("core", "ui")
DEFAULT = logging.WARNING


def configure() -> None:
    """Log to standard error: Handful's messages from HANDFUL_LOG_LEVEL up, those of libraries from WARNING up."""
    logging.basicConfig(format=FORMAT, level=DEFAULT)
    # Dask sets the level of its own loggers when it is imported, here and in the workers.
    settings.set_defaults({"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning"})
    for package in PACKAGES:
        logging.getLogger(package).setLevel(level())
    wanted = settings.read().log_level
    if wanted not in logging.getLevelNamesMapping():
        logging.getLogger(__name__).warning("HANDFUL_LOG_LEVEL=%s is not a level: DEBUG, INFO, WARNING, ERROR", wanted)


def level() -> int:
    """Return the level named by HANDFUL_LOG_LEVEL, or WARNING if it is not a level."""
    return logging.getLevelNamesMapping().get(settings.read().log_level, DEFAULT)


def is_verbose() -> bool:
    """Return whether the user asked for details, such as TensorFlow's messages about processors and drivers."""
    return level() < DEFAULT
