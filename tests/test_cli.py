"""The verbs on the command line, as a person types them."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

import core.__main__ as cli
from core.__main__ import main
from core.catalog import weights
from core.catalog.backbones import BACKBONES
from core.catalog.strategies import STRATEGIES
from core.data import builtin, datasets
from core.data.synthetic_shapes import generate
from core.results import ladder, runs
from core.storage import workspace


@pytest.fixture
def run():
    """run("datasets", "--json") -> (exit code, output)."""

    def invoke(*arguments):
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return invoke


@pytest.fixture
def shapes_folder(tmp_path):
    """A folder of two class folders with eight drawings each."""
    for number, (label, image) in enumerate(generate(8, 1)):
        if label != "circle":
            path = tmp_path / "hand drawn" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path / "hand drawn"


def test_import_reports_what_it_left_out(run, shapes_folder, monkeypatch):
    monkeypatch.setattr(builtin, "NAMES", ())  # nothing is drawn
    (shapes_folder / "triangle" / "notes.txt").write_text("remember the milk")
    code, output = run("import", shapes_folder, "--name", "mine", "--json")
    value = json.loads(output)
    assert code == 0
    assert value["added"] == 16
    assert value["skipped"][0]["file"] == "triangle/notes.txt"
    code, output = run("datasets", "--json")
    row = next(row for row in json.loads(output) if row["name"] == "mine")
    assert row == {"name": "mine", "kind": "drawing", "read_only": False, "classes": {"rectangle": 8, "triangle": 8}}


def test_a_damaged_data_set_is_listed_and_the_bin_is_emptied(run, monkeypatch):
    monkeypatch.setattr(builtin, "NAMES", ())  # nothing is drawn
    for name in ("broken", "gone", "good"):
        datasets.create(name, "photo")
    datasets.delete("gone")
    path = datasets.load("broken").folder / "manifest.json"
    path.write_bytes(b"")
    code, output = run("datasets")
    assert code == 0
    assert "broken  unreadable  The data set 'broken' cannot be read" in output
    assert "good  photos" in output
    code, output = run("datasets", "--json")
    assert [row["name"] for row in json.loads(output)] == ["broken", "good"]
    assert run("purge") == (0, "")
    assert datasets.list_deleted() == []


@pytest.mark.parametrize("command", ["datasets", "runs", "purge"])
def test_an_empty_home_is_one_line(run, monkeypatch, command):
    monkeypatch.setenv("HANDFUL_HOME", "")
    code, output = run(command)
    assert code == 2
    assert output.startswith("Error: HANDFUL_HOME is empty.")
    assert output.count("\n") == 1


def test_an_empty_set_has_no_images(run, monkeypatch):
    monkeypatch.setattr(builtin, "NAMES", ())  # making them takes seconds
    datasets.create("nothing yet")
    assert run("datasets")[1].strip() == "nothing yet  0 images"


def test_names_in_another_encoding_are_told_and_printed_without_control_characters(run, shapes_folder):
    odd = shapes_folder / os.fsdecode(b"triangle/caf\xe9\x1b[31m.png")
    odd.write_bytes(next((shapes_folder / "triangle").iterdir()).read_bytes())
    code, output = run("import", shapes_folder, "--name", "mine")
    assert code == 0
    assert "skipped triangle/café\\x1b[31m.png: Its name has control characters (U+001B)" in output


def test_what_an_import_wants_to_be_known_is_printed(run, zipped, class_files):
    files = {f"train/{path}": content for path, content in class_files({"cats": 5, "dogs": 5}).items()}
    files |= {f"test/{path}": content for path, content in class_files({"cats": 5, "birds": 5}, seed=1).items()}
    assert "note: These classes have no training images: birds." in run("import", zipped(files), "--name", "a")[1]
    [note] = json.loads(run("import", zipped(files), "--name", "b", "--json")[1])["notes"]
    assert note.startswith("These classes have no training images: birds.")


@pytest.mark.slow
def test_train_predict_evaluate_and_the_cache(run, shapes_folder):
    train = ("train", "--dataset", shapes_folder, "--strategy", "shapes_cnn", "--set", "epochs=3")
    code, output = run(*train, "--json")
    first = json.loads(output)
    assert code == 0
    assert first["cached"] is False
    assert first["classes"] == ["rectangle", "triangle"]
    code, output = run(*train)
    assert output.startswith(f"{first['key']} cached")
    # Equal settings, written differently.
    assert json.loads(run(*train[:-1], "epochs=3.0", "--seed", "0", "--json")[1])["cached"] is True

    images = sorted((shapes_folder / "triangle").iterdir())[:2]
    rows = json.loads(run("predict", first["key"], *images, "--json")[1])
    assert [row["image"] for row in rows] == [str(path) for path in images]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-4)

    (shapes_folder / "triangle" / "broken.png").write_bytes(b"not an image")
    (shapes_folder / "triangle" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + images[0].read_bytes())
    (shapes_folder / "stray.png").write_bytes(images[0].read_bytes())
    mixed = (images[0], shapes_folder / "triangle" / "broken.png", images[1])
    rows = json.loads(run("predict", first["key"], *mixed, "--json")[1])
    assert [row["image"] for row in rows] == [str(path) for path in mixed]
    assert ["answer" in row for row in rows] == [True, False, True]
    assert "is text, not an image" in rows[1]["skipped"]
    code, output = run("predict", first["key"], *mixed)
    assert (code, f"skipped {mixed[1]}: " in output) == (0, True)
    code, output = run("predict", first["key"], mixed[1], "nothing.png")
    assert code == 2
    assert "broken.png' was left out" in output
    assert "There is no file 'nothing.png'" in output
    code, output = run("predict", first["key"], mixed[1], "--json")
    assert (code, len(json.loads(output))) == (2, 1)
    scores = json.loads(run("evaluate", first["key"][:8], shapes_folder, "--json")[1])
    assert scores["n"] == 16
    assert sum(map(sum, scores["confusion"])) == 16
    skipped = {row["file"]: row["reason"] for row in scores["skipped"]}
    assert set(skipped) == {
        f"{shapes_folder}/{name}" for name in ("triangle/broken.png", "triangle/phone.heic", "stray.png")
    }
    assert "HEIC photos cannot be read" in skipped[f"{shapes_folder}/triangle/phone.heic"]
    code, output = run("runs", "--json")
    assert [row["key"] for row in json.loads(output)] == [first["key"]]


@pytest.fixture
def photos_folder(tmp_path, class_files):
    """A folder of two class folders with six photos each."""
    for name, content in class_files({"cats": 6, "dogs": 6}).items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "pets"


@pytest.mark.slow
def test_the_ladder_is_climbed_and_its_runs_predict(run, photos_folder, monkeypatch):
    monkeypatch.setattr(ladder, "LADDER", ("bottleneck", "fine_tuning"))
    code, output = run("ladder", "--dataset", photos_folder)
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == ["bottleneck", "fine_tuning"]
    assert all("validation accuracy" in line for line in output.splitlines())

    rows = json.loads(run("ladder", "--dataset", photos_folder, "--json")[1])
    assert [(row["strategy"], row["state"], row["cached"]) for row in rows] == [
        ("bottleneck", "done", True), ("fine_tuning", "done", True),
    ]  # fmt: skip
    for row in rows:
        assert row["backbone"] == "efficientnet_lite0"
        photo = next((photos_folder / "cats").iterdir())
        [answer] = json.loads(run("predict", row["key"], photo, "--json")[1])
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert json.loads(run("evaluate", row["key"], photos_folder, "--json")[1])["n"] == 12


def test_the_ladder_tells_what_it_leaves_out_and_what_failed(run, photos_folder, monkeypatch):
    def fail(asked):
        runs.job(asked.key).set_state("failed", message="Not with {number} images.", values={"number": 12})
        return runs.find(asked.key)

    monkeypatch.setattr(cli, "_trained", fail)
    code, output = run("ladder", "--dataset", photos_folder, "--backbone", "vgg16")
    lines = [line.split(maxsplit=1) for line in output.splitlines()]
    assert code == 1
    assert tuple(name for name, _ in lines[:4]) == tuple(n for n in ladder.LADDER if STRATEGIES[n].pretrained)
    assert all(said.startswith("left out  The ImageNet weights of VGG16 are missing.") for _, said in lines[:4])
    assert [name for name, _ in lines[4:]] == ["small_cnn", "full_training"]
    assert all(said == "failed  Not with 12 images." for _, said in lines[4:])
    code, output = run("ladder", "--dataset", photos_folder, "--backbone", "vgg16", "--json")
    assert code == 1
    assert [row["state"] for row in json.loads(output)] == ["left out"] * 4 + ["failed"] * 2


def test_weights_lists_each_network_with_where_it_comes_from(run):
    code, output = run("weights", "--json")
    rows = {row["name"]: row for row in json.loads(output)}
    assert code == 0
    assert list(rows) == list(BACKBONES)
    ready, missing = rows["efficientnet_lite0"], rows["vgg16"]
    assert (ready["state"], ready["where"]) == ("ready", "package")
    assert f"sha256:{ready['sha256']}" == BACKBONES["efficientnet_lite0"].weights_hash
    assert (missing["state"], missing["sha256"]) == ("missing", "")
    assert missing["source"] == BACKBONES["vgg16"].weights_url
    assert missing["path"] == str(workspace.pretrained() / BACKBONES["vgg16"].weights_file)
    lines = run("weights")[1].splitlines()
    assert len(lines) == len(BACKBONES)
    assert lines[1].split()[:2] == ["vgg16", "missing"]
    assert missing["source"] in lines[1]


def test_an_unknown_file_is_accepted_when_asked(run):
    path = workspace.pretrained() / BACKBONES["vgg16"].weights_file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's weights")
    assert weights.status("vgg16").state == "unknown"
    code, output = run("weights", "--accept", "vgg16", "--json")
    assert code == 0
    assert json.loads(output)[1]["state"] == "ready"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--dataset", "nowhere", "--strategy", "shapes_cnn"), "There is no data set 'nowhere'"),
        (("train", "--dataset", "shapes", "--strategy", "magic"), "There is no strategy 'magic'. Choose one of"),
        (("train", "--dataset", "F", "--strategy", "shapes_cnn", "--set", "epochs"), "--set needs NAME=VALUE"),
        (("train", "--dataset", "F", "--strategy", "shapes_cnn", "--set", "epochs=0"), "'epochs' must lie between"),
        (("train", "--dataset", "F", "--strategy", "shapes_cnn", "--set", "zap=1"), "has no setting 'zap'"),
        (("predict", "0123", "x.png"), "0 runs have a key that starts with '0123'"),
        (("predict", "../etc", "x.png"), "'../etc' is not a run's key"),
        (("evaluate", "0123", "F"), "0 runs have a key"),
        (("train", "--dataset", "F", "--strategy", "bottleneck", "--set", "backbone=vgg16"), "VGG16 are missing"),
        (("train", "--dataset", "F", "--strategy", "bottleneck", "--set", "backbone=x"), "'backbone' must be one of"),
        (("ladder", "--dataset", "nowhere"), "There is no data set 'nowhere'"),
        (("ladder", "--dataset", "F", "--backbone", "vgg61"), "There is no network 'vgg61'. Choose one of"),
        (("weights", "--download", "vgg61"), "There is no network 'vgg61'. Choose one of"),
        (("weights", "--accept", "vgg16"), "The ImageNet weights of VGG16 are missing"),
        (("check", "nowhere"), "There is no data set 'nowhere'"),
        (("import", "nothing.zip", "--name", "x"), "nothing.zip"),
        (("import", "F", "--name", "../x"), "The data set name"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, shapes_folder, arguments, said):
    code, output = run(*(shapes_folder if argument == "F" else argument for argument in arguments))
    assert code == 2
    assert said in output
    assert len(output.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_module_runs_without_streamlit_or_tensorflow_until_it_needs_them(home):
    script = (
        "import sys; from core.__main__ import main\n"
        "try: main(['runs', '--json'])\nexcept SystemExit: pass\n"
        "print(sorted({'streamlit', 'tensorflow', 'keras', 'distributed'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output.splitlines() == ["[]", "[]"]


@pytest.mark.slow
def test_check_tells_of_a_folder_and_of_a_data_set(run, photos_folder, tmp_path):
    path = next((photos_folder / "cats").iterdir())
    (photos_folder / "dogs" / "copy.png").write_bytes(path.read_bytes())
    code, output = run("check", photos_folder, "--html", tmp_path / "report.html")
    assert code == 0
    assert "to fix before training" in output.splitlines()[0]
    assert "One image in two classes: 1 (serious)" in output
    assert b"data:image" in (tmp_path / "report.html").read_bytes()
    run("import", photos_folder, "--name", "pets")
    value = json.loads(run("check", "pets", "--json")[1])
    assert value["source"] == "pets"
    assert value["findings"][0]["check"] == "two_labels"
    assert json.loads(run("check", "pets", "--json")[1])["created"] == value["created"]  # kept, for nothing has changed
