"""Samples of any depth as 8 bits: which value is white is told by the file, or judged by the greatest sample."""

import numpy as np

from core.errors import UserError

DEPTHS = (8, 10, 12, 14, 16, *range(17, 25), 32)
"""Bits that whole numbers are taken to have: cameras and microscopes keep 10, 12 or 14 of them in 16."""
_ROWS = 256  # converted at a time, so that floats of a large picture never stand in memory as a whole


def eight_bit(samples: np.ndarray, white: int | None = None) -> np.ndarray:
    """Scale samples of any type to uint8, never clipping one: whole numbers to `white`, floats as `_range` says.

    `white`: the value that is white, where it is known; otherwise, or where a sample is greater, `white_of` them.
    Raises UserError for an array that holds no numbers.
    """
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == bool:
        return samples.astype(np.uint8) * 255
    if samples.dtype.kind not in "iuf":
        raise UserError(
            "An array of type {dtype} is not an image. Give numbers, for example uint8 from 0 to 255.",
            dtype=samples.dtype,
        )
    low, high = _range(samples, white)
    if samples.dtype == np.uint16:
        return np.rint(np.arange(65536) * (255 / high)).clip(0, 255).astype(np.uint8)[samples]
    result = np.empty(samples.shape, np.uint8)
    for row in range(0, len(samples), _ROWS):
        values = np.nan_to_num(samples[row : row + _ROWS].astype(np.float32))
        result[row : row + _ROWS] = np.rint((values - low) * (255 / max(high - low, np.finfo(np.float32).tiny)))
    return result


def white_of(samples: np.ndarray) -> int:
    """The white of whole numbers that do not tell it: the smallest of DEPTHS that holds the greatest of them.

    8-bit samples that were spread over 16 bits (each times 257) are known by that, however dark they are.
    """
    greatest = int(samples.max())
    bits = next((bits for bits in DEPTHS if greatest < 1 << bits), 64)
    if samples.dtype == np.uint16 and 8 < bits < 16 and not (samples % 257).any():
        return 65535
    return (1 << bits) - 1


def _range(samples: np.ndarray, white: int | None) -> tuple[float, float]:
    """What becomes 0 and 255: floats are 0-1 or 0-255 where they lie within, else, as negative numbers, in their own
    range."""
    if samples.dtype.kind == "f":
        low, high = (float(np.nan_to_num(f(samples), posinf=3e38, neginf=-3e38)) for f in (np.nanmin, np.nanmax))
        if low >= 0 and high <= 255:
            return 0.0, 1.0 if high <= 1 else 255.0
        return low, high
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or (samples.dtype.kind == "i" and high > 65535):
        return low, high
    return 0.0, white if white and white >= high else white_of(samples)
