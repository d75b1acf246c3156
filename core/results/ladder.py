"""The ladder: all strategies that are worth comparing on a data set, quickest first, as their sources have them."""

from core.catalog.strategies import LADDER, STRATEGIES
from core.config import TrainConfig, make_config
from core.data.manifest import Dataset
from core.errors import UserError


def rungs(kind: str | None) -> tuple[str, ...]:
    """The names of the strategies for a data set of this kind, "photo" or "drawing", where those for ink come first."""
    for_drawings = [row.name for row in STRATEGIES.values() if row.channels == 1]
    return (*for_drawings, *LADDER) if kind == "drawing" else LADDER


def plan(dataset: Dataset, backbone: str) -> tuple[list[TrainConfig], dict[str, UserError]]:
    """The trainings, quickest first, and why each strategy that cannot run is left out: {strategy: error}."""
    configs, left_out = [], {}
    for name in rungs(dataset.kind):
        try:
            configs.append(make_config(dataset, name, backbone=backbone))
        except UserError as error:
            left_out[name] = error
    return configs, left_out
