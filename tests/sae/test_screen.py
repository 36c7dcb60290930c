"""Screens decide how fast codes are found, never which: every bit is the same, on a processor or a GPU."""

import numpy as np
import pytest
import torch
from numba import njit

from photo51.sae.engine.encoder import Encoder
from photo51.sae.engine.lanes import hit_word, pad
from photo51.sae.engine.screen import SCREENS, Gpu

N, F, D, K = 300, 700, 48, 9


@pytest.fixture(scope="module")
def given():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((N, D)).astype(np.float32) * rng.lognormal(0, 2, (N, 1)).astype(np.float32)
    weight = rng.standard_normal((F, D)).astype(np.float32)
    weight[1::7] = weight[::7] * np.float32(1 + 2.0**-20)  # neighbours that only an exact product tells apart
    return pad(x), pad(weight), rng.standard_normal(F).astype(np.float32)


def codes(given, screen):
    x, weight, bias = given
    encoder = Encoder(weight, bias, "float32")
    encoder._screen = screen
    top, above = encoder.top_k(x, K), encoder.above(x, np.full(F, 4, np.float32), 8)
    kept = [
        (
            a.count,
            *(np.where(np.arange(part.shape[1]) < a.count[:, None], part, 0) for part in (a.index, a.value)),
        )
        for a in (top, above)
    ]
    return [part for found in kept for part in found]


@pytest.mark.parametrize("screen", [*SCREENS.values(), Gpu("cpu")], ids=lambda s: s.name)
def test_codes_are_those_of_exact_products_whatever_the_screen(given, screen):
    x, weight, bias = given
    exact = x.astype(np.float64) @ weight.T.astype(np.float64) + bias
    count, index, value, *_ = codes(given, screen)
    assert (count == K).all()
    at = np.take_along_axis(exact, index.astype(np.int64), 1)
    scale = np.linalg.norm(x, axis=1, keepdims=True) * np.linalg.norm(weight, axis=1).max()
    assert (np.abs(value - at) <= 1e-6 * scale + 1e-6).all()
    kth = np.sort(exact, axis=1)[:, -K]
    assert (at.min(axis=1) >= kth - 1e-6 * scale[:, 0]).all()


@pytest.mark.parametrize("screen", [*list(SCREENS.values())[1:], Gpu("cpu")], ids=lambda s: s.name)
def test_screens_agree_to_the_last_bit(given, screen):
    for want, got in zip(codes(given, SCREENS["float32"]), codes(given, screen), strict=True):
        assert np.array_equal(want, got)


@pytest.mark.parametrize("screen", [*SCREENS.values(), Gpu("cpu")], ids=lambda s: s.name)
def test_rows_that_lie_between_two_numbers_of_a_screen_lose_no_code(screen):
    # 1 + 2⁻⁸ is half way between two bfloat16 numbers, as is the sum of 257 ones: all three roundings go down
    x = pad(np.full((1, 257), 1 + 2.0**-8, np.float32))
    encoder = Encoder(np.concatenate([x, -x]), np.zeros(2, np.float32), "float32")
    encoder._screen = screen
    active = encoder.above(x, np.full(2, 258.9, np.float32), 2)
    assert active.count.tolist() == [1]
    assert active.value[0, 0] == pytest.approx(257 * (1 + 2.0**-8) ** 2, rel=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same_bits(given):
    for want, got in zip(codes(given, SCREENS["float32"]), codes(given, Gpu()), strict=True):
        assert np.array_equal(want, got)


@njit
def _word(low, scale, shift, line):
    return hit_word(low, 1, 3, scale, shift, line)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint16])
def test_a_word_has_a_bit_for_each_feature_above_the_line(dtype):
    v = np.full((2, 70), -1.0, np.float32)
    v[1, 3], v[1, 35], v[1, 66] = 5, 4, 7  # features 0, 32 and 63 of the word; 4 lies on the line
    low = (v.view(np.uint32) >> 16).astype(dtype) if dtype == np.uint16 else v.astype(dtype)
    scale, shift = np.ones(70, np.float32), np.zeros(70, np.float32)
    shift[40] = 4.5  # -1 + 4.5 · 2 is above
    line = (np.float32(0), np.float32(2), np.float32(4))
    assert int(_word(low, scale, shift, line)) == 1 | 1 << 37 | 1 << 63
