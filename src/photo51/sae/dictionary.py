"""Dictionaries: directions in activation space, and how strongly each is present on a base."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from photo51.io import write_json
from photo51.io.files import content_hash
from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile, write_tensors
from photo51.sae.engine import kernels
from photo51.sae.engine.encoder import Encoder, to_csr
from photo51.sae.engine.lanes import pad
from photo51.sae.engine.threads import spread
from photo51.sae.rules import Gate
from photo51.types import InputError

WEIGHTS, CARD = "sae.safetensors", "sae.json"
# rows encoded together: bounds the memory that products of all features take
_CHUNK = 8_192
_ENCODING = Lock()
_kinds: dict[str, type[Dictionary]] = {}


class Dictionary(ABC):
    """What an autoencoder and the baselines it is compared with share.

    Attributes
    ----------
    origin
        What activations it encodes; it refuses others.
    n_features
        Width.
    card
        What else is worth knowing, as JSON can hold it: parameters, results.
    """

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "kind" in cls.__dict__:
            _kinds[cls.kind] = cls

    def __init__(self, origin: Origin, card: dict[str, Any] | None = None):
        self.origin, self.card = origin, dict(card or {})

    @property
    @abstractmethod
    def decoder(self) -> NDArray[np.float32]:
        """(features, d_model): what one unit of a code adds."""

    @property
    @abstractmethod
    def offset(self) -> NDArray[np.float32]:
        """(d_model,): what no code at all decodes to."""

    @property
    def n_features(self) -> int:
        """Width."""
        return len(self.decoder)

    @property
    def unit(self) -> float:
        """Power of two that codes are multiples of where they are stored in half precision."""
        return float(self.card.get("unit", 1.0))

    @abstractmethod
    def _codes(self, x: NDArray[np.float32]) -> sp.csr_matrix: ...

    @abstractmethod
    def arrays(self) -> dict[str, NDArray]:
        """All numbers, by name, as they are saved."""

    @classmethod
    @abstractmethod
    def of(cls, arrays: dict[str, NDArray], origin: Origin, card: dict[str, Any]) -> Dictionary:
        """From what `arrays` gave."""

    def encode(self, x: NDArray[np.floating], origin: Origin | None = None) -> sp.csr_matrix:
        """Codes of activations.

        A base's codes depend on that base alone: the same bits in any batch, on any number of threads.

        Parameters
        ----------
        x
            (rows, d_model), in the units of the model's site.
        origin
            What `x` is of; give it wherever it is known.

        Returns
        -------
        (rows, features), float32, not negative, features ascending in each row.

        Raises
        ------
        InputError
            For activations of something else, naming both; and for another width, or numbers that are not finite.
        """
        if origin is not None:
            self.origin.require(origin, f"{self.kind} {self.hash}: activations")
        x = np.ascontiguousarray(x, dtype=np.float32)
        if x.ndim != 2 or x.shape[1] != self.origin.d_model:
            raise InputError(f"activations: need (rows, {self.origin.d_model}), got shape {x.shape}")
        if not np.isfinite(x).all():
            raise InputError(
                f"activations: need finite numbers, got others in row {np.argwhere(~np.isfinite(x))[0][0]}"
            )
        # products are written to memory that is used again, and the work is shared out among threads already: two
        # callers at once would read each other's products
        with _ENCODING:
            # an empty x still makes one empty part, since vstack refuses a list of none
            parts = [self._codes(x[a : a + _CHUNK]) for a in range(0, max(len(x), 1), _CHUNK)]
        return parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr")

    def decode(self, codes: sp.csr_matrix) -> NDArray[np.float32]:
        """Activations (rows, d_model) of codes (rows, features)."""
        return np.asarray(codes @ self.decoder, dtype=np.float32) + self.offset

    @cached_property
    def hash(self) -> str:
        """Hash of everything that decides a code: numbers, kind and origin."""
        import hashlib

        digest = hashlib.sha256(content_hash(self.kind, self.origin.key()).encode())
        # sorted by name, so that the order in which a kind lists its arrays changes no hash
        for name, a in sorted(self.arrays().items()):
            # type and shape too: the same bytes read as another matrix are another dictionary
            digest.update(f"{name}{a.dtype}{a.shape}".encode())
            digest.update(np.ascontiguousarray(a).tobytes())
        return digest.hexdigest()[:16]

    def save(self, folder: Path | str) -> None:
        """Write `sae.safetensors` and `sae.json` to a folder; equal dictionaries give equal bytes."""
        folder = Path(folder)
        header = {"kind": self.kind, "hash": self.hash, **self.origin.header()}
        write_tensors(folder / WEIGHTS, self.arrays(), header)
        card = {"kind": self.kind, "hash": self.hash, "origin": self.origin.dump(), **self.card}
        write_json(card, folder / CARD)

    @staticmethod
    def load(folder: Path | str) -> Dictionary:
        """Read a dictionary of any kind.

        Raises
        ------
        InputError
            Where a file is absent, damaged or of another dictionary than the other.
        """
        folder = Path(folder)
        file = TensorFile(folder / WEIGHTS)
        file.verify()
        card = json.loads((folder / CARD).read_text()) if (folder / CARD).is_file() else {}
        kind = _kinds.get(file.header.get("kind", ""))
        if kind is None:
            raise InputError(
                f"{file.path}: need a dictionary of kind {', '.join(sorted(_kinds))}, got {file.header.get('kind')!r}"
            )
        origin = Origin.read(file.header, str(file.path))
        # what `save` adds to a card is taken off again, so that saving twice gives the same card
        rest = {name: v for name, v in card.items() if name not in {"kind", "hash", "origin"}}
        loaded = kind.of({name: np.array(file[name]) for name in file}, origin, rest)
        # a folder without a card, or a card without a hash, passes: the numbers alone decide codes
        for file_name, stated in ((WEIGHTS, file.header.get("hash")), (CARD, card.get("hash", loaded.hash))):
            if stated != loaded.hash:
                raise InputError(f"{folder / file_name}: need hash {loaded.hash} as of the numbers, got {stated}")
        return loaded


class SparseAutoencoder(Dictionary):
    """`pre = (x − centre) @ encoder.T + bias`; codes are what `gate` lets through; `x̂ = codes @ decoder + offset`.

    Parameters
    ----------
    encoder, decoder
        (features, d_model).
    bias
        (features,).
    centre, offset
        (d_model,) subtracted before encoding, and added after decoding; the same for dictionaries trained here.
    gate
        `Gate`.
    origin, card
        See `Dictionary`.
    """

    kind = "sae"

    def __init__(
        self,
        weights: dict[str, NDArray[np.float32]],
        gate: Gate,
        origin: Origin,
        card: dict[str, Any] | None = None,
    ):
        super().__init__(origin, card)
        f, d = np.shape(weights["encoder"])
        need = {"encoder": (f, d), "decoder": (f, d), "bias": (f,), "centre": (d,), "offset": (d,)}
        shapes = {name: np.shape(weights.get(name, ())) for name in need}
        if shapes != need or d != origin.d_model:
            raise InputError(f"SAE of {origin}: need weights of shapes {need}, got {shapes}")
        if gate.threshold is not None and gate.threshold.shape != (f,):
            raise InputError(f"SAE: need {f} thresholds, got shape {gate.threshold.shape}")
        # k of all features would choose nothing; readers of other formats make that a threshold of 0
        if gate.k is not None and not 0 < gate.k < f:
            raise InputError(f"SAE: need 0 < k < {f} features, got k = {gate.k}")
        self._weights = {name: np.ascontiguousarray(weights[name], dtype=np.float32) for name in need}
        self.gate = gate

    @property
    def encoder(self) -> NDArray[np.float32]:
        """(features, d_model)."""
        return self._weights["encoder"]

    @property
    def decoder(self) -> NDArray[np.float32]:
        """(features, d_model)."""
        return self._weights["decoder"]

    @property
    def bias(self) -> NDArray[np.float32]:
        """(features,), added after `centre` is subtracted."""
        return self._weights["bias"]

    @property
    def centre(self) -> NDArray[np.float32]:
        """(d_model,)."""
        return self._weights["centre"]

    @property
    def offset(self) -> NDArray[np.float32]:
        """(d_model,)."""
        return self._weights["offset"]

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(pad(self.encoder), self.bias)

    def _codes(self, x: NDArray[np.float32]) -> sp.csr_matrix:
        # the columns beyond d_model are written by `kernels.centre`, so that memory need not be cleared first
        centred = np.empty((len(x), self._encoder.weight.shape[1]), np.float32)
        spread(kernels.centre, x, self.centre, np.float32(1), centred)
        if self.gate.k is not None:
            active = self._encoder.top_k(centred, self.gate.k)
        else:
            assert self.gate.threshold is not None
            # a code is never negative, whatever threshold a file of another tool states
            active = self._encoder.above(centred, np.maximum(self.gate.threshold, 0), self._room)
            # the room that was needed once: later batches are seldom encoded twice
            self._room = max(self._room, active.index.shape[1])
        return to_csr(active, self.n_features)

    # first guess of how many features are active on one base
    _room = 128

    def arrays(self) -> dict[str, NDArray]:
        """Weights, and thresholds or k."""
        if self.gate.k is not None:
            return {**self._weights, "k": np.array(self.gate.k, np.int64)}
        assert self.gate.threshold is not None
        return {**self._weights, "threshold": np.asarray(self.gate.threshold, np.float32)}

    @classmethod
    def of(cls, arrays: dict[str, NDArray], origin: Origin, card: dict[str, Any]) -> SparseAutoencoder:
        """From what `arrays` gave."""
        gate = Gate(k=int(arrays["k"])) if "k" in arrays else Gate(threshold=arrays["threshold"])
        return cls(arrays, gate, origin, card)
