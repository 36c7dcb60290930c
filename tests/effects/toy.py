"""A tiny model, a tiny dictionary and genomes in memory."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from photo51.genome.alphabet import reverse_complement
from photo51.io.origin import Origin
from photo51.model.families.adapters import ModelReading
from photo51.model.sites import Sites
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena


class ToyGenomes:
    """Contigs in memory, with the interface of `Genomes` that effects use."""

    def __init__(self, contigs, circular=()):
        self.contigs = {name: np.frombuffer(s.encode(), dtype=np.uint8) for name, s in contigs.items()}
        self.circular = set(circular)
        rows = [("g", name, len(s)) for name, s in contigs.items()]
        self.sequences = pd.DataFrame(rows, columns=["genome", "chrom", "length"])

    def has(self, genome, chrom):
        return chrom in self.contigs

    def length(self, genome, chrom):
        return len(self.contigs[chrom])

    def is_circular(self, genome, chrom):
        return chrom in self.circular

    def sequence(self, genome, chrom, start, end, strand="+"):
        ids = np.take(self.contigs[chrom], np.arange(start, end), mode="wrap" if chrom in self.circular else "raise")
        return reverse_complement(ids) if strand == "-" else ids


@dataclass
class ToyDictionary:
    """ReLU codes over a threshold."""

    origin: Origin
    weight: torch.Tensor
    bias: float = -0.5

    @property
    def n_features(self):
        return self.weight.shape[0]

    def encode(self, x, origin=None):
        return sparse.csr_matrix(torch.relu(torch.from_numpy(x) @ self.weight.T + self.bias).numpy())


torch.set_num_threads(1)


def toy_model(seed=0, kinds="smla"):
    torch.manual_seed(seed)
    config = StripedHyenaConfig(
        hidden_size=16,
        block_kinds=kinds,
        mlp_size=32,
        n_heads=2,
        hcs_groups=4,
        hcm_groups=4,
        initializer_range=0.3,
    )
    return StripedHyena(config).eval()


def toy_dictionary(n_features=64, d=16, site="block.2.out", seed=1):
    generator = torch.Generator().manual_seed(seed)
    return ToyDictionary(Origin("toy", site, d), torch.randn(n_features, d, generator=generator))


def random_sequence(length, seed=0):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def variant_table(rows, chrom="c"):
    """Rows of (0-based position, ref, alt)."""
    table = pd.DataFrame(rows, columns=["pos", "ref", "alt"])
    return table.assign(genome="g", chrom=chrom)


class ToyDnaModel:
    """A toy model behind the interface of all models, by its plain forward pass."""

    def __init__(self, model):
        self.model = model

    def _run(self, sequences, sites=None):
        tokens = torch.from_numpy(np.stack(sequences).astype(np.int64))
        with torch.no_grad():
            return tokens, self.model(tokens, sites=sites)

    def log_probs(self, sequences, over="bases"):
        tokens, out = self._run(sequences)
        log_p = out.logits.log_softmax(-1)[:, :-1].gather(-1, tokens[:, 1:, None])[..., 0]
        return [np.append(np.nan, row.numpy()) for row in log_p]

    def read(self, sequences, sites=(), *, likelihood=False):
        read = Sites(sites)
        self._run(sequences, read)
        return ModelReading({name: list(read[name]) for name in sites}, None)
