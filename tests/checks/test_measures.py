"""Measures beside CleanVision's, on the same pictures."""

import io

import numpy as np
import pytest
from cleanvision.issue_managers import image_property
from PIL import Image, ImageFilter

from core.checks import classes, measures, scores, shortcuts
from core.errors import UserError


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "change", [lambda i: i, lambda i: i.filter(ImageFilter.GaussianBlur(5)), lambda i: i.convert("L")]
)
def test_scores_are_cleanvisions(scene, change):
    image = change(scene(1, (120, 100)))
    row = measures.measure(encoded(image), "photo")
    light = image_property.calc_percentile_brightness(image, [5, 99])
    assert float(scores.dark(row)) == pytest.approx(light[1], abs=0.03)
    assert float(1 - scores.bright(row)) == pytest.approx(light[0], abs=0.03)
    if image.mode == "RGB":  # of grey files CleanVision takes the entropy of one channel
        assert row["entropy"] == pytest.approx(image.entropy(), abs=0.3)
    theirs = image_property.BlurrinessProperty().calculate(image)
    assert row["edges"] == pytest.approx(theirs["blurriness"], rel=0.1)


def test_a_file_that_is_cut_off_is_refused(scene):
    content = encoded(scene(1), "JPEG", quality=90)
    with pytest.raises(UserError, match="truncated"):
        measures.measure(content[:-500], "photo")


@pytest.mark.parametrize("hole", [b"", bytes(2000)])
def test_a_jpeg_whose_middle_is_missing_is_found(hands, scene, look, finding, hole):
    content = encoded(scene(1), "JPEG", quality=90)
    middle = len(content) // 2
    (hands / "flat" / "broken.jpg").write_bytes(content[:middle] + hole + content[middle + 2000 :])
    (hands / "flat" / "whole.jpg").write_bytes(content)
    found = finding(look(hands), "unreadable")
    assert [image.name for case in found.cases for image in case.images] == ["flat/broken.jpg"]
    assert "is damaged: its JPEG data" in str(found.cases[0].note)


def test_border_and_alpha_are_seen(scene):
    image = scene(1)
    image.paste((255, 0, 0), (0, 0, 150, 6))
    assert (
        measures.measure(encoded(image), "photo")["border"][0]
        > measures.measure(encoded(scene(1)), "photo")["border"][0]
    )
    glass = image.convert("RGBA")
    glass.putalpha(Image.new("L", image.size, 100))
    assert measures.measure(encoded(glass), "photo")["alpha"] == 1


def test_names_that_look_like_one_class():
    names = [
        "Cats",
        "cat",
        "cats",
        "dandelion",
        "dandelions",
        "berry",
        "berries",
        "sunflower",
        "sunflwoer",
        "bus",
        "class1",
        "class2",
    ]
    found = {frozenset(pair[:2]): pair[2] for pair in classes.alike(names)}
    assert found == {
        frozenset({"Cats", "cats"}): "case", frozenset({"Cats", "cat"}): "plural", frozenset({"cat", "cats"}): "plural",
        frozenset({"dandelion", "dandelions"}): "plural", frozenset({"berry", "berries"}): "plural",
        frozenset({"sunflower", "sunflwoer"}): "spelling",
    }  # fmt: skip


def test_too_small_classes():
    counts = np.array([[70, 15, 15], [70, 15, 1], [5, 1, 1], [0, 0, 0]])
    small = classes.too_small(counts, fewest=5, share=1 / 3)
    assert small.tolist() == [[False] * 3, [False, False, True], [False] * 3, [False] * 3]


def test_a_clue_by_chance_is_not_told():
    rng = np.random.default_rng(0)
    rows = np.zeros(200, measures.MEASURES)
    rows["bytes"] = rng.integers(1000, 9000, 200)
    labels = np.repeat(["cats", "dogs"], 100)
    assert all(told.low < 0.6 and told.given_away < 0.25 for told in shortcuts.told(rows, labels, "file_size"))
    rows["bytes"][:100] += 9000
    assert all(told.low > 0.9 for told in shortcuts.told(rows, labels, "file_size"))
    assert shortcuts.told(rows[:5], labels[:5], "file_size") == []


def test_a_clue_in_part_of_a_class_gives_that_part_away():
    own = np.repeat([True, False], 100)
    sure = np.where(np.arange(200) < 40, 0.99, 0.4)
    assert shortcuts.given_away(own, sure) == 0.4
    assert shortcuts.given_away(own, np.full(200, 0.5)) == 0
