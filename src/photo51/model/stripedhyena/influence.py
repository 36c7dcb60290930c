"""What each block's mixing carries from every base straight to one base, exactly: a gated convolution is arithmetic.

At base t a Hyena mixer gives channel c the amount `x2[t, c] · Σ_s f_c(t − s) · x1[s, c] · v[s, c]` (Poli et al. 2023,
doi:10.48550/arXiv.2302.10866): each term belongs to one base s. An attention mixer gives `Σ_s a[t, s] · v[s]`.
Read along a direction of the residual stream, these terms, the embedding, the MLPs at t and the biases add up to what
the direction reads there. Only direct paths are in it: what a later block makes of it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photo51.model.sites import Sites
from photo51.model.stripedhyena.convolution import fir, modal_filter
from photo51.model.stripedhyena.layers import HyenaMixer
from photo51.model.stripedhyena.modeling import StripedHyena, StripedHyenaBlock


class DirectInfluence(NamedTuple):
    """What a direction of the residual stream reads at one base, term by term, in the direction's units.

    Attributes
    ----------
    mixed
        (blocks, bases): what each block's mixer carries from each base of the sequence. A base is heard through the
        three-tap filter, so that it stands for itself and the two before it.
    biases
        (blocks,): output biases of the mixers.
    fed
        (blocks,): MLPs, which see the base itself alone.
    embedding
        The base's own embedding.
    """

    mixed: NDArray[np.float64]
    biases: NDArray[np.float64]
    fed: NDArray[np.float64]
    embedding: float

    @property
    def total(self) -> float:
        """All terms together: the direction's product with the residual stream after the last block."""
        return float(self.mixed.sum() + self.biases.sum() + self.fed.sum()) + self.embedding


def direct_influence(model: StripedHyena, ids: Tensor, direction: Callable[[Tensor], Tensor]) -> DirectInfluence:
    """Share out what a direction reads of the residual stream at the last base of a sequence.

    Parameters
    ----------
    ids
        (length,) token ids, from the first base that the model reads to the one whose stream is read.
    direction
        From the residual stream there after the last block, (d_model,) float64, to a direction of it, the same shape.
    """
    blocks = [cast("StripedHyenaBlock", block) for block in model.blocks]
    inputs = [f"block.{i}.pre_mixer" for i in range(len(blocks))]
    outputs = [f"block.{i}.mlp_out" for i in range(len(blocks))]
    last = f"block.{len(blocks) - 1}.out"
    sites = Sites(["embed", *inputs, *outputs, last], stop=True)
    with torch.no_grad():
        model.hidden(ids[None], sites=sites)
        along = direction(sites[last][0, -1].double())
        mixed, biases = [], []
        for name, block in zip(inputs, blocks, strict=True):
            terms = _attended if block.kind == "attn" else _convolved
            from_bases, bias = terms(block, sites[name], along)
            # bases that the mixer does not reach
            mixed.append(F.pad(from_bases, (len(ids) - len(from_bases), 0)))
            biases.append(bias)
        fed = [float(sites[name][0, -1].double() @ along) for name in outputs]
        embedding = float(sites["embed"][0, -1].double() @ along)
    return DirectInfluence(torch.stack(mixed).cpu().numpy(), np.array(biases), np.array(fed), embedding)


def _convolved(block: StripedHyenaBlock, u: Tensor, along: Tensor) -> tuple[Tensor, float]:
    """Terms of a Hyena mixer: from normed tokens (1, length, d_model) to those of the last bases, as far as its filter
    reaches, and its bias along a direction.
    """
    mixer = block.hyena
    weight, bias, taps, taps_bias = mixer.split_projection()
    reach = mixer.channel_taps().shape[1] if mixer.kind in {"hcs", "hcm"} else u.shape[1]
    # two more, which the three-tap filter of the first base hears; where they are cut off there are none
    seen = u[:, -(reach + 2) :]
    z, _ = fir(F.linear(seen, weight, bias), taps, taps_bias, None)
    x2, x1, v = z[0, -reach:].double().chunk(3, dim=-1)
    gated = x1 * v
    # row s: the filter at lag (rows − 1) − s, so that the last row meets the base itself
    filters = _impulse_response(mixer, len(gated)).flip(0)
    out = mixer.out_filter_dense
    # what one unit of a channel, gated at the last base, adds along the direction
    reading = x2[-1] * (out.weight.double().T @ along)
    return (filters * gated) @ reading, float(out.bias.double() @ along)


def _impulse_response(mixer: HyenaMixer, length: int) -> Tensor:
    """The mixer's filter, its skip included, (lags 0 to length − 1, channels), float64."""
    if mixer.kind in {"hcs", "hcm"}:
        response = mixer.channel_taps().flip(-1)[:, :length].T  # the last tap meets the current base: lag 0
    else:
        log_poles, residues = mixer.modes()
        impulse = torch.zeros(1, length, len(residues), device=residues.device)
        impulse[:, 0] = 1.0
        response = modal_filter(impulse, log_poles, residues, None)[0][0]
    response = response.double()
    if mixer.kind != "hcs":
        response[0] += mixer.filter.D.double()
    return response


def _attended(block: StripedHyenaBlock, u: Tensor, along: Tensor) -> tuple[Tensor, float]:
    """The same of an attention mixer, which reaches as far as its window."""
    attention = block.inner_mha_cls
    first = 0 if attention.window is None else max(0, u.shape[1] - attention.window)
    qkv = attention.Wqkv(u[:, first:]).double()
    # (q | k | v, batch, heads, length, head size)
    q, k, v = qkv.unflatten(-1, (3, attention.n_heads, -1)).permute(2, 0, 3, 1, 4)
    query = attention.rotary_emb(q[:, :, -1:], u.shape[1] - 1)[0, :, 0]
    scores = torch.einsum("hd,hsd->hs", query, attention.rotary_emb(k, first)[0]) * query.shape[-1] ** -0.5
    out = attention.out_proj
    # (heads, head size): what one unit of a head's value adds along the direction
    reading = (out.weight.double().T @ along).view(attention.n_heads, -1)
    terms = torch.softmax(scores, -1) * torch.einsum("hsd,hd->hs", v[0], reading)
    return terms.sum(0), float(out.bias.double() @ along)
