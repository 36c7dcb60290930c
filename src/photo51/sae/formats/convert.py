"""Dictionaries of other tools: read and written without those tools.

SAELens, EleutherAI's sparsify, dictionary_learning with InterPLM, and the file of the Evo 2 layer-26 autoencoder (tied
weights; Brixi et al., doi:10.1101/2025.02.18.638918). Pickled files are opened with `weights_only`, which builds
tensors and nothing else. What a file asks for that a dictionary here cannot do is refused by name, never dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photo51.config.sae import SaeParams
from photo51.io import sha256
from photo51.io.origin import Origin
from photo51.sae.dictionary import SparseAutoencoder
from photo51.sae.engine.encoder import Encoder
from photo51.sae.engine.lanes import pad
from photo51.sae.formats import dictionary_learning, saelens, sparsify
from photo51.sae.formats.foreign import Foreign, pickled, weights
from photo51.sae.rules import BatchTopK, Gate
from photo51.types import InputError

log = logging.getLogger(__name__)
EVO2_K = 64


def load_foreign(path: Path | str, origin: Origin | None = None, kind: str | None = None) -> SparseAutoencoder:
    """Read a dictionary that another tool wrote.

    Parameters
    ----------
    path
        Folder, or file (`evo2`).
    origin
        What activations it encodes. May be left out where photo51 wrote the file, which then says so itself.
    kind
        Format; found out from the files if None.

    Returns
    -------
    SparseAutoencoder
        Codes as the tool itself computes them on one base.

    Raises
    ------
    InputError
        For another format or a dictionary that works otherwise, for a missing origin, and where the file's own origin
        is not `origin`, naming both.
    """
    path = Path(path)
    kind = kind or guess(path)
    if kind not in _READERS:
        raise InputError(f"format: need one of {', '.join(_READERS)}, got {kind!r}")
    foreign = _READERS[kind](path)
    if foreign.origin is not None and origin is not None:
        foreign.origin.require(origin, f"{path}: activations")
    origin = origin or foreign.origin
    if origin is None:
        raise InputError(
            f"{path}: need the model and site it is of, got a {kind} file that does not say; name the activations"
            " (--activations), or --model and --site"
        )
    width = foreign.weights["encoder"].shape[1]
    if width != origin.d_model:
        raise InputError(f"{path}: need a dictionary for {origin}, got one for {width} numbers per base")
    if foreign.declared and foreign.origin is None and not _named_alike(foreign.declared, origin.model_name):
        log.warning("%s: the file says that it is of model %r; it is taken for %s", path, foreign.declared, origin)
    card = {"imported": {"format": kind, "sha256": _digest(path), "declared_model": foreign.declared}}
    return SparseAutoencoder(foreign.weights, foreign.gate, origin, card)


def _named_alike(declared: str, name: str) -> bool:
    """Whether two names of models end alike, whoever published them."""
    # publishers differ (`facebook/esm2_t6_8M`), and names here may have the prefix of where the model came from
    return declared.rsplit("/", 1)[-1].lower() == name.removeprefix("hf:").rsplit("/", 1)[-1].lower()


def guess(path: Path) -> str:
    """Format of a file or folder, from the names in it."""
    if path.is_file():
        return "evo2" if "W" in pickled(path) else "dictionary_learning"
    for name, kind in (
        ("sae_weights.safetensors", "saelens"),
        ("sae.safetensors", "sparsify"),
        *((name, "dictionary_learning") for name in dictionary_learning.FILES),
    ):
        if (path / name).is_file():
            return kind
    raise InputError(
        f"{path}: need a dictionary of {', '.join(_READERS)}, got no sae_weights.safetensors, sae.safetensors, ae.pt or"
        " file"
    )


def calibrated(sae: SparseAutoencoder, x: NDArray[np.float32], k: int) -> SparseAutoencoder:
    """The same dictionary with the one threshold at which a base of `x` (rows, d_model) has k active features on
    average.

    For dictionaries trained by BatchTopK whose files hold no threshold: codes then depend on their own base alone.
    """
    if k >= sae.n_features:
        raise InputError(f"--calibrate: need fewer active features than there are ({sae.n_features:,}), got {k:,}")
    rule = BatchTopK(SaeParams(n_features=sae.n_features, k=k))
    encoder, centred = Encoder(pad(sae.encoder), sae.bias), pad(x - sae.centre)
    # only the first guess of the rule: the threshold itself is counted exactly
    rule.prepare(encoder, centred)
    weights = {n: a for n, a in sae.arrays().items() if n not in {"k", "threshold"}}
    card = {**sae.card, "calibrated": {"k": k, "rows": len(x)}}
    return SparseAutoencoder(weights, rule.gate(encoder, centred), sae.origin, card)


def save_foreign(sae: SparseAutoencoder, out: Path | str, kind: str) -> None:
    """Write a dictionary so that another tool loads it and computes the same codes.

    Parameters
    ----------
    sae
        What to write.
    out
        Folder.
    kind
        `saelens`, `sparsify` (fixed k alone) or `dictionary_learning` (fixed k, or one threshold for all features).

    Raises
    ------
    InputError
        Where the format cannot hold this dictionary.
    """
    if kind not in _WRITERS:
        raise InputError(f"format: need one of {', '.join(_WRITERS)} to write, got {kind!r}")
    _WRITERS[kind](sae, Path(out))


def _read_evo2(path: Path) -> Foreign:
    a = pickled(path, ("W", "b_enc", "b_dec"))
    # tied weights: the decoder is the encoder's transpose, and the bias of the decoder is not subtracted first
    return Foreign(weights(a["W"].T, a["b_enc"], a["W"].T, a["b_dec"], centred=False), Gate(k=EVO2_K))


_READERS: Mapping[str, Callable[[Path], Foreign]] = {
    "saelens": saelens.read_saelens,
    "sparsify": sparsify.read_sparsify,
    "dictionary_learning": dictionary_learning.read_dictionary_learning,
    "evo2": _read_evo2,
}
_WRITERS: Mapping[str, Callable[[SparseAutoencoder, Path], None]] = {
    "saelens": saelens.write_saelens,
    "sparsify": sparsify.write_sparsify,
    "dictionary_learning": dictionary_learning.write_dictionary_learning,
}


def _digest(path: Path) -> str:
    names = ("sae_weights.safetensors", "sae.safetensors", *dictionary_learning.FILES)
    return sha256(path if path.is_file() else next(path / n for n in names if (path / n).is_file()))
