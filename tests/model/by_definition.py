"""StripedHyena 1 and 2 from the published equations, in float64 numpy, one base after another: slow, and nobody's code.

Ku et al. 2025 (arXiv:2503.01868) for the short, medium and long filters; Poli et al. 2023 (stripedhyena) for generation 1;
Su et al. 2021 (arXiv:2104.09864) for rotary positions; Shazeer 2020 (arXiv:2002.05202) for gated MLPs.
"""

import math

import numpy as np

erf = np.vectorize(math.erf)


def rms(x, scale, eps):
    return scale * x / (np.sqrt((x**2).mean(-1, keepdims=True)) + eps)


def causal(signal, impulse):
    """`y[t] = Σ_k impulse[k] · signal[t - k]` of one channel, by definition."""
    return np.array(
        [sum(impulse[k] * signal[t - k] for k in range(min(t + 1, len(impulse)))) for t in range(len(signal))]
    )


def hyena(u, w, at, kind, config):
    d, n_heads, length = config.hidden_size, config.n_heads, len(u)
    z = u @ w[at + "projections.weight"].T + w.get(at + "projections.bias", 0.0)
    taps = w[at + "filter.short_filter_weight"][:, 0]
    z = np.stack([causal(z[:, c], taps[c, ::-1]) for c in range(3 * d)], axis=1)
    z = z + w.get(at + "filter.short_filter_bias", 0.0)
    if kind == "h1":  # within each head: x2, x1, v
        split = z.reshape(length, n_heads, 3, d // n_heads)
        x2, x1, v = (split[:, :, i].reshape(length, d) for i in range(3))
    else:  # channel by channel: x2, x1, v
        x2, x1, v = (z.reshape(length, d, 3)[:, :, i] for i in range(3))
    g = x1 * v
    t = np.arange(length)
    if kind in {"hcs", "hcm"}:
        h = w[at + "filter.h"][:, 0]
        h = np.repeat(h, d // len(h), axis=0)
        impulse = h[:, ::-1] if kind == "hcs" else h
    elif kind == "hcl":
        poles = w[at + "filter.log_poles"][..., 0]
        impulse = (w[at + "filter.residues"][..., None] * np.exp(poles[..., None] * t)).sum(1)
    else:
        poles = w[at + "filter.poles"][:, :, 0] @ [1, 1j]
        impulse = ((w[at + "filter.residues"][:, :, 0] @ [1, 1j])[..., None] * poles[..., None] ** t).sum(1).real
    y = np.stack([causal(g[:, c], impulse[c]) for c in range(d)], axis=1)
    if kind != "hcs":
        y = y + w[at + "filter.D"] * g
    return (x2 * y) @ w[at + "out_filter_dense.weight"].T + w[at + "out_filter_dense.bias"]


def attention(u, w, at, config):
    length, heads = len(u), config.n_heads
    size = config.hidden_size // heads
    qkv = u @ w[at + "inner_mha_cls.Wqkv.weight"].T + w.get(at + "inner_mha_cls.Wqkv.bias", 0.0)
    q, k, v = qkv.reshape(length, 3, heads, size).transpose(1, 2, 0, 3)
    angle = np.outer(np.arange(length) / config.rotary_scaling, config.rotary_base ** (-np.arange(0, size, 2) / size))
    turn = np.exp(1j * angle)

    def rotated(x):
        c = (x[..., : size // 2] + 1j * x[..., size // 2 :]) * turn
        return np.concatenate([c.real, c.imag], axis=-1)

    q, k = rotated(q), rotated(k)
    y = np.zeros((length, heads, size))
    for h in range(heads):
        for t in range(length):
            first = 0 if config.attention_window is None else max(0, t - config.attention_window + 1)
            score = k[h, first : t + 1] @ q[h, t] / math.sqrt(size)
            weight = np.exp(score - score.max())
            y[t, h] = weight @ v[h, first : t + 1] / weight.sum()
    y = y.reshape(length, -1)
    return y @ w[at + "inner_mha_cls.out_proj.weight"].T + w[at + "inner_mha_cls.out_proj.bias"]


def logits(ids, w, config):
    """Scores (length, vocabulary) of one sequence (length,)."""
    w = {name: np.asarray(value, dtype=np.float64) for name, value in w.items()}
    x = w["embedding_layer.weight"][ids]
    for i, kind in enumerate(config.block_kinds):
        at = f"blocks.{i}."
        u = rms(x, w[at + "pre_norm.scale"], config.eps)
        x = x + (attention(u, w, at, config) if kind == "attn" else hyena(u, w, at, kind, config))
        u = rms(x, w[at + "post_norm.scale"], config.eps)
        gate = u @ w[at + "mlp.l1.weight"].T
        if config.gelu_blocks == "all" or i == 0:
            gate = gate * 0.5 * (1 + erf(gate / math.sqrt(2)))
        x = x + (gate * (u @ w[at + "mlp.l2.weight"].T)) @ w[at + "mlp.l3.weight"].T
    return rms(x, w["norm.scale"], config.eps) @ w["embedding_layer.weight"].T
