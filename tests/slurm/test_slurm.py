"""What only a real scheduler can show: memory that grows on retry, nodes that die, runs that are cancelled, GPUs handed out."""

import json
import os
import signal
from pathlib import Path

import pytest

from benchmarks import scaling
from benchmarks._growth import small_model
from photo51.io import sha256, write_json

from .conftest import ROOT, node

pytestmark = pytest.mark.slurm

MEMORY = """
rule all:
    input: "out/activations"
rule activations:  # the profile asks for a GPU for rules of this name
    output: "out/activations"
    resources:
        mem_mb=lambda wildcards, attempt: 700 * 2 ** (attempt - 1),
        runtime=120,
    shell:
        "python3 -c 'import time; x = bytearray(900 << 20); time.sleep(6)' && echo ${{CUDA_VISIBLE_DEVICES-none}} > {output}"
"""

STEPS = """
rule all:
    input: expand("out/{i}", i=range(2)), "out/last"
rule step:
    output: "out/{i}"
    resources: mem_mb=1000, runtime=120
    shell: "echo {wildcards.i} >> started; sleep 2; echo {wildcards.i} > {output}"
rule last:
    input: expand("out/{i}", i=range(2))
    output: "out/last"
    resources: mem_mb=1000, runtime=120
    shell: "echo last >> started; sleep $(cat pause); cat {input} > {output}"
"""


def test_fake_gpus_are_handed_out(cluster):
    one = cluster.call("srun", "--gpus=fake:1", "--mem=64", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES").strip()
    assert one in {"0", "1"}
    two = cluster.call("srun", "--gpus=2", "--mem=64", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES").strip()
    assert two == "0,1"


def test_a_job_that_dies_of_memory_is_sent_again_with_more_and_gets_its_gpu(cluster, site):
    folder, before = site(MEMORY), len(cluster.jobs())
    cluster.finish(folder)
    jobs = cluster.jobs()[before:]
    assert [(j["state"], j["memory"]) for j in jobs] == [("FAILED", "700M"), ("COMPLETED", "1400M")]
    assert {j["partition"] for j in jobs} == {"gpu"}
    assert all("gpu:fake:1" in cluster.call("scontrol", "show", "job", j["id"]) for j in jobs)
    assert (folder / "out" / "activations").read_text().strip() in {"0", "1"}


def test_the_same_by_a_submit_command(cluster, site):
    folder, before = (
        site(MEMORY.replace("echo ${{CUDA_VISIBLE_DEVICES-none}}", "echo done")),
        len(cluster.jobs()),
    )
    cluster.finish(folder, profile="cluster-generic")
    jobs = cluster.jobs()[before:]
    assert [(j["state"], j["memory"]) for j in jobs] == [("FAILED", "700M"), ("COMPLETED", "1400M")]


def _crash(state):
    """The node loses power: its daemon, the keepers of its jobs and all they started die at once."""
    mine = set()
    for entry in Path("/proc").iterdir():
        try:
            env = (entry / "environ").read_bytes() if entry.name.isdigit() else b""
            if b"SLURM_JOB_ID=" not in env or state.encode() not in env:
                continue
            mine.add(int(entry.name))
            parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            if (Path("/proc") / parent / "cmdline").read_bytes().startswith(b"slurmstepd"):
                mine.add(int(parent))
        except OSError:
            continue
    node("node-down")
    for pid in sorted(mine):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_node_that_dies_loses_nothing(cluster, site):
    folder = site(STEPS)
    (folder / "pause").write_text("600")
    process = cluster.snakemake(folder)
    started = folder / "started"
    cluster.wait("the last step", lambda: started.exists() and "last" in started.read_text(), 2_400)
    (folder / "pause").write_text("1")
    _crash(cluster.env["SLURM_CONF"].removesuffix("/slurm.conf"))
    cluster.wait("the node to be called down", lambda: "down" in cluster.call("sinfo", "-h", "-N", "-o", "%t"))
    node("node-up")
    assert process.wait(3_600) == 0, (folder / "run.log").read_text()[-3000:]
    assert (folder / "out" / "last").read_text() == "0\n1\n"
    assert sorted(started.read_text().split()) == [
        "0",
        "1",
        "last",
        "last",
    ]  # finished steps did not run again


def test_a_cancelled_run_goes_on(cluster, site):
    folder = site(STEPS)
    (folder / "pause").write_text("600")
    process = cluster.snakemake(folder)
    started = folder / "started"
    cluster.wait("the last step", lambda: started.exists() and "last" in started.read_text(), 2_400)
    process.send_signal(signal.SIGINT)
    process.wait(1_200)
    cluster.wait("the job to be cancelled", lambda: cluster.jobs()[-1]["state"] in {"CANCELLED", "FAILED"})
    assert not (folder / "out" / "last").exists()
    (folder / "pause").write_text("1")
    cluster.finish(folder)
    assert sorted(started.read_text().split()) == ["0", "1", "last", "last"]


def test_no_slurm_and_no_partition_are_named(cluster, site, tmp_path):
    folder = site(STEPS)
    (folder / "pause").write_text("1")
    config = folder / "workflow" / "profiles" / "slurm" / "config.yaml"
    config.write_text(config.read_text().replace("partition: cpu", "partition: nowhere", 1))
    process = cluster.snakemake(folder, "--retries", "0")
    assert process.wait(1_200) != 0
    assert "nowhere" in (folder / "run.log").read_text() or "invalid partition" in (folder / "run.log").read_text()
    assert not (folder / "started").exists()


SMALL = {
    "run": "small",
    "genomes": "genomes.tsv",
    "parts": 2,
    "controls": [],
    "keep_activations": True,
    "genome": {"core": 1024, "warmup": 128, "min_context": 64, "block": 2048, "gap": 64, "shard": 4096},
    "activations": {"model": "model", "sites": ["block.0.out"], "tokens": 2048},
    "sae": {"n_features": 64, "k": 4, "tokens": 16384, "batch": 512, "sample": 2048, "checkpoint": 8},
}


def _checkout(folder):
    """What a checkout has, beside profiles of the folder's own."""
    (folder / "workflow").mkdir(exist_ok=True)
    for name in ("Snakefile", "rules", "envs", "report"):
        (folder / "workflow" / name).unlink(missing_ok=True)
        (folder / "workflow" / name).symlink_to(ROOT / "workflow" / name)
    if not (folder / "workflow" / "profiles").exists():
        (folder / "workflow" / "profiles").symlink_to(ROOT / "workflow" / "profiles")
    for name in ("resources", "config", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def _hashes(folder):
    """Name and SHA-256 of every file of a run but its logs, times and the manifest, which names the machine."""
    left_out = {"logs", "benchmarks", ".done", ".lock", "manifest.json"}
    files = [p for p in folder.rglob("*") if p.is_file() and p.relative_to(folder).parts[0] not in left_out]
    return {p.relative_to(folder).as_posix(): sha256(p) for p in files}


def _differ(one, two):
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


def test_codes_from_shards_on_nodes_are_the_bytes_of_one_machine(cluster, site, tmp_path_factory):
    local, remote = _checkout(tmp_path_factory.mktemp("local")), _checkout(site(""))
    for folder in (local, remote):
        small_model(folder)
        genome = ROOT / "resources" / "phage" / "NC_001422.1_phiX174.gbk.gz"
        (folder / "genomes.tsv").write_text(f"genome\tsequence\nphix\t{genome}\n")
        (folder / "config.json").write_text(json.dumps(SMALL))
    words = ("results/small/codes/main/codes.json", "--configfile", "config.json")
    at_home = cluster.snakemake(local, *words, "--cores", "1", profile="local")
    before = len(cluster.jobs())
    cluster.finish(remote, *words, timeout=3_000)
    assert at_home.wait(3_000) == 0, (local / "run.log").read_text()[-3000:]
    assert len(cluster.jobs()) - before >= 6  # prepare, two parts read, train, two parts encoded, gather
    assert _differ(_hashes(local / "results/small"), _hashes(remote / "results/small")) == []
    logs = [p for p in (remote / "logs" / "slurm").rglob("*.log") if p.is_file()]
    assert len(logs) >= 6


def test_the_nano_run_is_the_same_to_the_last_byte_of_its_report(cluster, site, tmp_path_factory):
    local, remote = _checkout(tmp_path_factory.mktemp("local")), _checkout(site(""))
    words = ("--configfile", "config/examples/nano.yaml")
    at_home = cluster.snakemake(local, *words, "--cores", "1", profile="local")
    cluster.finish(remote, *words, "--jobs", "2", timeout=10_000)
    assert at_home.wait(10_000) == 0, (local / "run.log").read_text()[-3000:]
    here, there = (_hashes(folder / "results/nano") for folder in (local, remote))
    assert {"report.html", "features.h5ad", "geometry.h5ad", "atlas/index.html"} <= set(here)
    write_json({"slurm_equals_local": int(here == there)}, ROOT / scaling.SLURM)
    assert _differ(here, there) == []
    written = json.loads((remote / "results/nano/manifest.json").read_text())
    assert written["files"].keys() == here.keys()
    assert written["machine"]["slurm_job"]
