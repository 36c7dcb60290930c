"""Enrichment tables of the synthetic run: numbers that can be counted are counted, the rest is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from synthetic_run import MEANING, MOTIF
from synthetic_tables import write

from photo51.config.enrichment import ConceptParams
from photo51.enrichment.concepts.names import NameEvidence, name_features
from photo51.genome.axis.genomes import Genomes
from photo51.genome.axis.masks import annotation_masks
from photo51.io import read_table, write_json
from photo51.io.contracts import enrichment
from photo51.io.contracts.features import TOP_WINDOWS

NAMED = {f: m for f, m in MEANING.items() if f not in {8, 9}}


def make_enrichment(folder: Path, genomes: Genomes, codes: dict[str, sp.csr_matrix]) -> None:
    """Write every table of the stage."""
    counted = _counted(genomes, codes)
    classes = sorted({c["annotation"] for c in counted})
    _pairs(folder, counted, classes)
    _concepts(folder, counted)
    _shapes(folder, genomes)
    _novelty(folder)
    replication = [
        {
            "feature": f,
            "annotation": m,
            "strand": "sense",
            "check": check,
            "against": against,
            "other": f,
            "n_intervals": 40,
            "z_rot": 9.0,
            "log2_fold": 3.1,
            "p": 1e-9,
            "q": 1e-8 if f != 7 else 0.4,
            "survives": f != 7,
            "reason": "checked",
        }
        for f, m in NAMED.items()
        for check, against in (("genome", "rods"), ("split", "test"))
    ]
    replication.append(
        {
            "feature": 0,
            "annotation": "start_codon",
            "strand": "sense",
            "check": "seed",
            "against": "seed 2",
            "other": -1,
            "reason": "no feature of that dictionary matches",
            "survives": False,
        }
    )
    write(enrichment.REPLICATION, replication, folder / "replication.parquet")
    tables = {
        t: read_table(folder / f"{t}.parquet") for t in ("concepts", "concept_summary", "enrichment", "replication")
    }
    named = name_features(NameEvidence(*tables.values()), ConceptParams())
    write(enrichment.NAMES, named.to_dict("records"), folder / "names.parquet")


def _counted(genomes: Genomes, codes: dict[str, sp.csr_matrix]) -> list[dict[str, Any]]:
    """Overlap of each feature that means something with each class, both strands."""
    masks = annotation_masks(genomes.workspace(), genomes.annotations())
    rows = []
    for annotation, pair in masks.items():
        inside = {"+": pair.plus, "-": pair.minus}
        share = float(np.mean([m.mean() for m in inside.values()]))
        if share == 0:
            continue
        for feature in MEANING:
            active = {s: codes[s][:, feature].toarray().ravel() > 0 for s in "+-"}
            n = sum(int(a.sum()) for a in active.values())
            overlap = sum(int((active[s] & inside[s]).sum()) for s in "+-")
            marked = sum(int(m.sum()) for m in inside.values())
            rows.append(
                {
                    "feature": feature,
                    "annotation": annotation,
                    "n_active": n,
                    "overlap": overlap,
                    "expected": n * share,
                    "coverage": share,
                    "precision": overlap / n,
                    "recall_bp": overlap / marked,
                }
            )
    return rows


def _pairs(folder: Path, counted: list[dict[str, Any]], classes: list[str]) -> None:
    rows = []
    for c in counted:
        strong = c["overlap"] > 2 * c["expected"]
        rows.append(
            {
                "feature": c["feature"],
                "annotation": c["annotation"],
                "strand": "sense",
                "frame": -1,
                "status": "tested",
                "n_runs": 50,
                "n_active": c["n_active"],
                "n_eff": 44.0,
                "n_intervals": 80,
                "coverage": c["coverage"],
                "overlap": c["overlap"],
                "expected": c["expected"],
                "log2_fold": float(np.log2((c["overlap"] + 0.5) / (c["expected"] + 0.5))),
                "z_rot": 20.0 if strong else 0.2,
                "p_rot": 1e-20 if strong else 0.4,
                "p_method": "exact",
                "q": 1e-18 if strong else 0.7,
                "q_adj_comp": 1e-9 if strong else 0.7,
                "split": "train,select,test",
            }
        )
    write(enrichment.ENRICHMENT, rows, folder / "enrichment.parquet")
    rng = np.random.default_rng(0)
    qq = []
    for which, boost in (("real", 6.0), ("rotated", 1.0)):
        for test in ("rotation", "adjusted"):
            expected = -np.log10((np.arange(1, 201) - 0.5) / 200)
            observed = np.sort(expected * boost * (1 + 0.05 * rng.standard_normal(200)))[::-1]
            qq += [
                {"activations": which, "test": test, "expected": float(e), "observed": float(max(o, 0))}
                for e, o in zip(expected, observed, strict=True)
            ]
    write(enrichment.QQ, qq, folder / "calibration_qq.parquet")
    rates = [
        {
            "annotation": c,
            "strand": "sense",
            "n": 200,
            "n_05": 40 if i == 0 else 10,
            "n_001": 0,
            "rate_05": 0.2 if i == 0 else 0.05,
            "rate_001": 0.0,
            "tolerance": 0.001,
            "verdict": "out of band" if i == 0 else "in band",
        }
        for i, c in enumerate(classes)
    ]
    write(enrichment.RATES, rates, folder / "adjusted_rates.parquet")
    figures = {
        "version": "0",
        "seed": 51,
        "alpha": 0.05,
        "run_real_pairs": len(rows),
        "run_real_discoveries": 61,
        "run_real_discoveries_adjusted": 55,
        "run_real_both": 52,
        "run_rotated_pairs": len(rows),
        "run_rotated_discoveries": 1,
        "run_rotated_discoveries_adjusted": 2,
        "run_rotated_both": 0,
    }
    write_json(
        figures
        | {
            "fpr_05": 0.041,
            "fpr_01": 0.006,
            "fpr_001": 0.001,
            "fpr_adjusted_05": 0.05,
            "fpr_adjusted_01": 0.012,
            "fpr_adjusted_001": 0.001,
        },
        folder / "calibration.json",
    )


def _concepts(folder: Path, counted: list[dict[str, Any]]) -> None:
    by = {(c["feature"], c["annotation"]): c for c in counted}
    rows, summary = [], []
    for feature, annotation in MEANING.items():
        c = by.get((feature, annotation))
        if c is None:
            continue
        recall = min(1.0, c["recall_bp"] * 3 if annotation.endswith("codon") else c["recall_bp"] + 0.2)
        f1 = 2 * c["precision"] * recall / (c["precision"] + recall)
        always = 2 * c["coverage"] / (1 + c["coverage"])
        row = {
            "readout": "sae",
            "feature": feature,
            "unit": f"f{feature}",
            "annotation": annotation,
            "strand": "sense",
            "frame": -1,
            "best": True,
            "threshold": 0.8,
            "threshold_split": "select",
            "f1_select": f1,
            "precision_bp": c["precision"],
            "recall_bp": c["recall_bp"],
            "recall_domain": recall,
            "f1_domain": f1,
            "mcc": f1 - 0.1,
            "f1_null95": always * 1.1,
            "f1_always": always,
            "auprc": 0.6,
            "auprc_baseline": c["coverage"],
            "auroc": 0.8,
            "kmer_auprc": 0.3,
            "d_auprc": 0.3,
            "d_auprc_lo": 0.2,
            "d_auprc_hi": 0.4,
            "q": 1e-18,
            "q_adj_comp": 1e-9,
            "beats_kmer": annotation != "CDS",
            "n_test_domains": 21,
            "named": feature in NAMED,
        }
        rows.append(row)
        summary.append(
            {
                "annotation": annotation,
                "strand": "sense",
                "status": "scored",
                "n_test_domains": 21,
                "feature": feature,
                "f1_domain": f1,
                "f1_null95": always * 1.1,
                "f1_always": always,
                "f1_kmer": f1 * 0.4,
                "f1_neuron": f1 * 0.7,
                "f1_pca": f1 * 0.5,
                "beats_neuron": annotation != "CDS",
                "beats_pca": True,
            }
        )
    summary.append(
        {
            "annotation": "prophage",
            "strand": "either",
            "status": "1 interval on test, at least 5 are needed",
            "feature": -1,
        }
    )
    write(enrichment.CONCEPTS, rows, folder / "concepts.parquet")
    write(enrichment.SUMMARY, summary, folder / "concept_summary.parquet")


def _shapes(folder: Path, genomes: Genomes) -> None:
    """Logos counted from the strongest windows; a logo is told where two positions have more than a bit."""
    top = read_table(folder / "top_windows.parquet", TOP_WINDOWS)
    shapes, logos, profiles = [], [], []
    for feature, here in top.groupby("feature"):
        counts = np.zeros((31, 4))
        for w in here.itertuples():
            low = w.peak - 24 if w.strand == "+" else w.peak - 6
            if low < 0 or low + 31 > genomes.length(w.genome, w.chrom):
                continue
            text = genomes.sequence(w.genome, w.chrom, low, low + 31, w.strand).tobytes().decode()
            for i, base in enumerate(text):
                counts[i, "ACGT".index(base)] += 1
        n = max(int(counts[0].sum()), 1)
        share = counts / n
        bits = (
            2 + np.where(share > 0, share * np.log2(np.maximum(share, 1e-9)), 0).sum(axis=1) - 3 / (2 * np.log(2) * n)
        )
        told = (bits > 1).sum() >= 2
        consensus = (
            "".join("ACGT"[share[i].argmax()] if bits[i] > 0.8 else "N" for i in range(31)).strip("N") if told else ""
        )
        shapes.append(
            {
                "feature": int(feature),
                "shape": {7: "domain", 8: "domain", 6: "domain"}.get(
                    int(feature), "periodic" if feature in {3, 4, 5} else "point"
                ),
                "n_runs": 60,
                "run_median": 75.0,
                "period": 3.0,
                "information": float(max(bits.sum(), 0)),
                "information_null": 2.5,
                "n_windows": n,
                "consensus": consensus,
            }
        )
        logos += [
            {
                "feature": int(feature),
                "offset": i - 24,
                "A": share[i, 0],
                "C": share[i, 1],
                "G": share[i, 2],
                "T": share[i, 3],
                "bits": float(bits[i]),
                "n": n,
            }
            for i in range(31)
        ]
        if int(feature) in NAMED:
            at = np.arange(-60, 61)
            near = {
                "feature": int(feature),
                "annotation": NAMED[int(feature)],
                "boundary": "start",
                "expected": 0.05,
                "n": 80,
            }
            profiles += [{**near, "offset": int(o), "activation": float(4 * np.exp(-((o / 4) ** 2)))} for o in at]
    write(enrichment.SHAPES, shapes, folder / "shapes.parquet")
    write(enrichment.LOGOS, logos, folder / "logos.parquet")
    write(enrichment.PROFILES, profiles, folder / "profiles.parquet")
    write(
        enrichment.MOTIF_MATCHES,
        [
            {
                "feature": 9,
                "motif": f"made-up {MOTIF}",
                "strand": "+",
                "offset": 16,
                "overlap": 9,
                "p": 1e-6,
                "q": 1e-4,
            }
        ],
        folder / "motif_matches.parquet",
    )
    sets = [
        {
            "feature": 6,
            "set": "transfer RNA",
            "status": "tested",
            "n_genes": 13,
            "hits": 13,
            "expected": 1.2,
            "z_rot": 8.0,
            "p_rot": 1e-8,
            "p_method": "exact",
            "q": 1e-6,
            "p_ora": 1e-9,
            "q_ora": 1e-7,
        }
    ]
    write(enrichment.GENESETS, sets, folder / "genesets.parquet")


def _novelty(folder: Path) -> None:
    rng = np.random.default_rng(2)
    rows = []
    for feature in range(70):
        novel = feature == 9
        gate = (
            "passed"
            if novel or feature % 11 == 0
            else "named class with F1 ≥ 0.3"
            if feature in NAMED
            else "n_eff below 30"
        )
        rows.append(
            {
                "feature": feature,
                "seed_match_r": 0.91 if novel else float(rng.random() * 0.5),
                "strength": 0.97 if novel else 0.4,
                "strength_by": "ablation",
                "d2_explained": 0.08,
                "best_annotation": "intergenic" if novel else "CDS",
                "best_f1": 0.07,
                "repeat_frac": 0.0,
                "window_artifact": 0.03,
                "density": 0.004,
                "n_eff": 41.0,
                "n_contigs": 3,
                "novelty": 0.79 if novel else float(rng.random() * 0.2),
                "gate": gate,
                "null_q95": 0.31,
                "explained_by": "",
                "p": 0.01,
                "q": 0.02 if novel else 0.4,
                "novel": novel,
                "rank": 0,
                "top_loci": "ring:chromosome:1040(+)",
            }
        )
    for rank, row in enumerate(sorted((r for r in rows if r["gate"] == "passed"), key=lambda r: -r["novelty"]), 1):
        row["rank"] = rank
    write(enrichment.NOVELTY, rows, folder / "novelty.parquet")
    hidden = [
        {
            "annotation": "tRNA",
            "status": "tested",
            "recovered": True,
            "feature": 6,
            "rank": 2,
            "f1_domain": 0.9,
            "f1_null95": 0.05,
            "best_f1": 0.9,
            "best_rank": 2,
            "best_gate": "passed",
        },
        {
            "annotation": "operon_start_predicted",
            "status": "tested",
            "recovered": False,
            "feature": -1,
            "rank": 0,
            "f1_domain": 0.1,
            "f1_null95": 0.05,
            "best_f1": 0.1,
            "best_rank": 0,
            "best_gate": "n_eff below 30",
        },
        {"annotation": "prophage", "status": "1 interval", "recovered": False, "feature": -1},
    ]
    write(enrichment.HIDDEN, hidden, folder / "hidden_classes.parquet")
