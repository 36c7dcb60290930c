"""Codes from stored activations, and straight from a model."""

import numpy as np
import pandas as pd
import pytest
import torch

from photo51.activations.extract import extract
from photo51.activations.store import ActivationStore, Masks, shard_path, write_shard
from photo51.codes import gather
from photo51.config.model import ActivationParams
from photo51.features.encode import encode_model, encode_store
from photo51.features.fidelity import hold, reconstruct_site, recovered, splice
from photo51.genome.axis.genomes import core_rows
from photo51.io.origin import Origin
from photo51.model.families.adapters import load_model
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.pretrained import save_pretrained
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.rules import Gate
from photo51.types import InputError

ORIGIN = Origin(model="m", site="block.0.out", d_model=2)


def identity(d, origin, threshold=0.0):
    """Codes are the positive parts of the channels and of their negatives: what is decoded is what was encoded."""
    both = np.vstack([np.eye(d), -np.eye(d)]).astype(np.float32)
    zero = np.zeros(d, np.float32)
    weights = {
        "encoder": both,
        "decoder": both,
        "bias": np.zeros(2 * d, np.float32),
        "centre": zero,
        "offset": zero,
    }
    return SparseAutoencoder(weights, Gate(threshold=np.full(2 * d, threshold, np.float32)), origin)


def store(folder):
    plus = np.array([[1, -2], [0, 0], [3, 0.5]], np.float32)
    minus = np.array([[0, 1], [1, 0], [-1, -1]], np.float32)
    valid = {"+": np.array([True, True, False]), "-": np.array([True, True, True])}
    # cold rows have codes
    warm = {"+": np.array([False, True, True]), "-": np.array([True, True, False])}
    values = {"+": plus, "-": minus}
    write_shard(shard_path(folder, 0), 0, values, ORIGIN, workspace="w", fingerprint="x", masks=Masks(valid, warm))
    return ActivationStore(folder)


def test_codes_are_those_worked_by_hand_and_invalid_rows_have_none(tmp_path):
    encode_store(store(tmp_path / "a"), identity(2, ORIGIN), tmp_path / "c")
    codes = gather(tmp_path / "c", 3)
    assert codes.matrix("+").toarray().tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert codes.matrix("-").toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1]]


def test_finished_shards_are_left_and_others_made_again(tmp_path):
    files = encode_store(store(tmp_path / "a"), identity(2, ORIGIN), tmp_path / "c")
    before = [f.stat().st_mtime_ns for f in files]
    encode_store(ActivationStore(tmp_path / "a"), identity(2, ORIGIN), tmp_path / "c")
    assert [f.stat().st_mtime_ns for f in files] == before
    encode_store(ActivationStore(tmp_path / "a"), identity(2, ORIGIN, threshold=1.5), tmp_path / "c")
    assert gather(tmp_path / "c", 3).matrix("+").nnz == 1


def test_a_damaged_shard_of_activations_is_named_and_none_of_it_encoded(tmp_path):
    path = store(tmp_path / "a").shards[0].file.path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"00000\.safetensors.*damaged"):
        encode_store(ActivationStore(tmp_path / "a"), identity(2, ORIGIN), tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_activations_of_another_site_are_refused_naming_both(tmp_path):
    other = Origin(model="m", site="block.1.out", d_model=2)
    with pytest.raises(InputError, match=r"block.1.out.*block.0.out"):
        encode_store(store(tmp_path / "a"), identity(2, other), tmp_path / "c")


class Bases:
    """Two windows of one contig, one on each strand."""

    ids = np.frombuffer(b"ACGTTGCATTACGGATCCGA", np.uint8)
    sequences = pd.DataFrame({"genome": ["g"], "chrom": ["c"], "sha256": ["s"]})

    def window_sequence(self, window):
        if window["strand"] == "+":
            return self.ids[window["start"] - window["warmup"] : window["end"]]
        back = self.ids[window["start"] : window["end"] + window["warmup"]][::-1]
        return np.frombuffer(bytes(back).translate(bytes.maketrans(b"ACGT", b"TGCA")), np.uint8)


WINDOWS = pd.DataFrame(
    [(0, "g", "c", 4, 16, "+", 4, 0, 0, "test", 0), (1, "g", "c", 4, 16, "-", 4, 0, 0, "test", 0)],
    columns=[
        "window",
        "genome",
        "chrom",
        "start",
        "end",
        "strand",
        "warmup",
        "row",
        "block",
        "split",
        "shard",
    ],
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    config = StripedHyenaConfig(hidden_size=16, block_kinds="sa", mlp_size=32, n_heads=2, hcs_groups=4, hcm_groups=4)
    folder = tmp_path_factory.mktemp("model")
    save_pretrained(StripedHyena(config), folder)
    return load_model(folder)


def test_codes_straight_from_the_model_are_those_of_stored_activations(model, tmp_path):
    params = ActivationParams(sites=("block.0.out",), ambiguous_reach=0)
    dictionary = identity(16, model.spec.origin("block.0.out"), threshold=0.01)
    extract(model, Bases(), WINDOWS, tmp_path / "a", params)
    encode_store(ActivationStore(tmp_path / "a" / "block.0.out"), dictionary, tmp_path / "stored")
    encode_model(model, dictionary, Bases(), WINDOWS, tmp_path / "live", params)
    for strand in "+-":
        stored = gather(tmp_path / "stored", 12).matrix(strand).toarray()
        live = gather(tmp_path / "live", 12).matrix(strand).toarray()
        assert stored.any()
        assert np.allclose(stored, live, atol=0.011)  # a value at the threshold may fall to either side


def test_cold_starts_have_codes_from_store_and_model(model, tmp_path):
    """Bases 0 to 15 from windows that begin cold at the first base of either strand; after the N none within reach."""
    windows = pd.DataFrame(
        [
            (0, "g", "c", 0, 6, "+", 0, 0, 0, "test", 0),
            (1, "g", "c", 0, 6, "-", 4, 0, 0, "test", 0),
            (2, "g", "c", 6, 16, "+", 4, 6, 0, "test", 0),
            (3, "g", "c", 6, 16, "-", 0, 6, 0, "test", 0),
        ],
        columns=WINDOWS.columns,
    )
    bases = Bases()
    bases.ids = Bases.ids.copy()
    bases.ids[9] = ord("N")
    params = ActivationParams(sites=("block.0.out",), ambiguous_reach=2)
    dictionary = identity(16, model.spec.origin("block.0.out"), threshold=0.01)
    extract(model, bases, windows, tmp_path / "a", params)
    store = ActivationStore(tmp_path / "a" / "block.0.out")
    encode_store(store, dictionary, tmp_path / "stored")
    encode_model(model, dictionary, bases, windows, tmp_path / "live", params)
    for strand, silent, cold in (("+", [9, 10, 11], [0, 1, 2, 3]), ("-", [7, 8, 9], [12, 13, 14, 15])):
        for made in ("stored", "live"):
            codes = gather(tmp_path / made, 16).matrix(strand).toarray()
            assert np.flatnonzero(~codes.any(axis=1)).tolist() == silent, (made, strand)
        learnable = np.setdiff1d(np.arange(16), silent + cold)
        assert np.flatnonzero(store.learnable(strand)).tolist() == learnable.tolist()


def test_a_perfect_dictionary_recovers_everything_and_a_constant_nothing(model):
    site = "block.0.out"
    perfect = identity(16, model.spec.origin(site))
    coding = (np.arange(12) < 6, np.arange(12) < 6)
    losses = splice(model, perfect, Bases(), WINDOWS, np.zeros(16, np.float32))
    table = recovered(losses, {"coding": coding}).set_index("bases")
    assert table["n"].tolist() == [24, 12]
    assert table.loc["all", "nats_spliced"] == pytest.approx(table.loc["all", "nats_original"], abs=1e-5)
    assert abs(table.loc["all", "nats_constant"] - table.loc["all", "nats_original"]) > 1e-4


def test_nothing_is_recovered_where_there_was_nothing_to_lose():
    rng = np.random.default_rng(0)
    n = 20_000
    original, noise = rng.exponential(size=n), rng.normal(size=n)
    # noise that keeps its sign for a hundred bases: its mean is chance, though by single bases it looks sure
    alike = np.repeat(rng.normal(size=n // 100), 100)
    got = {}
    for name, lost in (("nothing", noise), ("segments", alike), ("something", noise + 0.2)):
        losses = pd.DataFrame({"row": range(n), "strand": "+", "nats_original": original})
        losses["nats_constant"], losses["nats_spliced"] = original + lost, original + lost / 4
        got[name] = float(recovered(losses).set_index("bases").loc["all", "recovered"])
    assert np.isnan(got["nothing"])
    assert np.isnan(got["segments"])
    assert got["something"] == pytest.approx(0.75)


def test_losses_are_the_same_whether_what_comes_before_the_site_is_read_once_or_every_time(model):
    class Other:
        """The model under an interface of which nothing is known but `forward`."""

        spec, forward = model.spec, staticmethod(model.forward)

    for site in ("embed", "block.0.out", "block.1.out"):  # most of the model comes before the last alone
        halved = identity(16, model.spec.origin(site), threshold=0.3)
        mean = np.linspace(-1, 1, 16, dtype=np.float32)
        once = splice(model, halved, Bases(), WINDOWS, mean)
        pd.testing.assert_frame_equal(once, splice(Other(), halved, Bases(), WINDOWS, mean))
        assert (once["nats_spliced"] - once["nats_original"]).abs().max() > 1e-4
    middle = identity(16, model.spec.origin("block.0.mid"), threshold=0.3)  # not the whole stream: read every time
    pd.testing.assert_frame_equal(*(splice(m, middle, Bases(), WINDOWS, mean) for m in (model, Other())))


def test_losses_of_windows_of_many_chunks_are_the_same_as_well():
    nano = load_model("sh2:nano", device="cpu")
    bases, windows = Bases(), WINDOWS.assign(end=1_500, start=700, warmup=400)
    bases.ids = np.frombuffer(b"ACGTN", np.uint8)[
        np.random.default_rng(1).choice(5, 2_000, p=[0.3, 0.2, 0.2, 0.29, 0.01])
    ]

    class Other:
        spec, forward = nano.spec, staticmethod(nano.forward)

    dictionary = identity(128, nano.spec.origin("block.3.out"), threshold=1.0)
    once, again = (splice(m, dictionary, bases, windows, np.zeros(128, np.float32)) for m in (nano, Other()))
    assert once["nats_constant"].notna().sum() > 1_500
    pd.testing.assert_frame_equal(once, again)


def test_edits_keep_the_shape_of_the_site(model):
    x = torch.randn(1, 5, 16)
    assert torch.allclose(reconstruct_site(identity(16, model.spec.origin("block.0.out")))(x, 0), x, atol=1e-6)
    assert hold(np.ones(16, np.float32))(x, 0).shape == x.shape
    assert core_rows(WINDOWS.iloc[1]).tolist() == list(range(11, -1, -1))
