"""Every check finds what it was made to find, and stays silent on a clean set."""

import shutil

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from core.checks import check, sources
from core.checks.registry import CHECKS
from core.checks.report import SEVERITIES


def images_in(folder, label="cats", split="train"):
    return sorted((folder / split / label).iterdir())


def plant_unreadable(folder, scene):
    path = images_in(folder)[0]
    path.write_bytes(path.read_bytes()[:-800])


def plant_two_labels(folder, scene):
    shutil.copy(images_in(folder)[0], folder / "train/dogs/copy.jpg")


def plant_leak(folder, scene):
    shutil.copy(images_in(folder)[0], folder / "test/cats/copy.jpg")


def plant_near_leak(folder, scene):
    ImageOps.mirror(Image.open(images_in(folder)[0])).save(folder / "validation/cats/copy.jpg", quality=40)


def plant_too_small(folder, scene):
    shutil.rmtree(folder / "validation/cats")


def plant_duplicate(folder, scene):
    shutil.copy(images_in(folder)[0], folder / "train/cats/copy.jpg")


def plant_near_duplicate(folder, scene):
    image = Image.open(images_in(folder)[0])
    image.crop((4, 3, 146, 117)).save(folder / "train/cats/copy.jpg")


def plant_names(folder, scene):
    for split in ("train", "validation", "test"):
        (folder / split / "Cat").mkdir()
        for path in images_in(folder, split=split)[:3]:
            path.rename(folder / split / "Cat" / path.name)


def plant_imbalance(folder, scene):
    for number in range(60):
        scene(1000 + number).save(folder / f"train/dogs/more{number}.jpg", quality=90)


def each_picture(change, label="cats"):
    def plant(folder, scene):
        for path in sorted(folder.glob(f"*/{label}/*")):
            change(Image.open(path)).save(path, quality=90)

    return plant


def framed(image):
    return ImageOps.expand(image.crop((5, 5, 145, 115)), 5, "red")


def more_of(change):
    """Twelve images of each class more, those of one class changed: clues need some images to be seen in."""

    def plant(folder, scene):
        for number in range(40):
            label = ("cats", "dogs")[number % 2]
            image = scene(2000 + number)
            (change(image) if label == "cats" else image).save(folder / f"train/{label}/more{number}.jpg", quality=90)
        each_picture(change)(folder, scene)

    return plant


def one_picture(change):
    def plant(folder, scene):
        path = images_in(folder)[0]
        change(Image.open(path)).save(path, quality=90)

    return plant


def plant_alpha(folder, scene):
    image = scene(77).convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.arange(150, dtype=np.uint8), (120, 1))))
    image.save(folder / "train/cats/glass.png")


def plant_wrong_suffix(folder, scene):
    scene(78).save(folder / "train/cats/really.jpg", "PNG")


def plant_hidden(folder, scene):
    (folder / "train/cats/.DS_Store").write_bytes(b"x")


PLANTED = {
    "unreadable": plant_unreadable,
    "two_labels": plant_two_labels,
    "leaks": plant_leak,
    "too_small": plant_too_small,
    "shortcuts": more_of(framed),
    "duplicates": plant_duplicate,
    "near_duplicates": plant_near_duplicate,
    "names": plant_names,
    "imbalance": plant_imbalance,
    "dark": one_picture(lambda image: ImageEnhance.Brightness(image).enhance(0.2)),
    "bright": one_picture(lambda image: Image.blend(image, Image.new("RGB", image.size, "white"), 0.98)),
    "blurry": one_picture(lambda image: image.filter(ImageFilter.GaussianBlur(9))),
    "low_information": one_picture(lambda image: Image.new("RGB", image.size, (90, 120, 60))),
    "odd_shape": one_picture(lambda image: image.resize((400, 60))),
    "odd_size": one_picture(lambda image: image.resize((1200, 960))),
    "grey": one_picture(lambda image: image.convert("L")),
    "alpha": plant_alpha,
    "light_and_colour": more_of(lambda image: ImageEnhance.Brightness(image).enhance(0.5)),
    "wrong_suffix": plant_wrong_suffix,
    "hidden": plant_hidden,
}
OF_DRAWINGS = {"blank", "shortcuts_of_drawings"}


def test_every_check_is_planted_somewhere():
    assert set(PLANTED) | OF_DRAWINGS | {row.name for row in CHECKS.values() if row.needs_features} == set(CHECKS)
    assert all(row.severity in SEVERITIES and row.title and row.why and row.help for row in CHECKS.values())


def test_clean_sets_have_no_findings(clean, hands, look):
    assert look(clean).findings == ()
    assert look(hands).findings == ()
    assert str(look(clean).health) == "No problems to fix before training"


@pytest.mark.parametrize("name", PLANTED)
def test_each_check_finds_what_it_was_made_for(name, clean, scene, look, finding):
    PLANTED[name](clean, scene)
    found = finding(look(clean), name)
    assert found is not None
    assert all(str(case.note) for case in found.cases)


def test_checks_of_drawings(hands, look, finding):
    Image.new("RGB", (64, 64), "white").save(hands / "round/empty.png")
    for path in (hands / "flat").iterdir():
        Image.open(path).resize((96, 64)).save(path)
    report = look(hands)
    assert report.kind == "drawing"
    assert [case.images[0].name for case in finding(report, "blank").cases] == ["round/empty.png"]
    assert "96 x 64" in str(finding(report, "shortcuts_of_drawings").cases[0].note)


def test_a_copy_is_told_where_it_hurts_most(clean, scene, look, finding):
    plant_near_leak(clean, scene)
    report = look(clean)
    [case] = finding(report, "leaks").cases
    assert {image.split for image in case.images} == {"train", "validation"}
    assert case.images[0].split == "validation"  # the one that examines is kept
    assert finding(report, "near_duplicates") is None


def test_wrong_labels_and_strangers_are_found_in_features(clean, scene, finding):
    for number in range(40):
        scene(3000 + number).save(clean / f"train/{('cats', 'dogs')[number % 2]}/more{number}.jpg")
    rng = np.random.default_rng(0)
    with sources.opened(str(clean)) as opened:
        image_checks = check.check_images(opened, {}, lambda *progress: None)
        names, labels = zip(*((item.name, item.label) for item in opened.items), strict=True)
        own = np.repeat(np.eye(3), 16, axis=1)[[("cats", "dogs").index(label) for label in labels]]
        features = rng.normal(0, 1, own.shape) + 4 * own
        silent = check.check_labels(image_checks, features, lambda *progress: None)
        wrong, far = np.flatnonzero(own[:, 0])[:3], labels.index("dogs")
        features[wrong] += 4 * (own[far] - own[wrong[0]])
        features[far] += 8 * np.repeat([0, -1, 1], 16)
        report = check.check_labels(image_checks, features, lambda *progress: None)
    assert finding(silent, "labels") is None
    assert finding(silent, "outliers") is None
    assert {names[index] for index in wrong} <= {case.images[0].name for case in finding(report, "labels").cases}
    assert finding(report, "labels").cases[0].fixes[0].to == "dogs"
    assert [case.images[0].name for case in finding(report, "outliers").cases] == [names[far]]
    assert not report.left_out
