"""A real Slurm of one node for the session, and a way to run Snakemake through the shipped profiles on it."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SEEN = []
ROOT = HERE.parents[1]
SCRIPT = HERE / "single_node.sh"


def node(*words, timeout=400):
    """Call `single_node.sh`."""
    return subprocess.run(["bash", SCRIPT, *words], capture_output=True, text=True, timeout=timeout, check=False)


def _interruptible():
    """Take Ctrl-C, also where the tests themselves run in the background and do not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Cluster:
    """The cluster, seen by its clients."""

    def __init__(self, state):
        python = str(Path(sys.executable).parent)
        self.env = {
            **os.environ,
            "SLURM_CONF": f"{state}/slurm.conf",
            "PATH": f"{python}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
        }
        for name in [n for n in self.env if n.startswith("SNAKEMAKE")]:
            del self.env[name]

    def call(self, *words):
        """Output of a Slurm command."""
        return subprocess.run(words, capture_output=True, text=True, check=True, env=self.env, timeout=120).stdout

    def jobs(self):
        """Jobs since the cluster started, oldest first: id, state, memory, partition."""
        rows = [
            line.split("|")
            for line in self.call("squeue", "--states=all", "--noheader", "-o", "%i|%T|%m|%P").splitlines()
        ]
        names = ("id", "state", "memory", "partition")
        return sorted((dict(zip(names, r, strict=True)) for r in rows), key=lambda j: int(j["id"]))

    def snakemake(self, folder, *words, profile="slurm"):
        """Start Snakemake in a folder."""
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", f"workflow/profiles/{profile}"]
        extra = ["--slurm-init-seconds-before-status-checks", "1"] if profile == "slurm" else []
        with (folder / "run.log").open("a") as log:
            return subprocess.Popen(
                [*command, *words, *extra, "--latency-wait", "5", "--nocolor"],
                cwd=folder, env=self.env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=_interruptible,  # noqa: PLW1509
            )  # fmt: skip

    def finish(self, folder, *words, profile="slurm", timeout=3_600):
        """Run Snakemake to its end; its log if it failed."""
        process = self.snakemake(folder, *words, profile=profile)
        code = process.wait(timeout)
        assert code == 0, (folder / "run.log").read_text()[-4000:]

    def wait(self, what, condition, seconds=1_200):
        """Wait until a condition holds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := condition():
                return found
            time.sleep(1)
        raise AssertionError(f"waited {seconds} s for {what}: {self.jobs()}")


@pytest.fixture(scope="session")
def cluster():
    if os.environ.get("PHOTO51_TEST_SLURM") != "1":
        pytest.skip("installs and starts Slurm: run by `make test-slurm`")
    if os.geteuid() != 0:
        pytest.skip("starts Slurm's daemons: root only")
    state = os.environ.setdefault("SLURM_TEST_STATE", "/var/tmp/photo51-slurm")
    started = node("up", "--gpus", "2", "--cpus", "4")
    if started.returncode:
        pytest.skip(f"no Slurm here: {started.stderr[-400:]}")
    found = Cluster(state)
    yield found
    SEEN[:] = found.jobs()
    node("down")


def pytest_terminal_summary(terminalreporter):
    """Say what the cluster saw."""
    if SEEN:
        states = Counter(job["state"] for job in SEEN)
        said = ", ".join(f"{n} {state.lower()}" for state, n in states.most_common())
        terminalreporter.section("Slurm")
        terminalreporter.line(f"{len(SEEN)} jobs by sbatch and srun: {said}")


@pytest.fixture
def site(tmp_path):
    """A working directory with the shipped profiles, the site's names set where users set them."""

    def make(snakefile):
        for profile, changes in {
            "slurm": {
                "partition: null": "partition: cpu",
                "gpu_partition: null": "gpu_partition: gpu",
                "gpu_type: null": "gpu_type: fake",
                "gpus: 0": "gpus: 1",
                "polling: null": "polling: squeue",
            },
            "cluster-generic": {},
        }.items():
            folder = tmp_path / "workflow" / "profiles" / profile
            folder.mkdir(parents=True)
            for file in (ROOT / "workflow" / "profiles" / profile).iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
                (folder / file.name).chmod(file.stat().st_mode)
            text = (folder / "config.yaml").read_text()
            for old, new in changes.items():
                assert f"\n  {old} " in text
                text = text.replace(f"\n  {old} ", f"\n  {new} ")
            (folder / "config.yaml").write_text(text)
        (tmp_path / "workflow" / "Snakefile").write_text(snakefile)
        return tmp_path

    return make
