"""The synthetic run with a model and a dictionary that work: sh2:nano, and decoder rows drawn at random."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
import synthetic_enrichment
import synthetic_geometry
import synthetic_run
import synthetic_tables

from photo51.model.families.adapters import load_model
from photo51.sae.dictionary import Gate, SparseAutoencoder

SITE = "block.2.out"


def dictionary(n: int = synthetic_run.N_FEATURES, seed: int = 5) -> SparseAutoencoder:
    """A dictionary of sh2:nano whose features are random directions, a few of them active at each base."""
    model = load_model("sh2:nano", device="cpu")
    rng = np.random.default_rng(seed)
    bases = rng.choice(np.frombuffer(b"ACGT", dtype=np.uint8), 600)
    x = model.read([bases], [SITE]).activations[SITE][0].numpy()
    rows = rng.normal(size=(n, x.shape[1])).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    spread = np.abs((x - x.mean(0)) @ rows.T).mean(0)[:, None].astype(np.float32)
    weights = {
        "encoder": rows / spread, "decoder": rows * spread, "bias": np.zeros(n, np.float32),
        "centre": x.mean(0).astype(np.float32), "offset": x.mean(0).astype(np.float32),
    }  # fmt: skip
    return SparseAutoencoder(weights, Gate(k=8), model.spec.origin(SITE))


def build(folder: Path) -> Path:
    """A whole run."""
    genomes = synthetic_run.make_genomes(folder)
    codes = synthetic_run.make_codes(genomes, folder / "codes" / "main")
    synthetic_tables.make_features(folder, genomes)
    synthetic_tables.make_causes(folder)
    synthetic_tables.make_disease(folder)
    synthetic_enrichment.make_enrichment(folder, genomes, codes)
    synthetic_geometry.make_geometry(folder, genomes, codes)
    dictionary().save(folder / "sae" / "main")
    return folder
