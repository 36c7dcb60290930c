"""Dictionaries beside SAELens and dictionary_learning: time of a step, what is found in planted data, the demo's figures.

The other libraries live in an environment of their own, made here when it is absent. Trainers take turns on the same batches
in one process (`_sae_peers`), times are CPU seconds, and ratios are medians over rounds, so that other work on the machine
weighs on all alike. What cannot be measured (no network for the peers, no demo run) is None, and the log says why.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import photo51
from benchmarks import _sae_peers
from photo51.io import read_table
from photo51.io.contracts.enrichment import NAMES
from photo51.io.contracts.sae import FOUND_AGAIN, QUALITY
from photo51.quicklook.shelf import shelf_of
from photo51.sae.quality.stability import seed_match_shares
from photo51.types import InputError

log = logging.getLogger(__name__)
Figures = dict[str, float | int | None]
PEERS = "sae-lens>=6,<7"
PEERS_ALONE = "dictionary-learning==0.1.0"  # its pinned dependencies exclude ours; its trainers need none of them
RUN = Path("results/demo")
SMALL = {"d_model": 256, "n_directions": 2_048, "n_features": 4_096, "k": 32, "batch": 4_096, "rate": 1e-3}
LARGE = {"d_model": 1_024, "n_directions": 8_192, "n_features": 16_384, "k": 64, "batch": 2_048, "rate": 1e-3}
PLANTED = {"d_model": 64, "n_directions": 512, "n_features": 768, "k": 16, "batch": 1_024}
LENS, LEARNING = (
    ("sae-lens batchtopk", "sae-lens topk"),
    (
        "dictionary-learning batchtopk",
        "dictionary-learning topk",
    ),
)
OURS = ("photo51 topk", "photo51 batchtopk")


def measure(*, quick: bool) -> Figures:
    """Compare, at full size with 5 rounds, or with fewer rounds and smaller sizes when quick."""
    python = peers()
    others = (*LENS, *LEARNING) if python else ()
    python = python or Path(sys.executable)
    small = _speed(python, SMALL, (*OURS, *others), 2 if quick else 5)
    large = _speed(python, LARGE, (OURS[0], *others), 1 if quick else 3) if not quick else {}
    return {
        "small_vs_saelens": _ratio(small, LENS[0], OURS[1]),
        "small_vs_dictionary_learning": _ratio(small, LEARNING[0], OURS[1]),
        "small_vs_gemm": _ratio(small, OURS[0], "gemm"),
        "large_vs_best_dense": _least([_ratio(large, name, OURS[0]) for name in (*LENS, *LEARNING)]),
        "large_vs_gemm": _ratio(large, OURS[0], "gemm"),
        "encode_vs_train": _ratio(small, OURS[0], f"{OURS[0]} encode"),
        **_quality(python, others, 300 if quick else 2_000),
        **demo(),
    }


def peers(folder: Path | None = None) -> Path | None:
    """Python of the environment with the other libraries, made when absent; None where they cannot be installed.

    The environment sees this one's packages, so that both sides run on the same torch, and adds the peers' own.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = folder or cache / "photo51" / "sae-peers"
    python = folder / "bin" / "python"
    if (folder / "complete").is_file():
        return python
    log.info("installing %s and %s in %s", PEERS, PEERS_ALONE, folder)
    venv.create(folder, with_pip=True, clear=True)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    ours = sysconfig.get_paths()["purelib"]
    Path(site, "photo51.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    for arguments in ([PEERS], ["--no-deps", PEERS_ALONE]):
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        done = subprocess.run([*pip, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            log.warning("no peers, their figures are None: %s", done.stderr.strip().splitlines()[-1:])
            return None
    (folder / "complete").touch()
    return python


def _run(python: Path, spec: dict[str, Any]) -> dict[str, Any]:
    """Run `_sae_peers` in another environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "spec.json", Path(folder) / "out.json"
        given.write_text(json.dumps({"threads": int(os.environ.get("OMP_NUM_THREADS", "2")), **spec}))
        sources = (Path(photo51.__file__).parents[1], Path(__file__).resolve().parents[1])
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
        command = [str(python), "-W", "ignore", _sae_peers.__file__, str(given), str(out)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            log.warning("a comparison failed, its figures are None: %s", done.stderr.strip()[-500:])
            return {}
        return dict(json.loads(out.read_text()))


def _speed(python: Path, shape: dict[str, Any], trainers: tuple[str, ...], rounds: int) -> dict[str, list[float]]:
    """Name → CPU seconds of each round."""
    spec = {"shape": {**shape, "steps": 1_000}, "trainers": trainers, "rounds": rounds, "warm": 2}
    found = _run(python, {"task": "speed", **spec})
    for name, took in found.items():
        tokens = shape["batch"] / float(np.median(took["cpu"]))
        log.info("%s, width %d: %.0f tokens/CPU-s", name, shape["n_features"], tokens)
    return {name: took["cpu"] for name, took in found.items()}


def _ratio(times: dict[str, list[float]], slow: str, fast: str) -> float | None:
    """Median over rounds of the time of `slow` over that of `fast`."""
    if slow not in times or fast not in times:
        return None
    n = min(len(times[slow]), len(times[fast]))
    return float(np.median(np.array(times[slow][:n]) / np.array(times[fast][:n])))


def _least(ratios: list[float | None]) -> float | None:
    known = [r for r in ratios if r is not None]
    return min(known) if known else None


def _quality(python: Path, others: tuple[str, ...], steps: int) -> Figures:
    """Best of two learning rates for every trainer, on held-out planted rows."""
    trainers = [(name, rate) for name in (OURS[0], *others) for rate in (1e-3, 3e-3)]
    spec = {"shape": {**PLANTED, "steps": steps}, "trainers": trainers}
    found = pd.DataFrame(_run(python, {"task": "quality", **spec}).get("results", []))
    if not len(found):
        return dict.fromkeys(("ev_minus_best_peer", "mmcs_minus_best_peer", "dead_share"))
    log.info("planted data, %d steps:\n%s", steps, found.to_string(index=False))
    mine = found[found["trainer"] == OURS[0]].sort_values("variance_explained").iloc[-1]
    peer = found[found["trainer"] != OURS[0]]
    return {
        "ev_minus_best_peer": float(mine["variance_explained"] - peer["variance_explained"].max())
        if len(peer)
        else None,
        "mmcs_minus_best_peer": float(mine["mmcs"] - peer["mmcs"].max()) if len(peer) else None,
        "dead_share": float(mine["dead"]),
    }


def demo(run: Path = RUN) -> Figures:
    """Quality of the demo's dictionary, and what another seed finds again, from the reports of a run that is there; and
    what other seeds find again of the dictionary that ships.
    """
    return {**_demo_quality(run), **_demo_match(run), **_shipped_match()}


def _shipped_match() -> Figures:
    """The same shares of the dictionary that ships, as `ship-dictionary` measured them feature by feature."""
    shelf = shelf_of("sh2:base")
    named = set(shelf.names.loc[shelf.names["named"], "feature"])
    return {
        **seed_match_shares(shelf.features, named),
        "shipped_ev": float(shelf.about["quality"]["variance_explained"]),
    }


def _demo_quality(run: Path) -> Figures:
    try:
        first = read_table(run / "sae" / "main" / "quality.parquet", QUALITY).iloc[0]
    except InputError as e:
        log.warning("no figures of the demo: %s", e)
        return dict.fromkeys(("demo_ev", "demo_dead", "demo_ce_recovered"))
    return {
        "demo_ev": float(first["variance_explained"]),
        "demo_dead": float(first["dead"]),
        "demo_ce_recovered": float(first["recovered"]) if "recovered" in first else None,
    }


def _demo_match(run: Path) -> Figures:
    """Share of live, and of named, features with cosine and correlation of 0.8 or more in another seed's dictionary."""
    try:
        again = read_table(run / "sae" / "main" / "found_again.parquet", FOUND_AGAIN)
        names = read_table(run / "names.parquet", NAMES)
    except InputError as e:
        log.warning("no seed match of the demo: %s", e)
        return dict.fromkeys(("demo_seed_match_live", "demo_seed_match_named"))
    shares = seed_match_shares(again, set(names.loc[names["named"], "feature"]))
    return {f"demo_{name}": share for name, share in shares.items()}
