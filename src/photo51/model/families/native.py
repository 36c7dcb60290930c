"""StripedHyena behind the interface of all models: a token is a base."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photo51.model.checkpoints.folder import RECORD, configuration, converted, fresh, load, read_config, shipped_model
from photo51.model.checkpoints.hardware import check_precision, check_window
from photo51.model.checkpoints.presets import PRESETS, Preset
from photo51.model.checkpoints.tensors import WeightFiles, tensor_digest
from photo51.model.families.interface import ModelReading, ModelSpec, Output, Over, Sequences, as_bytes
from photo51.model.families.spans import SpannedTokens, base_tokens
from photo51.model.sites import Sites
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.products import dtype_label
from photo51.model.tokenizer import BASE_IDS, PAD, tokens_text
from photo51.types import InputError


def is_native(name: str) -> bool:
    """Whether a name is that of a StripedHyena: shipped, released, or a folder of ours."""
    if name.startswith(("sh2:", "evo1:", "evo2:")):
        return True
    folder = Path(name)
    return (folder / "config.json").is_file() and read_config(folder).get("model_type") == StripedHyenaConfig.model_type


def open_native(
    name: str, *, seed: int | None, device: str, dtype: torch.dtype, allow_imprecise: bool = False
) -> Native:
    """Open a StripedHyena by name or folder; see `load_model`."""
    release = PRESETS.get(name)
    if name.startswith(("evo1:", "evo2:")) and release is None:
        raise InputError(f"model: need one of {', '.join(PRESETS)}, got {name!r}")
    if release is not None and seed is not None:
        return Native(name, fresh(release.config(), seed, dtype=dtype, device=device), release, seed=seed)
    if release is not None:
        check_precision(release, allow=allow_imprecise)
    folder = (
        converted(name)
        if release
        else shipped_model(name.removeprefix("sh2:"))
        if name.startswith("sh2:")
        else Path(name)
    )
    if seed is not None:
        return Native(name, fresh(configuration(folder), seed, dtype=dtype, device=device), None, seed=seed)
    record = read_record(folder)
    release = release or PRESETS.get(str(record.get("preset")))
    if release is not None:
        check_precision(release, allow=allow_imprecise)
    model = load(folder, dtype=dtype, device=device)
    files = WeightFiles.of(folder)
    return Native(
        name, model, release, digest_=record.get("digest") or tensor_digest((key, files[key]) for key in files)
    )


def read_record(folder: Path) -> dict:
    """What `photo51 convert` wrote down beside the weights; empty where it did not make them."""
    path = folder / RECORD
    return json.loads(path.read_text()) if path.is_file() else {}


class Native:
    """A StripedHyena.

    Parameters
    ----------
    name
        As it was asked for.
    model
        The model, ready to run.
    release
        The preset it comes from, if any.
    seed
        Seed of fresh weights.
    digest_
        Digest of the weights where it is known; else it is computed.
    """

    def __init__(
        self,
        name: str,
        model: StripedHyena,
        release: Preset | None = None,
        *,
        seed: int | None = None,
        digest_: str | None = None,
    ):
        config = model.config
        weights = model.embedding_layer.weight
        self._model, self.config, self.device, self.sites = model, config, weights.device, model.sites
        self.spec = ModelSpec(
            name=name if seed is None else f"{name}@random:{seed}",
            family=f"stripedhyena{config.generation}",
            digest=digest_ or tensor_digest(iter(model.state_dict().items())),
            config=config.identity(),
            d_model=config.hidden_size,
            n_layers=config.num_hidden_layers,
            block_kinds=tuple(config.block_kinds),
            context=config.max_position_embeddings,
            tokenizer="one byte a token",
            bp_per_token=1.0,
            causal=True,
            dtype=dtype_label(weights.dtype, weights.device.type),
            licence=release.licence if release else "Apache-2.0",
            requires="8-bit input projections (Hopper, Transformer Engine)" if release and release.needs_fp8 else "",
            random_seed=seed,
        )

    @property
    def model(self) -> StripedHyena:
        """The model itself."""
        return self._model

    def tokenize(self, sequence: NDArray[np.uint8] | str) -> SpannedTokens:
        """One token a base."""
        return base_tokens(as_bytes([sequence])[0])

    def ids(self, rows: list[NDArray[np.uint8]]) -> Tensor:
        """Token ids (batch, length), shorter sequences padded on the right, where a causal model never sees it."""
        length = max(map(len, rows))
        batch = np.full((len(rows), length), PAD, dtype=np.int64)
        for i, row in enumerate(rows):
            batch[i, : len(row)] = row
        weights = self._model.embedding_layer.weight
        check_window(self.config, length, len(rows), itemsize=weights.element_size(), device=self.device)
        return torch.from_numpy(batch).to(self.device)

    @torch.no_grad()
    def forward(self, sequences: Sequences, sites: Sites | None = None, *, logits: bool = True) -> Output:
        """Run the model, reading and editing at sites."""
        rows = as_bytes(sequences)
        hidden = self._model.hidden(self.ids(rows), sites=sites)
        scores = self._model.logits(hidden) if logits and hidden is not None else None
        read = {} if sites is None else {name: sites[name] for name in sites.read}
        return Output(
            [base_tokens(row) for row in rows],
            None if scores is None else _unpadded(scores, rows),
            {name: _unpadded(x, rows) for name, x in read.items()},
        )

    @torch.no_grad()
    def read(
        self,
        sequences: Sequences,
        sites: Sequence[str] = (),
        *,
        likelihood: bool = False,
        over: Over = "bases",
    ) -> ModelReading:
        """Activations and likelihoods of every base; nothing after the last site is run where no likelihood is asked
        for.

        `over="bases"` shares probability out over A, C, G and T alone, and leaves other letters NaN; `"vocabulary"`
        over all tokens. The first base, which nothing stands before, is NaN. Scores are never held for a whole
        sequence.
        """
        rows = as_bytes(sequences)
        ids = self.ids(rows)

        def then(hidden: Tensor, start: int) -> Tensor:
            target = ids[:, start + 1 : start + 1 + hidden.shape[1]]
            return log_prob(self._model.logits(hidden[:, : target.shape[1]]), target, over)

        collector = Sites(sites, stop=not likelihood)
        parts = []
        for chunk in self._model.stream(ids, sites=collector, then=then if likelihood else None):
            parts.append(chunk.hidden)
            collector.extend(chunk.sites)
        activations = {site: _unpadded(collector[site], rows) for site in collector.read}
        if not likelihood:
            return ModelReading(activations, None)
        first = torch.full((len(rows), 1), torch.nan, device=ids.device)
        log_p = torch.cat([first, *parts], dim=1).cpu().numpy()
        return ModelReading(activations, [log_p[i, : len(row)] for i, row in enumerate(rows)])

    def log_probs(self, sequences: Sequences, *, over: Over = "bases") -> list[NDArray[np.float32]]:
        """Natural log-probability of each base given those before it, (bases,); see `read`."""
        log_p = self.read(sequences, likelihood=True, over=over).log_probs
        assert log_p is not None
        return log_p

    @torch.no_grad()
    def generate(self, prompt: str, n: int, *, temperature: float = 1.0, top_k: int = 4, seed: int = 0) -> str:
        """Continue a sequence by `n` bases, drawn from A, C, G and T; temperature 0 takes the likeliest each time."""
        ids = self.ids(as_bytes([prompt]))
        bases = torch.from_numpy(BASE_IDS.astype(np.int64))
        rng = torch.Generator().manual_seed(seed)
        cache, new = HyenaCache(len(self._model.blocks)), []
        for _ in range(n):
            hidden = self._model.hidden(ids, cache=cache)
            assert hidden is not None
            scores = self._model.logits(hidden[:, -1:])[0, -1, bases.to(self.device)].float().cpu()
            best = scores.topk(min(top_k, 4))
            if temperature == 0:
                choice = best.indices[0]
            else:
                p = torch.softmax(best.values / temperature, -1)
                choice = best.indices[torch.multinomial(p, 1, generator=rng)[0]]
            new.append(int(bases[choice]))
            ids = torch.tensor([[new[-1]]], device=self.device)
        return tokens_text(np.array(new, dtype=np.uint8))


def log_prob(logits: Tensor, target: Tensor, over: Over) -> Tensor:
    """Natural log-probability of target tokens (batch, length) under scores (batch, length, vocabulary), float32."""
    if over == "vocabulary":
        return torch.log_softmax(logits.float(), -1).gather(-1, target[..., None])[..., 0]
    bases = torch.from_numpy(BASE_IDS.astype(np.int64)).to(logits.device)
    table = torch.log_softmax(logits[..., bases].float(), -1)
    hit = target[..., None] == bases
    log_p = torch.where(hit, table, 0.0).sum(-1)
    return torch.where(hit.any(-1), log_p, torch.nan)


def _unpadded(x: Tensor, rows: list[NDArray[np.uint8]]) -> list[Tensor]:
    return [x[i, : len(row)] for i, row in enumerate(rows)]
