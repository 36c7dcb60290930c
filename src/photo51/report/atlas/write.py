"""`photo51 atlas`: every live feature of a run with its dossier, as a page that opens from disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from photo51 import words
from photo51.config.report import AtlasParams
from photo51.progress import progress
from photo51.report.atlas import search as atlas_search
from photo51.report.atlas.files import Index, rounded, write_atlas
from photo51.report.elements import feature_text
from photo51.report.elements.kinds import FAMILIES, family
from photo51.report.elements.reading import segment_around, shade_levels
from photo51.report.elements.sentences import beats, called, label
from photo51.report.elements.shapes import manifold_records
from photo51.run.feature import FeatureFacts, FeatureReader
from photo51.run.known import by_reading, closest
from photo51.run.loci import most_active
from photo51.run.maps import feature_map, similar
from photo51.run.opened import Run
from photo51.run.summary import feature_summary

log = logging.getLogger(__name__)
BATCH = 64
BINS = 24


def make_atlas(run: Run, folder: Path, params: AtlasParams) -> None:
    """Write the atlas of a run."""
    ids = [int(f) for f in run.live]
    if not ids:
        log.warning("atlas: no feature of this run is active anywhere; the atlas is empty")
    summary = feature_summary(run).loc[ids]
    index = _index(run, summary, params)
    inline = len(ids) <= params.one_file
    write_atlas(index, _records(run, ids, params), folder, chunk=params.chunk, inline=inline)
    log.info("%s: %s, data %s the page", folder, words.count(len(ids), "feature"), "inside" if inline else "beside")


def _index(run: Run, summary: pd.DataFrame, params: AtlasParams) -> Index:
    near = closest(run).reindex(summary.index)
    near = near.assign(text=[called(r) if isinstance(r["annotation"], str) else "" for r in near.to_dict("records")])
    labels = near["text"].tolist()
    distinct = sorted({t for t in labels if t})
    kind_of = {t: str(a) for t, a in zip(labels, near["annotation"], strict=True) if t}
    place = {t: i for i, t in enumerate(distinct)}
    manifolds = manifold_records(run)
    number = {m["id"]: i for i, m in enumerate(manifolds)}
    x, y = feature_map(run, summary.index.to_numpy())
    features = pd.DataFrame(
        {
            "id": summary["feature"].to_numpy(),
            "name": [place.get(t, -1) for t in labels],
            "grade": [atlas_search.GRADES.get(str(g), 0) for g in near["grade"]],
            "score": near["f1_domain"].to_numpy(dtype=float),
            "null": near["f1_null95"].to_numpy(dtype=float) if "f1_null95" in near else np.full(len(near), np.nan),
            "density": summary["density"].to_numpy(),
            "novelty": summary["novelty"].to_numpy(),
            "novel": summary["novel"].to_numpy().astype(int),
            "cause": _relative(summary["ablation_dnll"]),
            "manifold": [number.get(m, -1) for m in summary["manifold"]],
            "x": x,
            "y": y,
            "motif": summary["consensus"].to_numpy(),
            "genes": _genes_of(run, summary.index.to_numpy(), params.windows),
        }
    )
    contigs = run.genomes.contigs
    loci = most_active(
        run.codes, run.places.workspace, contigs, [int(f) for f in summary.index], params.bin, params.per_bin
    )
    many = contigs["genome"].nunique() > 1
    genomes = words.listing([g.replace("_", " ") for g in dict.fromkeys(contigs["genome"])], 4)
    return Index(
        title=f"Feature atlas: {genomes}",
        subtitle=f"run {run.name} · {run.codes.meta.origin.model_name or 'model'} at {run.codes.meta.origin.site}",
        features=features,
        names=[{"label": t, "group": family(kind_of[t])} for t in distinct],
        groups=[{"label": f.label, "colour": f.colour} for f in FAMILIES],
        manifolds=[{k: v for k, v in m.items() if k != "id"} for m in manifolds],
        contigs=[
            {"name": f"{g} {c}" if many else str(c), "genome": str(g), "length": int(n)}
            for g, c, n in zip(contigs["genome"], contigs["chrom"], contigs["length"], strict=True)
        ],
        genes=atlas_search.genes(run),
        loci=loci.dump(),
        tries=_tries(run, distinct, features),
        scored=atlas_search.scored_intervals(run),
        evidence=atlas_search.evidence(run, summary["feature"].to_numpy()),
        variants=atlas_search.variants(run),
    )


def _relative(effect: pd.Series) -> np.ndarray:
    top = effect.max()
    return (effect / top).clip(lower=0).to_numpy() if pd.notna(top) and top > 0 else effect.to_numpy()


def _genes_of(run: Run, ids: np.ndarray, n: int) -> list[str]:
    """Genes at each feature's strongest places, for the search."""
    top = run.need("top_windows")
    top = top[(top["rank"] < n) & top["feature"].isin(ids)]
    gene_names: dict[int, dict[str, None]] = {}
    for feature, genome, chrom, peak, strand in top[["feature", "genome", "chrom", "peak", "strand"]].itertuples(
        index=False
    ):
        gene = run.places.genes.covering(str(genome), str(chrom), int(peak), str(strand))
        if gene is not None:
            gene_names.setdefault(int(feature), {})[gene.name] = None
    return [" ".join(gene_names.get(int(f), {})) for f in ids]


def _tries(run: Run, names: list[str], features: pd.DataFrame) -> list[str]:
    """Searches that find something: a name, a gene, a place, a motif, a feature."""
    tries = names[:1]
    listed = [g.split()[0] for g in features["genes"] if g]
    tries += listed[:1]
    segment = run.places.workspace.table.iloc[0]
    tries.append(
        words.place(
            str(segment["chrom"]),
            int(segment["start"]),
            min(int(segment["end"]), int(segment["start"]) + 2000),
        )
    )
    long_motifs = [m for m in features["motif"] if len(m) >= 4]
    tries += [f"motif:{long_motifs[0][:8]}"] if long_motifs else []
    return [*tries, *(f"f{f}" for f in features["id"].tail(1))]


def _records(run: Run, ids: list[int], params: AtlasParams) -> Iterator[dict[str, Any]]:
    reader = FeatureReader(run, params)
    neighbours = similar(run, np.asarray(ids), params.neighbours)
    pages = run.pages("../")
    for start in progress(range(0, len(ids), BATCH), "dossiers", unit="batches"):
        for d in reader.of(ids[start : start + BATCH]):
            yield atlas_record(run, d, neighbours.get(d.feature, []), pages, params)


def atlas_record(
    run: Run, d: FeatureFacts, like: list[tuple[int, float]], pages: Mapping[str, str], params: AtlasParams
) -> dict[str, Any]:
    """A dossier as the page reads it."""
    top = float(d.statistics["maximum"])
    facts = d.known
    windows = [
        {
            "where": w.where,
            "act": rounded([w.activation / max(top, 1e-12)])[0],
            "gene": w.gene,
            "seq": w.sequence,
            "peak": w.peak,
            "level": "".join(map(str, shade_levels(w.levels, top))),
            "page": f"{pages[w.genome]}#f{d.feature};{w.locus}" if w.genome in pages else "",
        }
        for w in d.windows[: params.windows]
    ]
    logo = None
    if facts.logo is not None:
        heights = np.rint(100 * facts.logo.heights).astype(int).ravel().tolist()
        logo = {
            "first": facts.logo.first,
            "h": heights,
            "consensus": facts.consensus,
            "said": f"{words.count(facts.logo.n, 'window')}, lined up at the strongest base (0), reading direction.",
        }
    no_logo = "" if logo else f"No logo: {feature_text.without_logo(facts)}"
    no_concepts = (
        "No annotation agrees with it closely enough to be scored."
        if facts.compared
        else "Features were not compared with annotations in this run."
    )
    return {
        "title": feature_text.title(d),
        "words": feature_text.sentence(d),
        "facts": feature_text.facts(d),
        "logo": logo,
        "no_logo": no_logo,
        "windows": windows,
        "tracks": _tracks(run, d, pages, params, top),
        "concepts": _concepts(d),
        "no_concepts": no_concepts,
        "histogram": _histogram(d, top),
        "profiles": _profiles(d, params),
        "cause": feature_text.cause(facts),
        "like": like,
        "checks": feature_text.checks(facts),
    }


def _tracks(
    run: Run, d: FeatureFacts, pages: Mapping[str, str], params: AtlasParams, top: float
) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for w in d.windows[: params.tracks]:
        s = segment_around(run.places, d.column, w, params.track_bases, top)
        out.append(
            {
                "where": s.where,
                "start": s.start,
                "end": s.end,
                "plus": "".join(map(str, s.levels["+"])),
                "minus": "".join(map(str, s.levels["-"])),
                "peak": words.number(top),
                "genes": [[g.start, g.end, g.strand, g.name, g.kind] for g in s.genes],
                "unread": [list(u) for u in s.unread],
                "page": f"{pages[s.genome]}#f{d.feature};{s.chrom}:{s.start + 1}-{s.end}" if s.genome in pages else "",
            }
        )
    return out


def _concepts(d: FeatureFacts) -> list[dict[str, Any]]:
    return [
        {
            "name": label(str(c["annotation"]), str(c["strand"])),
            "f1": rounded([c["f1_domain"]])[0],
            "null": rounded([c["f1_null95"]])[0],
            "always": rounded([c["f1_always"]])[0],
            "precision": rounded([c["precision_bp"]])[0],
            "recall_bases": rounded([c["recall_bp"]])[0],
            "recall": rounded([c["recall_domain"]])[0],
            "mcc": rounded([c["mcc"]])[0],
            "n": int(c["n_test_domains"]),
            "q": rounded([c["q"]])[0],
            "qa": rounded([c["q_adj_comp"]])[0],
            "kmer": beats(c),
        }
        for c in d.known.concepts.head(6).to_dict("records")
    ]


def _histogram(d: FeatureFacts, top: float) -> dict[str, Any] | None:
    values = np.concatenate([c.values for c in d.column.values()])
    if not len(values):
        return None
    return {
        "counts": np.histogram(values, bins=BINS, range=(0.0, top))[0].tolist(),
        "high": words.number(top),
    }


def _profiles(d: FeatureFacts, params: AtlasParams) -> list[dict[str, Any]]:
    table = d.known.profiles
    out: list[dict[str, Any]] = []
    if table.empty:
        return out
    for (annotation, strand, boundary), rows in by_reading(table):
        near = rows[rows["offset"].abs() <= params.reach].sort_values("offset")
        step = max(1, int(near["offset"].diff().dropna().mode().min())) if len(near) > 1 else 1
        out.append(
            {
                "kind": f"{boundary} of {label(annotation, strand)}",
                "n": int(near["n"].max()),
                "first": int(near["offset"].min()),
                "step": step,
                "mean": rounded(near["activation"], 3),
                "null": rounded(near["expected"], 3),
            }
        )
    order = np.argsort([-(max(p["mean"]) - p["null"][0]) for p in out], kind="stable")
    return [out[i] for i in order[: params.profiles]]
