"""The model layer beside the reference implementations, beside its own matrix products, and beside Markov chains.

Parity is the largest difference of a logit from `vortex` (StripedHyena 2) and `stripedhyena` (StripedHyena 1), both on this
CPU, on stored fixtures and on random weights. Speeds are ratios of CPU seconds, medians over rounds in which both sides take
turns, so that other work on the machine weighs on both alike; extraction alone is timed once, after warm passes. Bits per base are those of the shipped model's card, which
`photo51 model-card` measured on the corpus. What cannot be measured here is None, and the log says why.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import _reference
from benchmarks._training import training
from benchmarks.planted.genome import planted_genome, write_planted
from photo51.activations.extract import extract
from photo51.config.genome import GenomeParams
from photo51.config.model import ActivationParams
from photo51.genome.preparation.prepare import prepare
from photo51.model.checkpoints.folder import shipped_model
from photo51.model.checkpoints.presets import PRESETS
from photo51.model.families.adapters import load_model
from photo51.model.families.native import Native
from photo51.model.families.selftest import CARD
from photo51.model.sites import Sites
from photo51.model.stripedhyena import products
from photo51.model.stripedhyena.cache import HyenaCache
from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.model.stripedhyena.modeling import StripedHyena
from photo51.types import InputError

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
PEERS = ("vtx==1.1.0", "stripedhyena==0.2.2", "einops", "tqdm")
BASE = {"hidden_size": 256, "block_kinds": "smlas", "mlp_size": 704, "n_heads": 4}
RANDOM_2 = (
    {**BASE, "hidden_size": 64, "mlp_size": 96},
    {**BASE, "block_kinds": "laam", "rotary_scaling": 16.0},
)
RANDOM_1 = (
    {
        "hidden_size": 64,
        "block_kinds": "hah",
        "mlp_size": 96,
        "n_heads": 4,
        "state_size": 8,
        "gelu_blocks": "all",
    },
)
SITE = "block.3.out"


def measure(*, quick: bool) -> Figures:
    """Measure at 8,192 bases, 500 kb and 5 rounds; at 2,048 bases, 50 kb (times ten) and 2 rounds when quick."""
    logging.getLogger("StripedHyena").setLevel(logging.WARNING)
    _find_peers()
    length, rounds = (2_048, 2) if quick else (8_192, 5)
    return {
        "parity_sh2": _largest(_fixtures() + _against_reference(RANDOM_2)),
        "parity_sh1": _largest(_against_reference(RANDOM_1)),
        "cached_vs_full": _cached(),
        "forward_vs_reference": _versus_reference(length, rounds),
        "forward_vs_gemm": _versus_products(length, rounds),
        "forward_vs_previous": _versus_previous(length, rounds),
        **training(_build({**BASE, "attention_window": 512}), _ids(4_096, 1 if quick else 3), rounds),
        "cost_per_base_64k_vs_1k": _cost_ratio(8_192 if quick else 65_536, rounds),
        **_extraction(50_000 if quick else 500_000),
        **_card(),
        **_gpu(),
    }


def _find_peers() -> None:
    """Install the reference packages in a folder of their own, without their dependencies, unless they are here."""
    if _reference.why_absent(2) is None and _reference.why_absent(1) is None:
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "photo51" / "model-peers"
    if not (folder / "complete").is_file():
        log.info("installing %s in %s", ", ".join(PEERS), folder)
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(folder),
            *PEERS,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            log.warning("reference packages cannot be installed: %s", done.stderr.strip().splitlines()[-1:])
            return
        (folder / "complete").touch()
    known = os.environ.get(_reference.FOLDERS)
    os.environ[_reference.FOLDERS] = f"{folder}{os.pathsep}{known}" if known else str(folder)


def _build(architecture: dict, seed: int = 0) -> StripedHyena:
    """A model with weights large enough for every part to matter."""
    torch.manual_seed(seed)
    model = StripedHyena(StripedHyenaConfig(**architecture)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "filter." not in name:
                weight.mul_(3)
    return model


def _ids(length: int, batch: int = 1) -> Tensor:
    bases = torch.tensor([65, 67, 71, 84])
    return bases[torch.randint(4, (batch, length), generator=torch.Generator().manual_seed(length))]


def _largest(found: list[float]) -> float | None:
    return max(found) if found else None


def _fixtures() -> list[float]:
    """Largest differences from logits that the reference once gave, kept with the tests."""
    folder = Path(__file__).resolve().parents[1] / "tests" / "model" / "fixtures"
    found = []
    for path in sorted(folder.glob("sh2*.npz")):
        saved = np.load(path)
        model = _from_fixture(saved)
        with torch.no_grad():
            logits = model(torch.from_numpy(saved["input_ids"]), use_cache=False).logits
        want = saved["logits"]
        found.append(float(np.abs(logits[..., : want.shape[-1]].numpy() - want).max()))
    return found


def _from_fixture(saved: np.lib.npyio.NpzFile) -> StripedHyena:
    c = json.loads(str(saved["config"]))
    kinds = [""] * c["num_layers"]
    for kind in ("hcs", "hcm", "hcl", "attn"):
        for i in c[f"{kind}_layer_idxs"]:
            kinds[i] = kind
    config = StripedHyenaConfig(
        hidden_size=c["hidden_size"],
        block_kinds=kinds,
        mlp_size=c["inner_mlp_size"],
        n_heads=c["num_attention_heads"],
        hcs_groups=c["hcs_filter_groups"],
        hcm_groups=c["hcm_filter_groups"],
    )
    model = StripedHyena(config).eval()
    state = {}
    for name in (n for n in saved.files if n.startswith("w::")):
        w = torch.from_numpy(saved[name])
        if "Wqkv" in name:
            w = w.unflatten(0, (config.n_heads, 3, -1)).transpose(0, 1).flatten(0, 2)
        state[name[3:]] = w
    model.load_state_dict(state)
    return model


def _against_reference(architectures: tuple[dict, ...]) -> list[float]:
    """Largest differences from the reference package on random weights and 600 bases."""
    found = []
    for seed, architecture in enumerate(architectures):
        model = _build(architecture, seed)
        if why := _reference.why_absent(model.config.generation):
            log.warning("parity: %s", why)
            continue
        ids = _ids(600, 2)
        want = _reference.run(_reference.reference(model.config, model.state_dict()), ids)
        with torch.no_grad():
            found.append(float((model(ids, use_cache=False).logits - want).abs().max()))
    return found


def _cached() -> float:
    """Largest difference between logits decoded base by base and in one pass."""
    model, ids = _build({**BASE, "attention_window": 64}), _ids(400)
    cache, pieces = HyenaCache(len(model.blocks)), (ids[:, :200], *ids[:, 200:].split(1, dim=1))
    with torch.no_grad():
        full = model(ids, use_cache=False).logits
        parts = [model(piece, past_key_values=cache).logits for piece in pieces]
    return float((torch.cat(parts, 1) - full).abs().max())


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started


def _ratio(one: Callable[[], object], other: Callable[[], object], rounds: int) -> float:
    """Median CPU time of `one` over that of `other`, taking turns after one call of each that does not count."""
    one()
    other()
    pairs = [(_seconds(one), _seconds(other)) for _ in range(rounds)]
    return float(np.median([a for a, _ in pairs]) / np.median([b for _, b in pairs]))


@torch.no_grad()
def _versus_reference(length: int, rounds: int) -> float | None:
    """Time of the reference over ours, full attention, the same logits."""
    model, ids = _build(BASE), _ids(length)
    if why := _reference.why_absent(2):
        log.warning("forward_vs_reference: %s", why)
        return None
    theirs = _reference.reference(model.config, model.state_dict())
    return _ratio(lambda: _reference.run(theirs, ids), lambda: model(ids, use_cache=False), rounds)


@torch.no_grad()
def _versus_products(length: int, rounds: int) -> float:
    """Time of a pass of the base shape, attention over 512 bases, over that of its matrix products alone."""
    model, ids = _build({**BASE, "attention_window": 512}), _ids(length)
    d, m = BASE["hidden_size"], BASE["mlp_size"]
    assert isinstance(d, int)
    assert isinstance(m, int)
    x, wide = torch.randn(length, d), torch.randn(length, m)
    shapes = [(d, 3 * d), (d, d), (d, m), (d, m)]
    weights = [[torch.randn(a, b) for a, b in shapes] for _ in model.blocks]
    back, out = [torch.randn(m, d) for _ in model.blocks], torch.randn(d, model.config.vocab_size)

    def products() -> None:
        for each, last in zip(weights, back, strict=True):
            for w in each:
                x @ w
            wide @ last
        x @ out

    return _ratio(lambda: model(ids, use_cache=False), products, rounds)


@torch.no_grad()
def _versus_previous(length: int, rounds: int) -> float:
    """Time of a pass with products by torch's own library, as all were before one was chosen, over one with the choice."""
    model, ids, chosen = _build({**BASE, "attention_window": 512}), _ids(length), products.library

    def previous() -> None:
        products.library = lambda: "torch"  # type: ignore[assignment]
        try:
            model(ids, use_cache=False)
        finally:
            products.library = chosen

    log.info("forward: products by %s", chosen())
    return _ratio(previous, lambda: model(ids, use_cache=False), rounds)


@torch.no_grad()
def _cost_ratio(long: int, rounds: int) -> float:
    """Time a base of a long sequence over that of sequences of 1,024 bases."""
    model = _build({**BASE, "attention_window": 512})
    whole, short = _ids(long), _ids(1_024)
    times = long // 1_024

    def pieces() -> None:
        for _ in range(times):
            model.hidden(short)

    def at_once() -> None:
        for _ in model.stream(whole):
            pass

    return _ratio(at_once, pieces, rounds)


def _extraction(bases: int) -> Figures:
    """Extraction of both strands beside passes over the same windows to the same site; wall seconds for 500 kb."""
    native = Native("bench", _build({**BASE, "attention_window": 512}), digest_="bench")
    params = ActivationParams(model="bench", sites=(SITE,))
    with tempfile.TemporaryDirectory() as folder:
        sheet = write_planted([planted_genome(bases)], Path(folder) / "in")
        genomes = prepare(sheet, Path(folder) / "genome", GenomeParams(block=8_192, gap=512))
        windows = genomes.windows()

        def passes() -> None:
            for window in windows.to_dict("records"):
                ids = torch.from_numpy(genomes.window_sequence(window).astype(np.int64))[None]
                with torch.no_grad():
                    native.model.hidden(ids, sites=Sites([SITE], stop=True))

        passes()  # first calls compile and measure; they count on neither side
        begun = time.monotonic()
        whole = _seconds(lambda: extract(native, genomes, windows, Path(folder) / "out", params))
        wall = time.monotonic() - begun
        rows = genomes.workspace().n_rows
        return {
            "extraction_vs_forward": whole / _seconds(passes),
            "extract_500kb_seconds": wall * 500_000 / rows,
            "extract_500kb_cpu_seconds": whole * 500_000 / rows,
        }


def _card() -> Figures:
    """Held-out figures of the shipped base model, from its card, if the card is of these weights."""
    try:
        path = shipped_model("base") / CARD
        card = json.loads(path.read_text())
        if load_model("sh2:base", device="cpu").spec.hash != card["model"]:
            raise InputError(f"{path}: need the card of these weights, got that of others")
    except (InputError, OSError) as e:
        log.warning("bits per base: the shipped base model has no card (%s)", e)
        return {"frame_auroc": None}
    figures: Figures = {"bases_trained": card.get("bases_trained", card["bases_read"])}
    for row in card["heldout"]:
        if row["predictor"] == "model":
            figures[f"bits_base_{row['group']}"] = row["bits"]
        elif row["predictor"] == card["best_markov"][row["group"]]:
            figures[f"bits_markov_best_{row['group']}"] = row["bits"]
    figures |= {f"bits_base_{row['source']}": row["bits"] for row in card.get("sources", [])}
    ours = {row["copy"]: row["auroc"] for row in card["frames"] if row["predictor"] == "model"}
    figures["frame_auroc"] = ours.get("frame_shifted")
    figures |= {f"{row['kind']}_auroc": row["auroc"] for row in card.get("rna", []) if row["predictor"] == "model"}
    figures["codon_shuffle_auroc"] = ours.get("codon_shuffled")
    return figures


def _gpu() -> Figures:
    """Tokens a second and peak memory of the 1B and 7B shapes in bfloat16 with random weights, where there is a GPU."""
    names = {"1b": "evo2:1b_base", "7b": "evo2:7b_262k"}
    keys = [
        f"gpu_{size}_{n // 1024}k_{what}" for size in names for n in (8_192, 65_536) for what in ("tokens_per_s", "gib")
    ]
    if not torch.cuda.is_available():
        log.warning("gpu: no CUDA device here")
        return dict.fromkeys(keys)
    figures: Figures = {}
    for size, name in names.items():
        model = _random_on_gpu(PRESETS[name].config())
        for n in (8_192, 65_536):
            rate, gib = _read_on_gpu(model, n)
            figures[f"gpu_{size}_{n // 1024}k_tokens_per_s"], figures[f"gpu_{size}_{n // 1024}k_gib"] = (
                rate,
                gib,
            )
        del model
        torch.cuda.empty_cache()
    return figures


def _random_on_gpu(config: StripedHyenaConfig) -> StripedHyena:
    """A model whose weights are made where they stay, in bfloat16; timescales in float32."""
    with torch.device("meta"):
        model = StripedHyena(config).to(torch.bfloat16)
    model.to_empty(device="cuda")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("log_poles"):
                weight.data = torch.full_like(weight, -0.05, dtype=torch.float32)
            elif name.endswith("scale"):
                weight.fill_(1)
            else:
                weight.normal_(std=0.02)
        for _, buffer in model.named_buffers():
            buffer.data = torch.logspace(0, -4, buffer.numel(), device="cuda").view_as(buffer)
    return model.eval()


@torch.no_grad()
def _read_on_gpu(model: StripedHyena, length: int) -> tuple[float, float]:
    """Tokens a second of the second reading, and peak memory (GiB)."""
    ids = _ids(length).cuda()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        torch.cuda.synchronize()
        begun = time.monotonic()
        for _chunk in model.stream(ids, then=lambda hidden, _start: model.logits(hidden[:, -1:])):
            pass
        torch.cuda.synchronize()
        seconds = time.monotonic() - begun
    return length / seconds, torch.cuda.max_memory_allocated() / 2**30
