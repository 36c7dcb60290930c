"""The Evo 2 recipe from released files to codes, with a tiny model and dictionary in the published layouts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from photo51.cli import app
from photo51.codes import CodesStore
from photo51.config import parse
from photo51.config.run import Config
from photo51.model.checkpoints.convert import convert
from photo51.model.checkpoints.presets import Preset, preset, striped
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.flops import blocks_read
from photo51.model.stripedhyena.modeling import StripedHyena

ROOT = Path(__file__).parents[2]
D, F, K, SITE = 16, 80, 64, "block.26.out"
KINDS = striped(28, (3, 10, 17, 24))
SHAPE = {
    "hidden_size": D,
    "mlp_size": 24,
    "n_heads": 2,
    "hcs_groups": 4,
    "hcm_groups": 4,
    "block_kinds": KINDS,
}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """Files as published: weights with q, k and v beside each other head by head, and a dictionary with tied weights."""
    folder = tmp_path_factory.mktemp("released")
    torch.manual_seed(0)
    model = StripedHyena(StripedHyenaConfig(**SHAPE, max_length=8_192)).eval()
    state = {}
    for name, weight in model.state_dict().items():
        w = weight.clone()
        if w.ndim == 2 and "filter." not in name and "embedding" not in name:
            w *= 3
        model.state_dict()[name].copy_(w)
        state[name] = w.unflatten(0, (3, 2, -1)).transpose(0, 1).flatten(0, 2) if ".Wqkv." in name else w
    state["unembed.weight"] = state["embedding_layer.weight"]
    torch.save(state, folder / "evo2_tiny.pt")
    rng = torch.Generator().manual_seed(1)
    sae = {
        "_orig_mod.W": torch.randn(D, F, generator=rng),
        "_orig_mod.b_enc": 0.1 * torch.randn(F, generator=rng),
    }
    sae["_orig_mod.b_dec"] = torch.randn(D, generator=rng)
    torch.save(sae, folder / "sae-layer26.pt")
    return folder, model, sae


def run(*words):
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exit_code == 0, (done.output, done.exception)


def test_from_released_files_to_codes(released, tmp_path):
    folder, model, sae = released
    tiny = Preset("evo2:tiny", SHAPE, 8_192, "none", "evo2_tiny.pt")
    convert(folder / "evo2_tiny.pt", tmp_path / "model", tiny)
    rng = np.random.default_rng(3)
    bases = "".join("ACGT"[i] for i in rng.integers(0, 4, 3_300))
    (tmp_path / "g.fa").write_text(f">c\n{bases}\n")
    (tmp_path / "genomes.tsv").write_text("genome\tsequence\ttopology\ng\tg.fa\tlinear\n")
    genome = tmp_path / "genome"
    params = '{"core": 200, "warmup": 100, "min_context": 0, "block": 300, "gap": 0, "shard": 400}'
    run("prepare", tmp_path / "genomes.tsv", genome, "--params", params)
    reading = f'{{"model": "{tmp_path / "model"}", "sites": ["{SITE}"], "precision": "bfloat16"}}'
    run("activations", tmp_path, "--params", reading, "--threads", 1)
    store = tmp_path / "activations" / "model" / SITE
    out = tmp_path / "sae" / "main"
    run(
        "import-sae",
        folder / "sae-layer26.pt",
        out,
        "--format",
        "evo2",
        "--activations",
        store,
        "--threads",
        1,
    )
    codes = tmp_path / "codes" / "main"
    words = ["encode", tmp_path, "--with", "none", "--params", reading, "--threads", 1]
    run(*words, "--part", "0/2")
    run(*words, "--part", "1/2")
    run("encode", tmp_path, "--gather", 2)

    # the first window of strand + is read from the start of the contig: the original model and the published formula say
    # what its codes are, cold starts too, as a `min_context` of 0 asks for
    ids = torch.tensor(list(bases[:200].encode()))[None]
    with torch.inference_mode():
        x = model(ids, output_hidden_states=True).hidden_states[27][0]
    pre = torch.relu(x @ sae["_orig_mod.W"] + sae["_orig_mod.b_enc"])
    value, index = pre.topk(K, dim=1)
    want = torch.zeros_like(pre).scatter_(1, index, value).numpy()
    got = CodesStore.open(codes).matrix("+", slice(0, 200)).toarray()
    assert got.shape == want.shape
    assert np.allclose(got, want, rtol=3e-3, atol=3e-3)
    assert (want[:100] > 0).sum() > 500
    assert (want[100:] > 0).sum() > 1_000


def test_the_example_is_what_it_says():
    config = parse(Config, str(ROOT / "config/examples/evo2_7b.yaml"))
    architecture = preset(config.activations.model).config()
    assert architecture.block_kinds[26] in {"hcs", "hcm", "hcl"}
    assert blocks_read(architecture, config.activations.sites) == 27
    assert config.genome.core + config.genome.warmup == 8_192
    assert (architecture.hidden_size, config.sae.n_features, config.sae.k) == (4_096, 8 * 4_096, 64)
    assert not config.stored
