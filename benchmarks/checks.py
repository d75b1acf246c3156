"""Data-set checks: what they find of planted problems, beside CleanVision in time, and how time and memory grow.

Copies of the cats and dogs and of the flowers get known problems (benchmarks/planted.py), drawn from a seed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks import machine, planted, scenes

COUNTS = (5_000, 10_000, 25_000)
SCENES = 500
TOP = 10, 50  # labels that are told first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=machine.SHARED)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=("found", "labels", "speed", "growth"), help="By default all four.")
    options = parser.parse_args()
    print(machine.describe())
    with machine.fresh_home():
        for name, part in {"found": found, "labels": labels, "speed": speed, "growth": growth}.items():
            if options.part in (None, name):
                part(options.data, options.seed)


def look(folder: Path):
    """Everything but what needs features: the report, and the names it was told of."""
    from core.checks import check, sources

    with sources.opened(str(folder)) as opened:
        return check.check_images(opened, {}, lambda *progress: None).report


def cases(report, *checks: str) -> list[frozenset[str]]:
    """The names of the images in each case of these checks."""
    return [
        frozenset(image.name for image in case.images)
        for finding in report.findings if finding.check in checks for case in finding.cases
    ]  # fmt: skip


def found(data: Path, seed: int) -> None:
    for name in ("cats_vs_dogs", "flowers"):
        rng = np.random.default_rng(seed)
        untouched = look(data / name)
        print(f"{name}, untouched: " + (", ".join(f"{f.check} {len(f.cases)}" for f in untouched.findings) or "-"))
        with tempfile.TemporaryDirectory() as temporary:
            _copies(data / name, Path(temporary), cases(untouched, "near_duplicates", "leaks", "two_labels"), rng)
        for clue, change in {
            "red border of 6 px on one class": lambda image: ImageOps.expand(
                image.crop((6, 6, image.width - 6, image.height - 6)), 6, "red"
            ),
            "one class at 3/4 of its size": lambda image: image.resize((image.width * 3 // 4, image.height * 3 // 4)),
            "one class at 200 x 200 px": lambda image: image.resize((200, 200)),
        }.items():
            with tempfile.TemporaryDirectory() as temporary:
                names = planted.linked(data / name, Path(temporary))
                label = Path(names[0]).parent.name
                planted.changed(Path(temporary), [n for n in names if Path(n).parent.name == label], change)
                told = [f for f in look(Path(temporary)).findings if f.check in ("shortcuts", "light_and_colour")]
                notes = [case.about.replace("\t", " of ") for f in told for case in f.cases]
                print(f"{name}, {clue}: " + (", ".join(notes) or "nothing found"))
    _scenes(seed)


def _scenes(seed: int) -> None:
    """Different things on one sheet of paper, of which no two are copies."""
    with tempfile.TemporaryDirectory() as temporary:
        for number, photo in enumerate(scenes.photos(SCENES, np.random.default_rng(seed))):
            path = Path(temporary) / ("train", "test")[number % 2] / ("a", "b")[number // 2 % 2] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            photo.save(path, quality=90)
        start = time.perf_counter()
        told = cases(look(Path(temporary)), "near_duplicates", "leaks", "two_labels")
        print(f"{SCENES} different scenes on one sheet of paper: {len(told)} told as nearly the same, "
              f"{time.perf_counter() - start:.1f} s")  # fmt: skip


def _copies(folder: Path, copy: Path, known: list[frozenset[str]], rng: np.random.Generator) -> None:
    names = planted.linked(folder, copy)
    drawn = [str(name) for name in rng.permutation(names)]
    split = len(Path(names[0]).parts) > 2
    broken, twice, leaked, mislabelled, rest = drawn[:20], drawn[20:40], drawn[40:60], drawn[60:80], drawn[80:]
    classes = sorted({Path(name).parent.name for name in names})

    def elsewhere(name: str, part: int, others: list[str]) -> str:
        parts = list(Path(name).parts)
        parts[part] = next(other for other in others if other != parts[part])
        return "/".join([*parts[:-1], f"copy_{parts[-1]}"])

    exact = [(name, str(Path(name).with_name(f"copy_{Path(name).name}"))) for name in twice]
    leaks = [(name, elsewhere(name, 0, ["test", "train"])) for name in leaked] if split else []
    two = [(name, elsewhere(name, -2, classes)) for name in mislabelled]
    planted.cut_off(copy, broken, rng)
    planted.exact_copies(copy, exact + leaks + two)
    per_kind = len(rest) // (2 * len(planted.NEAR))
    near = planted.near_copies(copy, rest, min(per_kind, 60), rng)

    report = look(copy)
    for what, wanted, check in (
        ("unreadable", [frozenset([name]) for name in broken], "unreadable"),
        ("exact duplicates", [frozenset(pair) for pair in exact], "duplicates"),
        ("leaks", [frozenset(pair) for pair in leaks], "leaks"),
        ("two labels", [frozenset(pair) for pair in two], "two_labels"),
    ):
        hits = sum(any(one <= other for other in cases(report, check)) for one in wanted)
        print(f"{folder.name}, {what}: {hits} of {len(wanted)} found")
    told = [case for case in cases(report, "near_duplicates", "leaks", "two_labels")
            if not any(frozenset(pair) <= case for pair in exact + leaks + two)]  # fmt: skip
    right = [case for case in told if _is_planted(case, near) or any(one <= case for one in known)]
    hits = Counter(kind for name, (original, kind) in near.items() if any({name, original} <= case for case in told))
    wanted = Counter(kind for _, kind in near.values())
    print(
        f"{folder.name}, near duplicates: recall {hits.total() / len(near):.3f} of {len(near)}, "
        f"precision {len(right) / max(1, len(told)):.3f} of {len(told)} groups told"
    )
    print("  " + ", ".join(f"{kind} {hits[kind]}/{wanted[kind]}" for kind in planted.NEAR))


def _is_planted(case: frozenset[str], near: dict[str, tuple[str, str]]) -> bool:
    """Whether all images of a case are one original and its copies."""
    return len({near[name][0] if name in near else name for name in case}) == 1


def labels(data: Path, seed: int) -> None:
    from core.checks import check, sources
    from core.learn import check_job

    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = planted.linked(data / "cats_vs_dogs", folder)
        flipped = {str(name) for name in rng.choice(names, len(names) // 20, replace=False)}
        moved = set()
        for name in flipped:
            other = name.replace("/cats/", "/dogs/") if "/cats/" in name else name.replace("/dogs/", "/cats/")
            (folder / name).rename(folder / other)
            moved.add(other)
        start = time.perf_counter()
        with sources.opened(str(folder)) as opened:
            image_checks = check.check_images(opened, {}, lambda *progress: None)
            before = time.perf_counter()
            report = check_job.with_labels(image_checks, lambda *progress: None)
        seconds = time.perf_counter()
        right = np.array([case <= moved for case in cases(report, "labels")])  # the surest first
        first = {"all": len(right), "the first half": len(right) // 2} | {f"the first {top}": top for top in TOP}
        print(
            f"cats_vs_dogs, 5% of labels flipped: {len(right)} told, recall {right.sum() / len(moved):.3f} of "
            f"{len(moved)}, precision " + ", ".join(f"{right[:n].mean():.3f} of {what}" for what, n in first.items())
            + f"; labels took {seconds - before:.0f} s of {seconds - start:.0f} s"
        )  # fmt: skip
    for name in ("cats_vs_dogs", "flowers"):
        with sources.opened(str(data / name)) as opened:
            image_checks = check.check_images(opened, {}, lambda *progress: None)
            report = check_job.with_labels(image_checks, lambda *progress: None)
        print(f"{name}, untouched: {len(cases(report, 'labels'))} labels doubted, {len(cases(report, 'outliers'))} "
              f"outliers of {report.images} images")  # fmt: skip


_PEER = """
import sys, time
from cleanvision import Imagelab
start = time.perf_counter()
Imagelab(data_path=sys.argv[1]).find_issues(verbose=False)
print(time.perf_counter() - start)
"""
_OURS = """
import sys, time, json, re, pathlib
from core.checks import check, sources
start = time.perf_counter()
with sources.opened(sys.argv[1]) as opened:
    report = check.check_images(opened, {}, lambda *progress: None).report
seconds = time.perf_counter() - start
kilobytes = int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
print(json.dumps([seconds, kilobytes / 1024, report.images]))
"""


def _fresh(script: str, folder: Path) -> str:
    """The last line that a script prints in a process of its own."""
    command = [sys.executable, "-c", script, str(folder)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return output.splitlines()[-1]


def speed(data: Path, seed: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        for split in ("train", "validation"):
            planted.linked(data / "cats_vs_dogs" / split, Path(temporary) / split)
        ours, theirs = [], []
        for _ in range(3):
            ours.append(json.loads(_fresh(_OURS, Path(temporary)))[0])
            theirs.append(float(_fresh(_PEER, Path(temporary))))
    print(f"2,800 photos, three runs in turn: all checks but labels {_list(ours)} s; CleanVision's nine "
          f"{_list(theirs)} s; {np.median(theirs) / np.median(ours):.1f} times as fast (medians)")  # fmt: skip


def growth(data: Path, seed: int) -> None:
    """Links to the photos, over and over; each file is read and measured, though many show the same."""
    originals = sorted((data / "cats_vs_dogs").rglob("*.jpg"))
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as temporary:
            for number in range(count):
                original = originals[number % len(originals)]
                path = Path(temporary) / original.parent.name / f"{number}.jpg"
                path.parent.mkdir(exist_ok=True)
                path.symlink_to(original)
            seconds, megabytes, images = json.loads(_fresh(_OURS, Path(temporary)))
        print(f"{images:,} images: {seconds:.1f} s, {1000 * seconds / images:.2f} ms an image, {megabytes:.0f} MiB")
    _distinct(originals, seed)


def _distinct(originals: list[Path], seed: int) -> None:
    """The search for near duplicates alone, among pictures that all differ: random parts of the photos."""
    from core.checks import check, similar
    from core.checks.measures import THUMB
    from core.data import images

    rng, parts = np.random.default_rng(seed), []
    for number in range(max(COUNTS)):
        if number < len(originals):
            parts.append([])
        picture = Image.fromarray(images.decode(originals[number % len(originals)], THUMB * 4)).convert("L")
        width, height = (int(side * rng.uniform(0.3, 0.6)) for side in picture.size)
        left, top = rng.integers(0, picture.width - width), rng.integers(0, picture.height - height)
        part = picture.crop((left, top, left + width, top + height)).resize((THUMB, THUMB), Image.Resampling.BOX)
        parts[number % len(originals)].append(np.asarray(part))
    thumbs = np.stack([part for group in parts for part in group])[rng.permutation(max(COUNTS))]
    for count in COUNTS:
        start = time.perf_counter()
        pairs, *_ = similar.near_pairs(thumbs[:count], on_progress=lambda *progress: None, **check.NEAR["photo"])
        seconds = time.perf_counter() - start
        print(f"near duplicates among {count:,} different pictures: {seconds:.1f} s, {1000 * seconds / count:.2f} ms "
              f"a picture, {len(pairs)} pairs")  # fmt: skip


def _list(seconds: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in seconds)


if __name__ == "__main__":
    main()
