"""What more pixels give where photos are few: a linear classifier on EfficientNet-Lite0's features, in several sizes.

Features come in several number formats, too. Each figure is the mean of repeated random splits, with its standard
error; the same splits for every size and format.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit

from benchmarks import machine

SIZES = (192, 256, 320, 384)  # pixels
TAUGHT = (10, 50, 100)  # photos of each class
SPLITS = 20
MOST = 150  # photos of each class that are looked at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", nargs="+", type=Path, default=[machine.SHARED / d for d in ("cats_vs_dogs", "flowers")]
    )
    parser.add_argument("--dtypes", nargs="+", default=["float32", "mixed_bfloat16"], help="Keras' dtype policies.")
    options = parser.parse_args()
    print(machine.describe(), flush=True)
    for folder in options.data:
        with machine.fresh_home():
            measure(folder, options.dtypes)


def measure(folder: Path, dtypes: list[str]) -> None:
    from core.config import make_config
    from core.data import arrays, importing
    from core.learn import features

    dataset = importing.folder_as_dataset(folder)
    for size in SIZES:
        config = make_config(dataset, "bottleneck", {"image_size": size})
        images, labels, _ = arrays.decoded(dataset, config.kind, size, 3)
        some = np.concatenate([np.flatnonzero(labels == label)[:MOST] for label in np.unique(labels)])
        for dtype in dtypes:
            frozen = features.FeatureExtractor(config, lambda: None)
            frozen.dtype = dtype
            batches = np.array_split(some, -(-len(some) // features.BATCH))
            described = np.concatenate([frozen(images[rows])["features"] for rows in batches]).astype(np.float32)
            said = [f"{n} a class {right(described, labels[some], n)}" for n in TAUGHT]
            print(f"{folder.name}, {size} px, {dtype}: {'; '.join(said)}", flush=True)


def right(described: np.ndarray, labels: np.ndarray, each: int) -> str:
    """The share of the other photos that is recognised after `each` of every class."""
    split = StratifiedShuffleSplit(SPLITS, train_size=each * len(np.unique(labels)), random_state=0)
    shares = []
    for taught, asked in split.split(described, labels):
        middle, spread = described[taught].mean(axis=0), described[taught].std(axis=0).mean()
        scaled = (described - middle) / spread
        model = LogisticRegression(C=0.01, max_iter=300).fit(scaled[taught], labels[taught])
        shares.append(model.score(scaled[asked], labels[asked]))
    return f"{np.mean(shares):.4f} ± {np.std(shares) / SPLITS**0.5:.4f}"


if __name__ == "__main__":
    main()
