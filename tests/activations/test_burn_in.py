"""Burn-in of a model whose memory fades at a known rate."""

import numpy as np
import pytest

from photo51.activations.burn_in import burn_in, recommended
from photo51.config.model import BurnInParams
from photo51.types import InputError

from .small import SITE, Echo, InMemory


def genomes(n=4_000, seed=0):
    return InMemory("".join(np.random.default_rng(seed).choice(list("ACGT"), n)), circular=True, core=500, shard=4_000)


def test_the_warm_up_is_where_the_fading_memory_has_faded():
    """The third number of a cold reading is exp(-d/40)·s too large; letters do not differ from d = 1 on.

    The error is s·exp(-d/40) over the spread of letters, so it passes the tolerance at d = 40·ln(s / (tolerance·spread)).
    """
    model = Echo(forget=40.0)
    found = burn_in(model, genomes(), BurnInParams(probes=6, context=600, longest=500, tolerance=0.01), [SITE])
    letters = np.frombuffer(b"ACGT", np.uint8).astype(float)
    spread = np.sqrt(2 * letters.var())
    at = 40 * np.log(1 / (0.01 * spread))
    assert found.warmup[SITE] is not None
    assert at <= found.warmup[SITE] <= 1.5 * at + 1
    row = found.table[found.table["context_from"] == 96].iloc[0]
    assert row["context_to"] == 128
    assert row["error_median"] == pytest.approx(np.exp(-111.5 / 40) / spread, rel=0.05)
    assert row["n"] == 6 * 32


def test_a_model_that_counts_for_ever_never_settles():
    found = burn_in(Echo(), genomes(), BurnInParams(probes=2, context=100, longest=64), [SITE])
    assert found.warmup == {SITE: None}


def test_the_last_rise_above_the_tolerance_counts():
    found = burn_in(Echo(forget=1e-3), genomes(), BurnInParams(probes=2, context=64, longest=64), [SITE])
    table = found.table.assign(error_q95=[0.9, 0.01, 0.2, *[0.0] * (len(found.table) - 3)])
    assert recommended(table, 0.05) == table["context_from"][3]


def test_short_genomes_and_unknown_sites_are_refused():
    with pytest.raises(InputError, match="need 4 places with 500 known bases"):
        burn_in(Echo(), genomes(300), BurnInParams(probes=4, context=400, longest=100), [SITE])
    with pytest.raises(InputError, match="need sites of echo"):
        burn_in(Echo(), genomes(), BurnInParams(probes=4), ["nowhere"])
