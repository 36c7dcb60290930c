"""What machines can do: published peaks with their sources, and rates measured on the machine at hand.

Peaks are never reached. `UTILISATION` is the share of the peak that is assumed where nothing was measured; for
comparison, training of Llama 3 405B reached 38 to 43 % of the bfloat16 peak of H100 GPUs (Grattafiori et al. 2024,
arXiv:2407.21783, table 4), with kernels fused for one architecture, which photo51's plain PyTorch does not have.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType

from photo51.types import InputError

UTILISATION = 0.25
GPU_SAE_UTILISATION = 0.2
TERA, GIB = 1e12, 2**30
BUS = 10e9  # bytes a second from an accelerator to its host through memory that is not pinned: a third of PCIe 4 x16


@dataclass(frozen=True)
class Machine:
    """An accelerator by its data sheet, or the machine at hand.

    Attributes
    ----------
    name, words
        Key, and what it is called.
    half, single
        Peak operations a second, dense: bfloat16 or float16 on tensor cores, and float32 without them (FLOP/s).
    memory
        Memory of the device (bytes).
    source
        Where the numbers are published.
    fp8
        Whether it multiplies 8-bit floating point numbers.
    """

    name: str
    words: str
    half: float
    single: float
    memory: float
    source: str
    fp8: bool = False


def _gpu(name: str, words: str, peaks: tuple[float, float], gb: float, source: str, *, fp8: bool = False) -> Machine:
    return Machine(name, words, peaks[0] * TERA, peaks[1] * TERA, gb * 1e9, source, fp8)


MACHINES = MappingProxyType(
    {
        m.name: m
        for m in (
            _gpu("v100", "V100 SXM2 32 GB", (125, 15.7), 32, "NVIDIA V100 data sheet, 2020 (float16)"),
            _gpu("a10", "A10 24 GB", (125, 31.2), 24, "NVIDIA A10 data sheet, 2022"),
            _gpu("a100-40", "A100 SXM4 40 GB", (312, 19.5), 40, "NVIDIA A100 data sheet, 2021"),
            _gpu("a100", "A100 SXM4 80 GB", (312, 19.5), 80, "NVIDIA A100 data sheet, 2021"),
            _gpu("l4", "L4 24 GB", (121, 30.3), 24, "NVIDIA L4 data sheet, 2023", fp8=True),
            _gpu("l40s", "L40S 48 GB", (362, 91.6), 48, "NVIDIA L40S data sheet, 2023", fp8=True),
            _gpu("h100", "H100 SXM5 80 GB", (989, 67), 80, "NVIDIA H100 data sheet, 2023", fp8=True),
            _gpu("h200", "H200 SXM 141 GB", (989, 67), 141, "NVIDIA H200 data sheet, 2024", fp8=True),
        )
    }
)


def machine(name: str) -> Machine:
    """A machine of the table.

    Raises
    ------
    InputError
        For an unknown name, with the known ones.
    """
    if name not in MACHINES:
        raise InputError(f"--machine: need here or one of {', '.join(MACHINES)}, got {name!r}")
    return MACHINES[name]


@dataclass(frozen=True)
class Rates:
    """What the machine at hand did, as `photo51 plan --measure` measured it.

    Attributes
    ----------
    model_flops, sae_flops, encode_flops
        Reading with a model, training a dictionary, encoding with one (FLOP/s, by the counts of `photo51 plan`).
    codes
        Active codes described a second by the feature table (codes/s).
    prepare
        Bases read, annotated and tiled a second (bases/s).
    look
        Products of bases with a dictionary, looked through for active features (products/s).
    disk
        Bytes written and synced a second (bytes/s).
    threads
        CPU threads used.
    """

    model_flops: float
    sae_flops: float
    encode_flops: float
    codes: float
    prepare: float
    look: float
    disk: float
    threads: float

    def dump(self) -> dict[str, float]:
        """As a flat object of numbers."""
        return asdict(self)

    @classmethod
    def read(cls, path: Path) -> Rates:
        """Take rates from the file `photo51 plan --measure` wrote.

        Raises
        ------
        InputError
            Where the file is absent, no JSON, or lacks a rate, or holds one that is no positive number.
        """
        if not path.is_file():
            raise InputError(f"{path}: need measured rates, got no such file; `photo51 plan --measure` makes it")
        try:
            values = json.loads(path.read_text())
        except json.JSONDecodeError as e:
            raise InputError(f"{path}: need JSON, got text that is none ({e})") from e
        rates = {}
        for f in fields(cls):
            value = values.get(f.name) if isinstance(values, dict) else None
            if not isinstance(value, int | float) or not value > 0:
                raise InputError(
                    f"{path}: need a positive number {f.name}, got {value!r}; `photo51 plan --measure` makes it again"
                )
            rates[f.name] = float(value)
        return cls(**rates)
