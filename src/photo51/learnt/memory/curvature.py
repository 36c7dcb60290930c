"""Second moments of what enters and leaves every dense matrix of a model: its curvature, in Kronecker-factored form.

For a matrix W (out × in), A = E[a aᵀ] over its inputs a and G = E[g gᵀ] over the gradients g at its outputs, with
targets drawn from the model itself (Martens and Grosse 2015, arXiv:1503.05671). Matrices are met where they are
multiplied, so that those which a mixer lays out anew before using them count too; one that is never met is an error,
not a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from photo51.model.stripedhyena.layers import HyenaMixer
from photo51.model.stripedhyena.modeling import StripedHyena, StripedHyenaBlock
from photo51.model.tokenizer import BASE_IDS
from photo51.progress import progress
from photo51.types import InputError


class MatrixMoments(NamedTuple):
    """Of one matrix.

    Attributes
    ----------
    inputs
        E[a aᵀ], (in, in).
    gradients
        E[g gᵀ], (out, out), rows as the weight has them.
    tokens
        Tokens averaged over.
    """

    inputs: Tensor
    gradients: Tensor
    tokens: int


def dense_matrices(model: StripedHyena) -> dict[str, nn.Parameter]:
    """Weights of all linear maps inside the blocks, by name."""
    return {
        f"{name}.weight": cast("nn.Parameter", module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.startswith("blocks.")
    }


def unedited(model: StripedHyena) -> list[tuple[str, int, str]]:
    """Every other weight: name, numbers in it, why an edit of dense matrices leaves it."""
    dense = dense_matrices(model)
    out = []
    for name, weight in model.named_parameters():
        if name in dense:
            continue
        if name.startswith("embedding_layer"):
            reason = "the embedding, which is the readout too"
        elif ".filter." in name:
            reason = "a filter of a mixer, no matrix"
        elif name.endswith("bias"):
            reason = "a bias"
        else:
            reason = "the scale of a norm"
        out.append((name, weight.numel(), reason))
    return out


def moments(model: StripedHyena, windows: NDArray[np.uint8], seed: int, batch: int = 4) -> dict[str, MatrixMoments]:
    """Moments of every dense matrix over windows (windows, length) of A, C, G, T; the last position of each is left
    out.

    Raises
    ------
    InputError
        Where a dense matrix was not met, naming it: it could not be edited.
    """
    tap = _Tap(model)
    drawn = torch.Generator().manual_seed(seed)
    bases = torch.from_numpy(BASE_IDS.astype(np.int64))
    blocks = cast("list[StripedHyenaBlock]", list(model.blocks))
    hooks = [hook for block in blocks if block.kind != "attn" for hook in tap.watch(block.hyena)]
    trained = [p.requires_grad for p in model.parameters()]
    model.requires_grad_()
    try:
        for i in progress(range(0, len(windows), batch), "curvature", unit="batches"):
            ids = torch.from_numpy(windows[i : i + batch].astype(np.int64))
            with torch.enable_grad(), tap:
                # scores of the four bases at every position but the last, whose next base is not in the window:
                # (tokens, 4)
                scores = model(ids).logits[:, :-1][..., bases].flatten(0, 1)
                with torch.no_grad():
                    # targets from the model's own law: the Fisher information, not the empirical one of the corpus
                    target = torch.multinomial(torch.softmax(scores.float(), -1), 1, generator=drawn)[:, 0]
                # sum, not mean: gradients of a token then do not depend on the batch
                F.cross_entropy(scores, target, reduction="sum").backward()
            model.zero_grad(set_to_none=True)
    finally:
        for hook in hooks:
            hook.remove()
        for parameter, needs in zip(model.parameters(), trained, strict=True):
            parameter.requires_grad_(needs)
    return tap.result()


class _Tap(TorchFunctionMode):
    """Sees every linear map that runs, and adds up the moments of those of the model."""

    def __init__(self, model: StripedHyena):
        super().__init__()
        self.names = {id(weight): name for name, weight in dense_matrices(model).items()}
        # the mixer multiplies a copy of its projection whose id is not the weight's: told by the mixer that runs
        self.mixers = {
            id(block.hyena): f"blocks.{i}.projections.weight"
            for i, block in enumerate(model.blocks)
            if getattr(block, "kind", "attn") != "attn"
        }
        self.inside: HyenaMixer | None = None
        self.inputs: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.tokens: dict[str, int] = {}

    def watch(self, mixer: HyenaMixer) -> list[torch.utils.hooks.RemovableHandle]:
        """Know when a mixer runs: its projection is multiplied as a copy with the rows in another order."""

        def enter(module: nn.Module, _args: Any) -> None:
            self.inside = module if isinstance(module, HyenaMixer) else None

        def leave(_module: nn.Module, _args: Any, _out: Any) -> None:
            self.inside = None

        return [mixer.register_forward_pre_hook(enter), mixer.register_forward_hook(leave)]

    def __torch_function__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func is F.linear and out.requires_grad:
            self._meet(args[0].detach(), args[1], out)
        return out

    def _meet(self, a: Tensor, weight: Tensor, out: Tensor) -> None:
        name, order = self.names.get(id(weight)), None
        # a matrix of the shape of the projection, while that mixer runs
        if name is None and self.inside is not None and weight.shape == self.inside.projections.weight.shape:
            name, order = self.mixers[id(self.inside)], projection_rows(self.inside)
        if name is None:
            return  # the readout
        # without the last position, as above: (windows · (length - 1), in)
        flat = a[:, :-1].flatten(0, 1)
        self.inputs[name] = self.inputs.get(name, 0) + flat.T @ flat
        self.tokens[name] = self.tokens.get(name, 0) + len(flat)

        def gradient(g: Tensor) -> None:
            g = g[:, :-1].flatten(0, 1)
            if order is not None:
                # gradients come in the order of the copy's rows; argsort gives for each row of the weight its place
                # there
                g = g[:, torch.argsort(order)]
            self.gradients[name] = self.gradients.get(name, 0) + g.T @ g

        out.register_hook(gradient)

    def result(self) -> dict[str, MatrixMoments]:
        """Means over tokens."""
        if missed := sorted(set(self.names.values()) - set(self.gradients)):
            raise InputError(f"curvature: need to meet every dense matrix, got none of {', '.join(missed)}")
        return {
            name: MatrixMoments(self.inputs[name] / n, self.gradients[name] / n, n) for name, n in self.tokens.items()
        }


def projection_rows(mixer: HyenaMixer) -> Tensor:
    """Rows of the projection's weight in the order in which the mixer multiplies them, (3 · d_model,)."""
    groups = mixer.n_heads if mixer.kind == "h1" else mixer.out_filter_dense.out_features
    rows = torch.arange(mixer.projections.out_features)
    # the weight lies group by group, each with its three parts; the mixer wants part by part: (3, groups, -1)
    return rows.unflatten(0, (groups, 3, -1)).transpose(0, 1).flatten(0, 2)


class Basis(NamedTuple):
    """Eigenvectors of a matrix's moments, and the curvature of each entry in them.

    Attributes
    ----------
    left, right
        (out, out) and (in, in), columns are vectors.
    curvature
        μ_i λ_j, (out, in).
    """

    left: Tensor
    right: Tensor
    curvature: Tensor


def basis(m: MatrixMoments) -> Basis:
    """Eigenvectors, in double precision."""
    mu, left = torch.linalg.eigh(m.gradients.double())
    lam, right = torch.linalg.eigh(m.inputs.double())
    # rounding may leave an eigenvalue of a Gram matrix below 0
    return Basis(left, right, mu.clamp(min=0)[:, None] * lam.clamp(min=0)[None])


def bases_of(measured: Mapping[str, MatrixMoments]) -> dict[str, Basis]:
    """Bases of all matrices."""
    return {name: basis(m) for name, m in measured.items()}
