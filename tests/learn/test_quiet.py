"""What stays off the console, and what does not."""

import os

import pytest

from core.learn.quiet import quietly, without_startup_messages

STARTUP_MESSAGES = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795787946.613853   18918 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
E0000 00:00:1795787957.987329   18918 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)
E0000 00:00:1795787957.987329   18918 cuda_fft.cc:479] Unable to register cuFFT factory: Attempting to register factory for plugin cuFFT
2026-01-01 00:00:00.000000: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on. You may see slightly different results
2026-01-01 00:00:00.000000: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to use available CPU
To enable the following instructions: AVX2 AVX512F FMA, in other operations, rebuild TensorFlow with the appropriate flags.
"""  # noqa: E501
ERRORS = b"""\
Traceback (most recent call last):
E0000 00:00:1795787957.987329   18918 bfc_allocator.cc:5] Out of memory
Segmentation fault
"""


def test_greetings_are_left_out_and_errors_stay():
    assert without_startup_messages(STARTUP_MESSAGES) == b""
    assert without_startup_messages(STARTUP_MESSAGES + ERRORS) == ERRORS


def test_what_native_code_writes_is_held_back_and_the_rest_written_also_after_an_error(capfd):
    def start():
        with quietly():
            os.write(2, STARTUP_MESSAGES + b"a real error\n")
            raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        start()
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "a real error\nlater\n"
