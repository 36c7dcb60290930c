"""The command on a made-up genome whose features keep the reading frame, and on one with random codes."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

from benchmarks.planted.genome import planted_genome, write_planted
from photo51.cli import app
from photo51.codes import CodesMeta, CodesStore, gather, write_codes
from photo51.config.genome import GenomeParams
from photo51.config.geometry import GeometryParams, PositiveControlParams
from photo51.features.table import as_anndata
from photo51.genome.preparation.prepare import prepare
from photo51.geometry.controls.positive_controls import run_positive_controls
from photo51.geometry.meaning.biology import codon_phase
from photo51.geometry.relations.load import read_tokens
from photo51.geometry.stage import GeometryInputs, Random, bench_of
from photo51.io import provenance, read_h5ad, read_table, write_h5ad
from photo51.io.contracts.geometry import MANIFOLDS, MEANING, POINTS, POSITIVE_CONTROLS
from photo51.io.origin import Origin
from photo51.types import STRANDS, InputError

D, KEEPING, LOOSE = 16, 9, 30
SMALL = {
    "draws": 19,
    "points": 400,
    "landmarks": 60,
    "lags": 64,
    "rotations": 99,
    "partitions": 2,
    "positive_controls": {"rotations": 99},
}


def _codes(folder, phase, rng, *, frame):
    """Nine features, three of each codon base, where `frame`; and thirty that fire at random."""
    n, meta = (
        phase.shape[1],
        CodesMeta("5ae0", Origin("a0de1", "block.1.out", D), KEEPING + LOOSE, workspace="axis"),
    )
    for s, strand in enumerate(STRANDS):
        prefers = np.arange(KEEPING) % 3
        rate = np.where(phase[s][:, None] == prefers, 0.4, 0.02) if frame else np.full((n, KEEPING), 0.1)
        rate = np.concatenate([rate, np.full((n, LOOSE), 0.05)], axis=1)
        on = rng.random(rate.shape) < rate
        write_codes(folder, 0, strand, 0, csr_matrix(on * rng.uniform(0.5, 1.5, on.shape)).astype(np.float32), meta)
    gather(folder, n)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("geometry")
    sheet = write_planted([planted_genome(60_000)], folder / "given")
    genomes = prepare(
        sheet, folder / "genome", GenomeParams(core=1024, warmup=64, block=6144, gap=64, homology_bases=None)
    )
    rng = np.random.default_rng(1)
    phase = codon_phase(genomes.workspace(), genomes.annotations())
    _codes(folder / "codes" / "main", phase, rng, frame=True)
    _codes(folder / "codes" / "random", phase, rng, frame=False)
    (folder / "sae" / "main").mkdir(parents=True)
    (folder / "sae" / "main" / "sae.json").write_text("{}")
    store = CodesStore.open(folder / "codes" / "main")
    active = store.counts("+") + store.counts("-")
    table = pd.DataFrame({"feature": np.arange(len(active)), "alive": active > 0, "n_active": active})
    decoder = rng.standard_normal((len(active), D)).astype(np.float32)
    write_h5ad(as_anndata(table, decoder, "block.1.out"), folder / "features.h5ad", provenance("features"))
    return folder, genomes


def _bench(run, which, random=None):
    folder, genomes = run
    params = GeometryParams(positive_controls=PositiveControlParams(rotations=99))
    given = GeometryInputs(
        genomes,
        genomes.workspace(),
        CodesStore.open(folder / "codes" / which),
        read_h5ad(folder / "features.h5ad"),
    )
    tokens = read_tokens(given.store, given.workspace, params.tokens)
    other = None
    if random is not None:
        other = Random(read_tokens(CodesStore.open(folder / "codes" / random), given.workspace, params.tokens))
    return bench_of(given, tokens, other, params)


def test_positive_controls_find_a_frame_that_is_there(run):
    table = run_positive_controls(_bench(run, "main", "random")).set_index("control")
    frame = table.loc["codon_phase"]
    assert frame["verdict"] == "shown"
    assert frame["score"] > 0.75
    assert frame["random_weights"] < 0.45
    assert 0.28 < frame["null"] < 0.39
    assert table.loc["replication_angle", "verdict"] == "not tested"
    assert table.loc["phylogeny_16S", "verdict"] == "not tested"
    assert (table["note"].str.len() > 20).all()


def test_positive_controls_report_those_that_fail_as_failing(run):
    table = run_positive_controls(_bench(run, "random")).set_index("control")
    tested = table[table["verdict"] != "not tested"]
    assert {"codon_phase", "gc_line"} <= set(tested.index)
    assert tested.loc["codon_phase", "verdict"] == "not shown"
    assert tested.loc["codon_phase", "score"] < 0.4
    assert tested.loc["gc_line", "verdict"] == "not shown"


@pytest.mark.slow
def test_command_writes_tables_that_keep_their_contracts_and_the_same_bytes_twice(run, tmp_path):
    folder, _ = run
    made = []
    for name in ("one", "two"):
        out = tmp_path / name
        out.mkdir()
        for given in ("codes", "sae", "genome", "features.h5ad"):
            (out / given).symlink_to(folder / given)
        arguments = [out, "--with", "random", "--params", json.dumps(SMALL), "--threads", "1"]
        result = CliRunner().invoke(app, ["geometry", *map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == 0
        files = ("manifolds", "coordinates", "positive_controls", "manifold_points")
        made.append([(out / f"{f}.parquet").read_bytes() for f in files])
        made[-1].append((out / "geometry" / "map.svg").read_bytes())
    assert made[0] == made[1]
    for file, spec in zip(files, (MANIFOLDS, MEANING, POSITIVE_CONTROLS, POINTS), strict=True):
        read_table(out / f"{file}.parquet", spec)
    graph = read_h5ad(out / "geometry.h5ad")
    assert graph.shape == (KEEPING + LOOSE, D)
    assert {"coactivation", "coupling", "cosine", "lagged", "connectivities"} <= set(graph.obsp)
    assert {"X_umap", "X_pca", "X_diffmap", "X_frame"} <= set(graph.obsm)
    angle = np.arctan2(graph.obsm["X_frame"][:KEEPING, 1], graph.obsm["X_frame"][:KEEPING, 0])
    np.testing.assert_array_equal(np.round(angle / (2 * np.pi / 3)).astype(int) % 3, np.arange(KEEPING) % 3)
    assert (out / "geometry" / "codon_phase.svg").is_file()


def test_codes_of_another_dictionary_are_refused(run):
    folder, genomes = run
    graph = read_h5ad(folder / "features.h5ad")[:5].copy()
    given = GeometryInputs(genomes, genomes.workspace(), CodesStore.open(folder / "codes" / "main"), graph)
    with pytest.raises(InputError, match=r"39 features .* got 5"):
        given.check()
