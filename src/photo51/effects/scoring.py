"""What an allele does to the model: likelihood, activations and features, with everything shared that alleles share.

A causal model reads the bases before a variant alike for every allele. So each window is read once up to its first
variant, the state is kept, and reference and alternative alleles go on from there together: the numbers are those of
two full passes for each variant, at less than half the cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from photo51.effects.windows import AlleleReading, focus
from photo51.io.origin import Origin
from photo51.model.families.adapters import DnaModel
from photo51.model.sites import Sites
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.tokenizer import PAD

STATISTICS = ("focal", "near", "window")


class EncodingDictionary(Protocol):
    """A sparse autoencoder as far as variants need it (`photo51.sae.dictionary.Dictionary`)."""

    @property
    def origin(self) -> Origin:
        """What activations it encodes."""

    @property
    def n_features(self) -> int:
        """Features."""

    def encode(self, x: NDArray[np.float32]) -> sparse.csr_matrix:
        """Codes (tokens, features) of activations (tokens, d_model), each base for itself."""


class AlleleEffect(NamedTuple):
    """One allele read in one direction.

    Attributes
    ----------
    row
        Row of the variants table.
    llr
        log P(alternative window) - log P(reference window) (nats).
    llr_flank
        The same over unchanged bases that both windows have.
    embedding
        Change of the activations at the focal base, (d_model,).
    focal, near, window
        Signed change of each feature, (n_features,): at the focal base; the largest within reach after it; summed over
        all bases after it that both windows have.
    """

    row: int
    llr: float
    llr_flank: float
    embedding: NDArray[np.float32]
    focal: NDArray[np.float32]
    near: NDArray[np.float32]
    window: NDArray[np.float32]


class AlleleRead(NamedTuple):
    """A window from token `start` on: log-probability of each token and activations of each base."""

    start: int
    log_p: NDArray[np.float64]
    x: NDArray[np.float32]


class Comparer:
    """Differences between a reference and an alternative window that have been read.

    Parameters
    ----------
    dictionary
        Dictionary of one of the model's sites.
    reach
        Bases after the focal base that `near` covers.
    """

    def __init__(self, dictionary: EncodingDictionary, *, reach: int = 15):
        self.dictionary = dictionary
        self.site = dictionary.origin.site
        self.reach = reach

    def total(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Codes of activations (bases, d_model) summed over the bases, (n_features,)."""
        if not len(x):
            return np.zeros(self.dictionary.n_features)
        # 1ᵀ · codes: the column sums of a sparse matrix
        return np.ones(len(x)) @ self.dictionary.encode(x)

    def compare(
        self, reading: AlleleReading, i: int, ref: AlleleRead, alt: AlleleRead, ref_total: NDArray[np.float64]
    ) -> AlleleEffect:
        """Effect of allele `i` of a window; `ref_total` is `total(ref.x)`, which its alleles share."""
        pairs = reading.pairs[i]
        focal = focus(pairs, self.reach)
        # index of the window → index of what was read, which begins after the prefix
        r, a = pairs.ref - ref.start, pairs.alt - alt.start
        # aligned, unchanged, and read after the prefix: what comes before is equal by construction
        shared = ~pairs.changed & (r >= 0)
        near = self._near(ref, alt, r[focal.near], a[focal.near])
        first_ref, first_alt = int(r[focal.first]), int(a[focal.first])
        # deleted bases from the focal base on have no counterpart; codes at them are taken off the sum
        gone = pairs.ref_only[pairs.ref_only - ref.start >= first_ref] - ref.start
        new = pairs.alt_only[pairs.alt_only - alt.start >= first_alt] - alt.start
        # all bases less those before the focal one: the total is shared by the alleles of a window, the rest is short
        ref_tail = ref_total - self.total(ref.x[:first_ref]) - self.total(ref.x[gone])
        alt_tail = self.total(alt.x[first_alt:]) - self.total(alt.x[new])
        return AlleleEffect(
            int(reading.rows[i]),
            float(alt.log_p.sum() - ref.log_p.sum()),
            float(alt.log_p[a[shared]].sum() - ref.log_p[r[shared]].sum()),
            alt.x[first_alt] - ref.x[first_ref],
            near[0],
            # the largest in size, with its sign
            np.take_along_axis(near, np.abs(near).argmax(0)[None], axis=0)[0],
            (alt_tail - ref_tail).astype(np.float32),
        )

    def _near(
        self, ref: AlleleRead, alt: AlleleRead, r: NDArray[np.int64], a: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Change of each feature at each of a few aligned bases, (bases, n_features)."""
        # one call for both alleles; the first half is the reference
        codes = self.dictionary.encode(np.concatenate([ref.x[r], alt.x[a]]))
        return (codes[len(r) :] - codes[: len(r)]).toarray().astype(np.float32)


class PlainScorer(Comparer):
    """Scores alleles by two full passes for each, with any model: the slow way to the same numbers.

    Parameters
    ----------
    model
        Any model of DNA.
    dictionary, reach
        As in `Comparer`.
    """

    def __init__(self, model: DnaModel, dictionary: EncodingDictionary, *, reach: int = 15):
        super().__init__(dictionary, reach=reach)
        self.model = model

    def score(self, batch: Sequence[AlleleReading]) -> Iterator[AlleleEffect]:
        """Score the alleles of windows, one after the other."""
        for reading in batch:
            for i, alt in enumerate(reading.alts):
                # read anew for each allele: this is the slow scorer that others are tested against
                ref_read = self._full(reading.ref)
                yield self.compare(reading, i, ref_read, self._full(alt), self.total(ref_read.x))

    def _full(self, ids: NDArray[np.uint8]) -> AlleleRead:
        # NaN at the first token, which nothing predicts: it counts 0
        log_p = np.nan_to_num(self.model.log_probs([ids], over="vocabulary")[0]).astype(np.float64)
        x = self.model.read([ids], [self.site]).activations[self.site][0]
        return AlleleRead(0, log_p, x.float().cpu().numpy())


class AlleleScorer(Comparer):
    """Scores alleles with a StripedHyena, what alleles share read once.

    Parameters
    ----------
    model
        Next-base model.
    dictionary, reach
        As in `Comparer`.
    tokens
        Tokens read at once, at most (a longer window is read alone).
    """

    def __init__(self, model: StripedHyena, dictionary: EncodingDictionary, *, reach: int = 15, tokens: int = 32_768):
        super().__init__(dictionary, reach=reach)
        self.model = model.eval()
        self.tokens = tokens
        self.device = model.embedding_layer.weight.device

    @torch.no_grad()
    def score(self, batch: Sequence[AlleleReading]) -> Iterator[AlleleEffect]:
        """Score the alleles of windows with one prefix length, prefixes shared."""
        prefix = batch[0].prefix
        state, last = self._prefixes(batch, prefix)
        # references too go on from the shared state: both sides of a difference are computed alike
        refs = list(self._read([r.ref[prefix:] for r in batch], state, last, np.arange(len(batch)), prefix))
        totals = [self.total(ref.x) for ref in refs]
        alleles = [(b, i) for b, r in enumerate(batch) for i in range(len(r.alts))]
        # by length, so that little is padded
        alleles.sort(key=lambda pair: len(batch[pair[0]].alts[pair[1]]))
        windows = [batch[b].alts[i][prefix:] for b, i in alleles]
        prefix_of = np.array([b for b, _ in alleles])
        for (b, i), alt in zip(alleles, self._read(windows, state, last, prefix_of, prefix), strict=True):
            yield self.compare(batch[b], i, refs[b], alt, totals[b])

    def _prefixes(self, batch: Sequence[AlleleReading], prefix: int) -> tuple[HyenaCache, Tensor | None]:
        """State after the shared prefixes, and the hidden state of their last token, (windows, 1, d_model)."""
        state = HyenaCache(len(self.model.blocks))
        if not prefix:
            return state, None
        ids = torch.from_numpy(np.stack([r.ref[:prefix] for r in batch]).astype(np.int64)).to(self.device)
        hidden = self.model.hidden(ids, cache=state)
        assert hidden is not None
        return state, hidden[:, -1:]

    def _read(
        self,
        windows: Sequence[NDArray[np.uint8]],
        state: HyenaCache,
        last: Tensor | None,
        prefix_of: NDArray[np.int64],
        start: int,
    ) -> Iterator[AlleleRead]:
        """Read token ids (each from `start` on), window i going on from state `of[i]`; padding on the right touches
        nothing.
        """
        first = 0
        while first < len(windows):
            longest, n = len(windows[first]), 1
            # a batch costs its rows times its longest window
            while first + n < len(windows) and (n + 1) * max(longest, len(windows[first + n])) <= self.tokens:
                longest, n = max(longest, len(windows[first + n])), n + 1
            ids = np.full((n, longest), PAD, dtype=np.int64)
            for i, window in enumerate(windows[first : first + n]):
                ids[i, : len(window)] = window
            selected = torch.from_numpy(prefix_of[first : first + n]).to(self.device)
            yield from self._run(
                torch.from_numpy(ids).to(self.device), state, last, selected, start, windows[first : first + n]
            )
            first += n

    def _run(
        self,
        ids: Tensor,
        state: HyenaCache,
        last: Tensor | None,
        selected: Tensor,
        start: int,
        windows: Sequence[NDArray[np.uint8]],
    ) -> Iterator[AlleleRead]:
        sites = Sites([self.site])
        # a copy for each row: several alleles start from the same prefix
        cache = state.map(lambda tensor: tensor.index_select(0, selected))
        hidden = self.model.hidden(ids, cache=cache, sites=sites)
        assert hidden is not None
        x = sites[self.site].float().cpu().numpy()
        # the prediction of token t stands at t − 1: the last hidden state of the prefix predicts the first token here
        before = hidden[:, :-1] if last is None else torch.cat([last.index_select(0, selected), hidden[:, :-1]], dim=1)
        targets = ids if last is not None else ids[:, 1:]
        logits = self.model.logits(before)
        # −cross-entropy is the log-probability of the token over the whole vocabulary (nats)
        log_p = -F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none").view(targets.shape)
        if last is None:  # nothing predicts the first token of a sequence
            log_p = F.pad(log_p, (1, 0))
        for i, window in enumerate(windows):
            # padding on the right is cut off; a causal model has not let it touch the rest
            yield AlleleRead(start, log_p[i, : len(window)].double().cpu().numpy(), x[i, : len(window)])
