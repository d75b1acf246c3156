import numpy as np
import pytest
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from core.config import Augmentation
from core.learn import augment

EVERYTHING = Augmentation(30, 0.1, 0.1, 20, 0.3, True, True)


@pytest.fixture
def picture():
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (8, 8, 3)).astype(np.float64)
    return np.kron(coarse, np.ones((10, 10, 1))).astype(np.uint8)


def one(**changes) -> augment.Draw:
    nothing = dict(rotation=0, width_shift=0, height_shift=0, shear=0, width_zoom=1, height_zoom=1,
                   horizontal_flip=False, vertical_flip=False)  # fmt: skip
    return augment.Draw(**{name: np.array([value]) for name, value in (nothing | changes).items()})


@pytest.mark.parametrize(
    ("changes", "keras"),
    [
        (dict(rotation=25), dict(theta=25)),
        (dict(shear=11.5), dict(shear=11.5)),
        (dict(width_zoom=0.8, height_zoom=1.2), dict(zx=0.8, zy=1.2)),
        (dict(width_shift=0.1), dict(tx=8)),
        (dict(rotation=-10, shear=5, width_zoom=0.9, height_zoom=1.1), dict(theta=-10, shear=5, zx=0.9, zy=1.1)),
        (dict(horizontal_flip=True), dict(flip_horizontal=True)),
    ],
)
def test_transform_is_that_of_keras(picture, changes, keras):
    generator = ImageDataGenerator(fill_mode="nearest", interpolation_order=1)
    expected = generator.apply_transform(picture.astype(np.float32), keras)
    ours = augment.apply(picture[None], augment.matrices(one(**changes), 80, 80), "photo")[0]
    close = np.abs(ours.astype(float) - expected) <= 2
    assert close.mean() > 0.97


def test_draws_stay_in_range_and_follow_the_seed():
    seeds = [(3, number) for number in range(500)]
    drawn, again = augment.draw(EVERYTHING, seeds), augment.draw(EVERYTHING, seeds)
    assert np.array_equal(drawn.rotation, again.rotation)
    assert 25 < np.abs(drawn.rotation).max() <= 30
    assert 0.7 <= drawn.width_zoom.min() < 0.75
    assert 150 < drawn.horizontal_flip.sum() < 350


def test_an_image_is_drawn_alike_beside_whatever_others():
    together = augment.draw(EVERYTHING, [(1, 0), (2, 0), (3, 0)])
    alone = augment.draw(EVERYTHING, [(2, 0)])
    assert together.shear[1] == alone.shear[0]
    assert together.width_zoom[1] == alone.width_zoom[0]


def test_changing_one_knob_leaves_the_other_draws():
    seeds = [(3, number) for number in range(50)]
    a = augment.draw(Augmentation(rotation=10, zoom=0.2), seeds)
    b = augment.draw(Augmentation(rotation=90, zoom=0.2), seeds)
    assert np.array_equal(a.width_zoom, b.width_zoom)


def test_nothing_drawn_changes_nothing(picture):
    assert np.array_equal(augment.apply(picture[None], augment.matrices(one(), 80, 80), "photo")[0], picture)


def test_outside_a_drawing_there_is_paper():
    ink = np.zeros((1, 20, 20, 1), np.uint8)
    moved = augment.apply(ink, augment.matrices(one(width_shift=0.5), 20, 20), "drawing")
    assert (moved[0, :, 12:] == 255).all()
    assert (moved[0, :, :8] == 0).all()
