"""A training step of the base shape: compiled kernels beside the layers in plain PyTorch under autocast, which trained before.

CPU seconds on one thread, all sides taking turns on the same windows; optimiser and drawing of windows are left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.model.stripedhyena.walk import one_thread_each
from photo51.pretraining.step import TrainingPass, product_path

log = logging.getLogger(__name__)
STAGES = {
    "products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"),
    "mixers": ("Mix", "MixBackward"),
    "attention": ("Banded", "BandedBackward"),
    "norms": ("AddNorm", "AddNormBackward"),
    "gates": ("Product", "ProductBackward", "aten::gelu", "aten::gelu_backward"),
    "loss": ("BaseSurprisal", "BaseSurprisalBackward"),
}


def training(model: StripedHyena, ids: Tensor, rounds: int) -> dict[str, float | int | None]:
    """Figures of a model in float32 on windows (batch, length).

    `train_share_<stage>` are shares of one step's time: matrix products, convolutions and gates of the mixers, attention beside
    its products, norms, MLP gates, loss, and the rest.
    """
    model.train()
    step = TrainingPass(model, torch.bfloat16, 1)
    turns: dict[str, Callable[[], object]] = {
        "compiled": lambda: step(ids, ids),
        "plain": lambda: _plain(model, ids),
        "gemm": _products(model, ids),
    }
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    with one_thread_each():
        for turn in turns.values():
            turn()
        for _ in range(rounds):
            for name, turn in turns.items():
                begun = time.process_time()
                turn()
                seconds[name].append(time.process_time() - begun)
    mine = np.array(seconds["compiled"])
    log.info("training: %s", product_path(torch.bfloat16))
    figures: dict[str, float | int | None] = {
        "train_bases_per_core_second": ids.numel() / float(np.median(mine)),
        "train_vs_previous": float(np.median(np.array(seconds["plain"]) / mine)),
        "train_vs_gemm": float(np.median(mine / np.array(seconds["gemm"]))),
        **_shares(lambda: step(ids, ids)),
    }
    for parameter in model.parameters():
        parameter.grad = None
    model.eval()
    return figures


def _plain(model: StripedHyena, ids: Tensor) -> None:
    """Forwards and backwards through the layers, products in bfloat16."""
    with torch.enable_grad():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.hidden(ids)
            assert hidden is not None
            logits = model.logits(hidden[:, :-1])
        F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten()).backward()


def _products(model: StripedHyena, ids: Tensor) -> Callable[[], None]:
    """The matrix products with weights alone, in bfloat16: each once forwards and twice backwards, operands laid out at their best."""
    shapes = [w.shape for n, w in model.named_parameters() if w.ndim == 2 and "filter." not in n]
    rows = ids.shape[1]
    made = [
        (torch.randn(rows, i).bfloat16(), torch.randn(o, i).bfloat16(), torch.randn(rows, o).bfloat16())
        for o, i in shapes
    ]
    turned = [(x.T.contiguous() if x.shape[1] < g.shape[1] else g.T.contiguous()) for x, _, g in made]

    def run() -> None:
        for _ in range(ids.shape[0]):
            for (x, w, g), t in zip(made, turned, strict=True):
                torch.mm(x, w.T)
                torch.mm(g, w)
                torch.mm(t, g if x.shape[1] < g.shape[1] else x)

    return run


def _shares(step: Callable[[], object]) -> dict[str, float | int | None]:
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        step()
    spent = {row.key: row.self_cpu_time_total for row in recorded.key_averages()}
    whole = sum(spent.values())
    shares = {stage: sum(spent.get(name, 0) for name in names) / whole for stage, names in STAGES.items()}
    shares["rest"] = 1 - sum(shares.values())
    return {f"train_share_{stage}": share for stage, share in shares.items()}
