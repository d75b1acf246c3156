"""Augmentation means what Keras' ImageDataGenerator means, is drawn alike everywhere, and takes any picture."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from core.augmentation import transforms
from core.catalog.knobs import FILL_MODES
from core.catalog.strategies import PRESETS
from core.config import Augmentation, make_augmentation
from core.data import images
from core.errors import UserError

SIDE = 80
EVERYTHING = Augmentation(30, 0.1, 0.1, 20, 0.3, True, True, 0.4, 60)
MODES = [mode for mode in FILL_MODES if mode != "auto"]


def picture(seed: int, channels: int = 3, block: int = 1) -> np.ndarray:
    """Noise, which no interpolation is kind to, or squares with hard edges: (80, 80, channels) uint8."""
    squares = np.random.default_rng(seed).integers(0, 256, (SIDE // block, SIDE // block, channels))
    return np.kron(squares, np.ones((block, block, 1))).astype(np.uint8)


def one(**changes: object) -> transforms.Draw:
    return replace(transforms.identity(1), **{name: np.array([value]) for name, value in changes.items()})


def by_keras(image: np.ndarray, drawn: transforms.Draw, mode: str, value: int) -> np.ndarray:
    """The first draw through ImageDataGenerator, (h, w, c) float32."""
    height, width = image.shape[:2]
    told = {
        "theta": drawn.rotation[0], "shear": drawn.shear[0], "zx": drawn.width_zoom[0], "zy": drawn.height_zoom[0],
        "tx": width * drawn.width_shift[0], "ty": height * drawn.height_shift[0],
        "flip_horizontal": drawn.horizontal_flip[0], "flip_vertical": drawn.vertical_flip[0],
        "channel_shift_intensity": drawn.channel_shift[0] or None,
        "brightness": drawn.brightness[0] if drawn.brightness[0] != 1 else None,
    }  # fmt: skip
    generator = ImageDataGenerator(fill_mode=mode, cval=value, interpolation_order=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras calls SciPy by an old name
        return generator.apply_transform(image.astype(np.float32), told)


def share_alike(image: np.ndarray, drawn: transforms.Draw, mode: str, value: int = 90) -> float:
    """The share of pixels that are within 2 of 255 of Keras' own."""
    ours = transforms.apply(image[np.newaxis], drawn, mode, value)[0].astype(float)
    return float((np.abs(ours - by_keras(image, drawn, mode, value)) <= 2).mean())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "changes",
    [
        dict(rotation=25.0), dict(shear=11.5), dict(width_zoom=0.8, height_zoom=1.2), dict(width_shift=0.1),
        dict(height_shift=-0.15), dict(horizontal_flip=True), dict(vertical_flip=True), dict(brightness=0.55),
        dict(brightness=1.9), dict(channel_shift=70.0), dict(channel_shift=-33.3),
        dict(channel_shift=50.0, brightness=1.4),
        dict(width_zoom=1.9, height_zoom=1.9), dict(rotation=180.0, width_shift=0.5, height_shift=0.5),
    ],
)  # fmt: skip
def test_each_parameter_is_that_of_keras_in_every_fill_mode(changes, mode):
    for image in (picture(1), picture(2, block=10), picture(3, channels=1)):
        assert share_alike(image, one(**changes), mode) >= 0.99


@pytest.mark.parametrize("mode", MODES)
def test_all_parameters_together_are_those_of_keras(mode):
    drawn = transforms.draw(EVERYTHING, [(5, number) for number in range(20)])
    for number in range(20):
        alone = transforms.Draw(**{name: values[number : number + 1] for name, values in vars(drawn).items()})
        assert share_alike(picture(number), alone, mode) >= 0.99


def test_keras_names_its_shifts_the_other_way_round():
    """What Keras calls height_shift_range moves sideways; ours do what their names say."""
    drawn = ImageDataGenerator(height_shift_range=0.4).get_random_transform((SIDE, SIDE, 3), seed=3)
    sideways = drawn["tx"] / SIDE
    assert sideways != 0
    assert share_alike(picture(1), one(width_shift=sideways), "nearest") == 1


def test_the_shear_of_2016_is_not_that_of_today():
    assert PRESETS["shear_zoom_flip"].knobs["shear"] == pytest.approx(np.rad2deg(0.2), abs=0.05)
    today = by_keras(picture(1, block=10), one(shear=0.2), "nearest", 0)
    assert np.abs(today - picture(1, block=10)).mean() < 2  # a fifth of a degree is hardly to be seen
    assert share_alike(picture(1, block=10), one(shear=11.5), "nearest") == 1


def test_a_wide_image_turns_about_its_middle():
    """Keras mistakes height for width where it looks for the middle; network inputs are square, where the two agree."""
    wide = np.full((21, 61, 1), 255, np.uint8)
    wide[10, 30] = 0
    turned = transforms.apply(wide[np.newaxis], one(rotation=90.0), "constant", 255)[0]
    assert np.argwhere(turned[..., 0] == turned.min()).tolist() == [[10, 30]]


def test_draws_stay_in_range_and_follow_the_seed():
    seeds = [(3, number) for number in range(500)]
    drawn, again = transforms.draw(EVERYTHING, seeds), transforms.draw(EVERYTHING, seeds)
    assert all(np.array_equal(a, b) for a, b in zip(vars(drawn).values(), vars(again).values(), strict=True))
    assert 25 < np.abs(drawn.rotation).max() <= 30
    assert 0.7 <= drawn.width_zoom.min() < 0.75
    assert 1.35 < drawn.brightness.max() <= 1.4
    assert 55 < np.abs(drawn.channel_shift).max() <= 60
    assert 150 < drawn.horizontal_flip.sum() < 350


def test_an_image_is_drawn_alike_beside_whatever_others():
    together = transforms.draw(EVERYTHING, [(1, 0), (2, 0), (3, 0)])
    alone = transforms.draw(EVERYTHING, [(2, 0)])
    assert together.shear[1] == alone.shear[0]
    assert together.brightness[1] == alone.brightness[0]


def test_an_image_has_a_seed_of_its_own():
    contents = ["aa" * 12, "bb" * 12]
    assert (
        len({transforms.seed(content, run, number) for content in contents for run in (0, 1) for number in (0, 1)}) == 8
    )


def test_changing_one_knob_leaves_the_other_draws():
    seeds = [(3, number) for number in range(50)]
    a = transforms.draw(Augmentation(rotation=10, zoom=0.2), seeds)
    b = transforms.draw(Augmentation(rotation=90, zoom=0.2, brightness=0.5), seeds)
    assert np.array_equal(a.width_zoom, b.width_zoom)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_drawn_changes_nothing(mode):
    assert np.array_equal(transforms.apply(picture(1)[np.newaxis], transforms.identity(1), mode, 7)[0], picture(1))


def test_a_fill_alone_changes_nothing():
    assert Augmentation(fill_mode="wrap", fill_value=9).changes_nothing
    assert not Augmentation(channel_shift=1).changes_nothing


def test_outside_a_drawing_there_is_paper_and_outside_a_photo_its_edge():
    ink = np.zeros((1, 20, 20, 1), np.uint8)
    moved = transforms.apply(ink, one(width_shift=0.5), *transforms.fill(Augmentation(), "drawing"))
    assert (moved[0, :, 12:] == 255).all()
    assert (moved[0, :, :8] == 0).all()
    assert transforms.fill(Augmentation(), "photo") == ("nearest", 0)
    assert transforms.fill(Augmentation(fill_mode="constant", fill_value=40), "drawing") == ("constant", 40)


@pytest.mark.parametrize(
    "name", ["rotation", "width_shift", "height_shift", "shear", "zoom", "brightness", "channel_shift"]
)
def test_a_sweep_goes_from_the_least_to_the_most_of_one_knob(name):
    swept, quiet = vars(transforms.sweep(name, 0.5, 5)), vars(transforms.identity(5))
    moved = {field for field in swept if not np.array_equal(swept[field], quiet[field])}
    assert moved == ({"width_zoom", "height_zoom"} if name == "zoom" else {name})
    middle = 1 if name in ("zoom", "brightness") else 0
    for field in moved:
        assert (swept[field] - middle).tolist() == [-0.5, -0.25, 0, 0.25, 0.5]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 1), (2, 3, 3), (10, 10_000, 3), (10_000, 10, 1)])
def test_any_size_of_image_is_taken(shape, mode):
    image = np.full(shape, 77, np.uint8)
    changed = transforms.apply(np.stack([image] * 2), transforms.draw(EVERYTHING, [(1, 0), (1, 1)]), mode, 255)
    assert changed.shape == (2, *shape)


@pytest.mark.parametrize(
    "source",
    [np.full((1, 1), 200, np.uint8), np.full((10, 10_000, 3), 200, np.uint8), np.full((30, 40), 200, np.uint8),
     np.full((30, 40, 4), 200, np.uint8)],
    ids=["1x1", "panorama", "greyscale", "alpha"],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_any_picture_becomes_a_network_input_that_can_be_augmented(source, channels):
    shown = images.network_input(images.decode(source), "photo", 32, channels)
    changed = transforms.variants(shown[np.newaxis], EVERYTHING, "photo", [(1, 0)])
    assert changed.shape == (1, 32, 32, channels)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"zoom": 1}, "'zoom' must lie between 0 and 0.9; got 1."),
        ({"zoom": 1.5}, "'zoom' must lie between 0 and 0.9; got 1.5."),
        ({"rotation": -10}, "'rotation' must lie between 0 and 180; got -10."),
        ({"brightness": -0.1}, "'brightness' must lie between 0 and 0.9; got -0.1."),
        ({"channel_shift": "much"}, "'channel_shift' needs a number; got 'much'."),
        ({"fill_mode": "mirror"}, "'fill_mode' must be one of auto, nearest, constant, reflect, wrap; got 'mirror'."),
        ({"fill_value": 256}, "'fill_value' must lie between 0 and 255; got 256."),
    ],
)
def test_bad_ranges_say_what_is_possible(knobs, said):
    with pytest.raises(UserError) as caught:
        make_augmentation(knobs)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_possible(name):
    assert make_augmentation(PRESETS[name].knobs).changes_nothing == (name == "none")
