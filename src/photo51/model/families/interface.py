"""What every model offers: sequences in, activations of bases, likelihoods and new sequence out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from photo51.io import content_hash
from photo51.io.origin import Origin
from photo51.model.families.spans import SpannedTokens
from photo51.model.sites import Sites
from photo51.model.tokenizer import token_ids
from photo51.types import InputError

Over = Literal["bases", "vocabulary"]
Sequences = NDArray[np.uint8] | Sequence[NDArray[np.uint8] | str]


@dataclass(frozen=True)
class ModelSpec:
    """What a model is.

    Attributes
    ----------
    name
        As `load_model` was asked for it.
    family
        `stripedhyena2`, `stripedhyena1`, or the model type of the library.
    digest
        SHA-256 of the weights.
    config
        Architecture.
    d_model, n_layers
        Width of the residual stream, and blocks.
    block_kinds
        Kind of each block.
    context
        Longest sequence seen in training (tokens); None where the model does not say.
    tokenizer
        What a token is.
    bp_per_token
        Mean bases a token.
    causal
        Whether a token sees only what stands before it.
    dtype
        Type of the numbers.
    licence
        Licence of the weights, where known.
    requires
        What the model needs to run, in words; empty for nothing special.
    random_seed
        Seed of fresh weights, for a random-weight control; None for trained weights.
    """

    name: str
    family: str
    digest: str
    config: dict[str, Any] = field(repr=False)
    d_model: int
    n_layers: int
    block_kinds: tuple[str, ...]
    context: int | None
    tokenizer: str
    bp_per_token: float
    causal: bool
    dtype: str
    licence: str = ""
    requires: str = ""
    random_seed: int | None = None

    @property
    def hash(self) -> str:
        """Short hash of weights and architecture: two names of one hash are the same model."""
        return content_hash(self.digest, self.config)

    def origin(self, site: str) -> Origin:
        """What activations of a site are activations of."""
        return Origin(model=self.hash, site=site, d_model=self.d_model, model_name=self.name)


class Output(NamedTuple):
    """What a model says about sequences, special tokens and padding left out.

    Attributes
    ----------
    tokens
        Tokens and spans of each sequence.
    logits
        Scores of the next (or masked) token for each sequence, (tokens, vocabulary); None where not asked for.
    sites
        Site → activations of each sequence, (tokens, d_model).
    """

    tokens: list[SpannedTokens]
    logits: list[Tensor] | None
    sites: dict[str, list[Tensor]]


class ModelReading(NamedTuple):
    """What a model says about the bases of sequences.

    Attributes
    ----------
    activations
        Site → activations of every base of each sequence, (bases, d_model); bases of one token have the same.
    log_probs
        Natural log-probability of each base given those before it, (bases,), NaN where there is none; None where not
        asked for.
    """

    activations: dict[str, list[Tensor]]
    log_probs: list[NDArray[np.float32]] | None


class DnaModel(Protocol):
    """A model of DNA.

    Sequences are arrays of upper-case ASCII bytes (batch, length), or texts of one length or several.
    """

    spec: ModelSpec
    sites: list[str]

    @property
    def model(self) -> Any:
        """The model itself."""

    def tokenize(self, sequence: NDArray[np.uint8] | str) -> SpannedTokens:
        """Tokens and the bases they stand for."""

    def forward(self, sequences: Sequences, sites: Sites | None = None, *, logits: bool = True) -> Output:
        """Run the model, reading and editing at sites."""

    def read(self, sequences: Sequences, sites: Sequence[str] = (), *, likelihood: bool = False) -> ModelReading:
        """Activations and likelihoods of every base; nothing after the last site is run where no likelihood is asked
        for.
        """

    def log_probs(self, sequences: Sequences, *, over: Over = "bases") -> list[NDArray[np.float32]]:
        """Natural log-probability of each base given those before it, (bases,); NaN where there is none."""

    def generate(self, prompt: str, n: int, *, temperature: float = 1.0, top_k: int = 4, seed: int = 0) -> str:
        """Continue a sequence by `n` bases."""


def as_bytes(sequences: Sequences) -> list[NDArray[np.uint8]]:
    """Sequences as upper-case bytes.

    Raises
    ------
    InputError
        For an empty sequence, and for one that is no ASCII text.
    """
    try:
        rows = [token_ids(s) if isinstance(s, str) else _folded(np.asarray(s, dtype=np.uint8)) for s in sequences]
    except UnicodeEncodeError as e:
        raise InputError(f"sequence: need letters of ASCII, got {e.object[e.start]!r} at base {e.start}") from e
    if not rows or any(len(row) == 0 for row in rows):
        raise InputError("sequence: need at least one base in each, got none")
    return rows


def _folded(ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bytes with small letters as capitals: to a model they are other tokens, which it has hardly met."""
    small = (ids >= ord("a")) & (ids <= ord("z"))
    return np.where(small, ids - np.uint8(32), ids) if small.any() else ids
