"""Training: exact to resume, the same on two ranks, and what it finds in planted data."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks._sae_planted import Planted
from photo51.config.sae import SaeParams
from photo51.io.origin import Origin
from photo51.sae.rules import BatchTopK
from photo51.sae.training.train import CHECKPOINT, Training, fit
from photo51.types import InputError

VARIANTS = ("topk", "batchtopk", "matryoshka", "jumprelu", "relu")


def params(**more):
    given = {"n_features": 48, "k": 3, "tokens": 20_000, "batch": 500, "sample": 2_000, "dead_after": 3_000}
    return SaeParams(**{**given, **more})


def same(one, two, tolerance=0.0):
    return all(np.allclose(a, two.arrays()[name], rtol=tolerance, atol=tolerance) for name, a in one.arrays().items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_killed_anywhere_ends_with_the_same_bytes(variant, world, tmp_path):
    given = params(variant=variant, checkpoint=7)
    whole = fit(world, given)
    for stop in (3, 24):
        killed = Training(world, given, tmp_path / f"{stop}")
        killed.run(stop)
        again = Training(world, given, tmp_path / f"{stop}")
        assert again.at == stop // 7 * 7
        again.run()
        assert again.finish().hash == whole.hash
        assert not (tmp_path / f"{stop}" / CHECKPOINT).exists()


@pytest.mark.parametrize("variant", ["topk", "matryoshka"])
def test_training_does_not_depend_on_threads(variant, world):
    found = set()
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        found.add(fit(world, params(variant=variant, tokens=5_000, dead_after=1_000)).hash)
    torch.set_num_threads(1)
    assert len(found) == 1


def test_a_checkpoint_of_other_parameters_is_not_used(world, tmp_path):
    Training(world, params(checkpoint=5), tmp_path).run(6)
    other = Training(world, params(checkpoint=5, learning_rate=1e-3), tmp_path)
    assert other.at == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_compiled_step_does_what_pytorch_does(variant, world):
    """Nine steps, after which rounding has not yet changed which codes are active."""
    runs = []
    for backend in ("compiled", "torch"):
        training = Training(world, params(variant=variant, backend=backend, dead_after=1_000))
        training.run(9)
        runs.append(training)
    one, two = (run.table() for run in runs)
    for column in ("loss", "l0", "dead", "gradient"):
        assert np.allclose(one[column], two[column], rtol=2e-3, atol=1e-5), column
    assert same(runs[0].finish(), runs[1].finish(), 5e-3)


@pytest.mark.slow
def test_planted_directions_are_found_and_no_feature_is_dead():
    world = Planted(32, 64, l0=3, seed=1)
    sae = fit(world, params(n_features=96, k=4, tokens=600_000, batch=1_000, learning_rate=3e-3))
    x = world.rows(5_000, 1)
    x_hat = sae.decode(sae.encode(x))
    explained = 1 - np.square(x - x_hat).sum() / np.square(x - x.mean(axis=0)).sum()
    assert explained > 0.75
    assert world.recovered(sae.decoder).mean() > 0.9
    assert (sae.encode(x).getnnz(axis=0) > 0).mean() > 0.95


@pytest.mark.parametrize("variant", ["batchtopk", "matryoshka", "jumprelu", "relu"])
def test_the_finished_dictionary_has_about_k_active_features_on_other_bases(variant, world):
    rate = 1e-2 if variant == "relu" else 3e-3
    sae = fit(world, params(variant=variant, tokens=100_000, batch=250, learning_rate=rate))
    assert sae.gate.k is None
    assert sae.encode(world.rows(4_000, 1)).nnz / 4_000 == pytest.approx(3, rel=0.35)


def test_the_first_features_of_a_matryoshka_do_alone(world):
    given = {"tokens": 40_000, "learning_rate": 3e-3, "n_features": 48}
    x = world.rows(4_000, 1)
    left = []
    for variant in ("matryoshka", "batchtopk"):
        sae = fit(world, params(variant=variant, prefixes=(0.25, 1.0), **given))
        first = sae.encode(x)[:, :12]
        left.append(np.square(x - first @ sae.decoder[:12] - sae.offset).sum())
    assert left[0] < left[1]


class Fixed:
    """The same rows again and again."""

    seed = 0

    def __init__(self, x):
        self.x, self.origin = x.astype(np.float32), Origin("m", "block.0.out", x.shape[1])

    def batches(self, size, *, start=0):
        while True:
            yield np.resize(self.x, (size, self.x.shape[1]))

    def sample(self, n, *, seed=0):
        return self.x


def test_a_constant_dimension_is_refused_by_its_number():
    x = np.random.default_rng(0).standard_normal((3_000, 16))
    x[:, [4, 11]] = 2.5
    with pytest.raises(InputError, match=r"block.0.out.*2 constant over 3,000 rows: 4, 11"):
        fit(Fixed(x), params())


def test_numbers_that_are_not_finite_are_refused_by_dimension():
    x = np.random.default_rng(0).standard_normal((3_000, 16))
    x[5, 7] = np.inf
    with pytest.raises(InputError, match=r"finite numbers, got others in dimensions 7"):
        fit(Fixed(x), params())


def test_numbers_that_turn_bad_while_training_stop_it_and_leave_the_last_checkpoint(world, tmp_path):
    class Broken(Planted):
        def batches(self, size, *, start=0):
            for i, x in enumerate(super().batches(size, start=start), start):
                yield x * np.float32(np.nan if i == 12 else 1)

    broken = Broken(16, 24, l0=3)
    with pytest.raises(InputError, match="finite loss, got nan at step 12"):
        fit(broken, params(checkpoint=5), tmp_path)
    assert Training(broken, params(checkpoint=5), tmp_path).at == 10


def test_k_must_be_less_than_the_width():
    with pytest.raises(ValueError, match=r"k: need fewer than n_features \(48\), got 48"):
        params(k=48)


RANK = """
import sys
import numpy as np
from conftest import planted
from test_training import params
from photo51.sae.training.distributed import Ranks
from photo51.sae.training.train import fit
sae = fit(planted(), params(variant=sys.argv[2], tokens=15_000, dead_after=1_000))
if not Ranks().rank:
    sae.save(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["topk", "batchtopk"])
def test_two_ranks_give_what_one_gives(variant, world, tmp_path):
    from photo51.sae.dictionary import Dictionary

    here = os.path.dirname(__file__)  # noqa: PTH120
    address = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(29_000 + os.getpid() % 3_000),
        "WORLD_SIZE": "2",
    }
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(tmp_path), variant],
            env={**os.environ, **address, "RANK": str(r), "PYTHONPATH": here, "OMP_NUM_THREADS": "1"},
        )
        for r in range(2)
    ]
    assert [r.wait() for r in ranks] == [0, 0]
    alone = fit(world, params(variant=variant, tokens=15_000, dead_after=1_000))
    assert same(Dictionary.load(tmp_path), alone, 2e-3)


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_a_feature_whose_codes_are_all_zero_is_not_active(backend, world):
    """Within reach of its threshold, whose gradient it gives, and never above it."""
    training = Training(world, params(variant="jumprelu", backend=backend))
    training.rule.state["width"] = np.array(1e6)  # every positive pre-activation takes part
    training.rule.state["log_threshold"][:] = np.log(1e-6)
    training.rule.state["log_threshold"][5] = np.log(1e5)
    training.run(1)
    silent = np.asarray(training.stepper.silent)
    assert silent[5] == 500
    assert np.count_nonzero(silent) == 1


def test_bases_without_a_code_say_nothing_of_where_codes_lie():
    """What stands in the room of a base without codes is whatever memory held."""
    rule = BatchTopK(params(variant="batchtopk"))
    found = SimpleNamespace(count=np.array([0, 2, 0]), value=np.array([[3e38, 1], [4, 2], [np.inf, 1]], np.float32))
    rule.prepare(SimpleNamespace(top_k=lambda x, k: found), np.zeros((3, 2), np.float32))
    assert rule._low == 0
