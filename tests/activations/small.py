"""Genomes in memory, and a model whose activations say what it was given."""

import numpy as np
import pandas as pd
import torch

from photo51.genome.alphabet import encode, reverse_complement
from photo51.genome.axis.blocks import cut_blocks
from photo51.genome.axis.genomes import window_sequence
from photo51.genome.axis.reading import reading, scored_segments
from photo51.genome.axis.windows import windows
from photo51.genome.axis.workspace import Workspace
from photo51.model.families.adapters import ModelReading, ModelSpec
from photo51.model.families.spans import base_tokens

SITE = "block.0.out"


class InMemory:
    """One contig `c` of genome `g`, as prepared genomes are asked for it."""

    def __init__(self, text, *, circular=False, core=12, warmup=8, shard=20, context=0):
        self.ids, self.circular = encode(text), circular
        where = reading(self.ids, circular=circular, n_run=3)
        scored = scored_segments(self.ids, np.array([(0, len(text))]), where, context)
        rows = [
            ("g", "c", int(s), int(e), i, "train")
            for i, block in enumerate(cut_blocks(scored, 1_000))
            for s, e in block.tolist()
        ]
        table = pd.DataFrame(rows, columns=["genome", "chrom", "start", "end", "block", "split"])
        self._workspace = Workspace(table)
        self._windows = windows(self._workspace, {("g", "c"): where}, core=core, warmup=warmup, shard=shard)
        self.sequences = pd.DataFrame({"genome": ["g"], "chrom": ["c"], "sha256": ["0" * 64]})
        self.folder = "memory"

    def workspace(self):
        return self._workspace

    def windows(self):
        return self._windows

    def is_circular(self, genome, chrom):
        return self.circular

    def length(self, genome, chrom):
        return len(self.ids)

    def window_sequence(self, window):
        return window_sequence(self.ids, window)

    def sequence(self, genome, chrom, start, end, strand="+"):
        ids = np.take(self.ids, np.arange(start, end), mode="wrap")
        return reverse_complement(ids) if strand == "-" else ids


class Echo:
    """Activations of a base: its letter, the letter before it, and how many bases were read before it."""

    def __init__(self, digest="echo", scale=1.0, forget=None):
        self.spec = ModelSpec(
            name="echo", family="echo", digest=digest, config={}, d_model=3, n_layers=1, block_kinds=("s",),
            context=None, tokenizer="base", bp_per_token=1.0, causal=True, dtype="float32",
        )  # fmt: skip
        self.sites, self.calls, self.scale, self.forget = [SITE, "final_norm"], [], scale, forget

    def tokenize(self, sequence):
        return base_tokens(sequence)

    def read(self, sequences, sites=(), *, likelihood=False):
        self.calls.append([len(s) for s in sequences])
        made = [self._one(np.asarray(s)) for s in sequences]
        log_p = [-np.arange(len(s), dtype=np.float32) for s in sequences] if likelihood else None
        return ModelReading(dict.fromkeys(sites, made), log_p)

    def _one(self, s):
        before = np.concatenate([[0], s[:-1]])
        context = np.arange(len(s))
        if self.forget is not None:
            context = np.exp(-context / self.forget)
        return torch.from_numpy(np.stack([s, before, context], axis=1).astype(np.float32) * self.scale)
