"""Versions of the code that decides a result beside a run's settings.

Raise a version by hand when the same settings would give another result, and add the new output to
`tests/learn/golden.json`. The same question then has a new key and is trained again, while earlier runs stay.
"""

INPUT_VERSION = 1
"""Of the way from an image file to a network's input: `core.data.images.network_input`."""
RECIPE_VERSION = 1
"""Of augmentation, networks and training: `core.augmentation` and `core.learn`."""
