"""Features read again by windows that begin elsewhere."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.codes import gather
from photo51.config.features import WindowOffsetParams
from photo51.config.model import ActivationParams
from photo51.features.encode import encode_model
from photo51.features.window_offsets import later_halves, window_offsets
from photo51.io.contracts.genome import WINDOWS
from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate

ORIGIN = Origin(model="m", site="block.0.out", d_model=3)
RNG = np.random.default_rng(7)
GENOME = RNG.choice(np.frombuffer(b"ACGT", np.uint8), 400)
CORE, WARMUP = 64, 16


class Bases:
    sequences = pd.DataFrame({"genome": ["g"], "chrom": ["c"], "sha256": ["s"]})

    def window_sequence(self, window):
        if window["strand"] == "+":
            return GENOME[window["start"] - window["warmup"] : window["end"]]
        back = GENOME[window["start"] : window["end"] + window["warmup"]][::-1]
        return np.frombuffer(bytes(back).translate(bytes.maketrans(b"ACGT", b"TGCA")), np.uint8)


class Model:
    """Channel 0: the base is G. Channel 1: a square wave of period 64 from where reading began. Channel 2: silent."""

    spec = SimpleNamespace(name="toy", dtype="float32", origin=lambda site: ORIGIN)
    sites = ("block.0.out",)

    def read(self, sequences, sites, *, likelihood=False):
        out = []
        for s in sequences:
            wave = (np.arange(len(s)) // 32) % 2
            out.append(torch.from_numpy(np.stack([s == ord("G"), wave, 0 * wave], 1).astype(np.float32)))
        return SimpleNamespace(activations=dict.fromkeys(sites, out), log_probs=None)


def tiling(n: int = 4, core: int = CORE) -> pd.DataFrame:
    """Cores one after another from base 32 on, both strands, row = base - 32."""
    rows = [
        (2 * i + (strand == "-"), "g", "c", 32 + i * core, 32 + (i + 1) * core, strand, WARMUP, i * core, 0, "test", 0, False)
        for i in range(n)
        for strand in "+-"
    ]  # fmt: skip
    return WINDOWS.check(pd.DataFrame(rows, columns=list(WINDOWS.columns)))


def dictionary():
    eye, zero = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
    weights = {"encoder": eye, "decoder": eye, "bias": zero, "centre": zero, "offset": zero}
    return SparseAutoencoder(weights, Gate(threshold=zero), ORIGIN)


def test_the_later_half_in_reading_direction_is_read_again():
    again = later_halves(tiling(1), WindowOffsetParams(windows=2))
    assert again[["start", "end", "strand", "row", "warmup"]].to_numpy().tolist() == [
        [64, 96, "+", 32, 16],
        [32, 64, "-", 0, 16],
    ]


def test_windows_without_room_or_with_a_cold_start_are_not_drawn(caplog):
    assert len(later_halves(tiling(4, core=31), WindowOffsetParams())) == 0
    assert "two warm-ups (32 bases)" in caplog.text
    assert len(later_halves(tiling().assign(cold_start=True), WindowOffsetParams())) == 0


def test_what_depends_on_the_bases_stays_and_what_depends_on_the_window_turns(tmp_path):
    windows, params = tiling(), ActivationParams(sites=("block.0.out",), ambiguous_reach=0)
    encode_model(Model(), dictionary(), Bases(), windows, tmp_path, params)
    table = window_offsets(
        Model(), dictionary(), Bases(), windows, gather(tmp_path, 256), WindowOffsetParams(windows=8)
    )
    # read again, every base lies 32 places nearer the beginning: half a period of the wave
    assert table["r"].to_numpy()[:2] == pytest.approx([1.0, -1.0])
    assert np.isnan(table["r"][2])
    assert (table["bases"] == 8 * 32).all()
    # the wave is on at the last 16 of 64 + 16 places of + and of -: 16 of each later half
    assert table["active"].tolist()[1:] == [8 * 16, 0]


def test_without_windows_every_feature_has_a_row_and_no_number(tmp_path):
    windows, params = tiling(4, core=31), ActivationParams(sites=("block.0.out",), ambiguous_reach=0)
    encode_model(Model(), dictionary(), Bases(), windows, tmp_path, params)
    table = window_offsets(Model(), dictionary(), Bases(), windows, gather(tmp_path, 124), WindowOffsetParams())
    assert table["r"].isna().all()
    assert len(table) == 3
