"""Which library multiplies matrices when a model is read on a CPU: measured once on a machine, written down, and kept.

Libraries differ in speed by processor (MKL takes a slower path on AMD), and in the last bits of a sum. A choice that
hung on a stopwatch in every process would make bytes differ between runs, so the first process on a machine measures,
and what it found is read from then on from `<cache>/photo51/products/<machine>.json`, where `<machine>` stands for the
processor's name and the version of torch; whichever process writes first decides for all. Where nothing can be
written, torch's own library is used. `PHOTO51_PRODUCTS` overrides: `torch`, `onednn`, or `bfloat16`, which is quicker
where the processor has such instructions and is off by parts in a thousand; it is never chosen by itself, its error is
measured and logged, and a model read so says so in its `dtype`, which decides hashes of what is made of it.

A library other than torch's own is used only if a row of a product is the same bits whatever rows stand beside it, and
only if its products are those of float32: variables of oneDNN or torch may make a library round to bfloat16. Where
torch's own falls short of either, a warning says so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from photo51.types import InputError

log = logging.getLogger(__name__)
Multiply = Callable[[Tensor, Tensor], Tensor]
VARIABLE = "PHOTO51_PRODUCTS"
BFLOAT16 = "bfloat16"
_GAIN = 1.25  # below, a difference in speed may be chance
_EXACT = 1e-6  # largest error of products in float32; those in TensorFloat-32 have 3e-4, those in bfloat16 2e-3
_ROWS, _SHAPES = 512, ((768, 256), (256, 704))


def _torch(rows: Tensor, weight: Tensor) -> Tensor:
    return torch.mm(rows, weight.T)


def _onednn(rows: Tensor, weight: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")
    return product


def _bfloat16(rows: Tensor, weight: Tensor) -> Tensor:
    return torch.mm(rows.bfloat16(), weight.bfloat16().T).float()


LIBRARIES: dict[str, Multiply] = {"torch": _torch, "onednn": _onednn, BFLOAT16: _bfloat16}


def multiply(rows: Tensor, weight: Tensor) -> Tensor:
    """`rows @ weight.T`, (n, in) and (out, in) float32, by the library of this machine."""
    return LIBRARIES[library()](rows, weight)


@cache
def library() -> str:
    """Name of the library in use.

    Raises
    ------
    InputError
        Where `PHOTO51_PRODUCTS` names none that works here.
    """
    name = os.environ.get(VARIABLE, "")
    if name:
        usable = ["torch", *(["onednn"] if steady(_onednn) else []), *([BFLOAT16] if works(_bfloat16) else [])]
        if name not in usable:
            raise InputError(f"{VARIABLE}: need one of {', '.join(usable)} on this machine, got {name!r}")
        if name == BFLOAT16:
            log.warning(
                "products in bfloat16: off by %.2g of their size (root mean square)%s",
                error(_bfloat16),
                "" if steady(_bfloat16) else ", and by as much with other rows in the batch",
            )
        elif name != "torch" and error(LIBRARIES[name]) > _EXACT:
            raise InputError(
                f"{VARIABLE}: need a library whose products are in float32 here, got {name!r}, off by"
                f" {error(LIBRARIES[name]):.2g} of their size (as DNNL_DEFAULT_FPMATH_MODE may have it)"
            )
        return name
    name = _remembered()
    if name != "torch" and error(LIBRARIES[name]) > _EXACT:
        log.warning("products by %s are not in float32 (a variable such as DNNL_DEFAULT_FPMATH_MODE?): torch's", name)
        name = "torch"
    if name == "torch" and (error(_torch) > _EXACT or not steady(_torch)):
        log.warning(
            "products by torch are off by %.2g of their size, or change with the other rows of a batch: numbers may"
            " differ in their last digits between batches",
            error(_torch),
        )
    log.info("products in float32 by %s (%s)", name, torch.backends.cpu.get_cpu_capability())
    return name


@cache
def independent() -> bool:
    """Whether numbers of a row are the same bits whatever rows are read with it here, in products and in attention,
    which torch multiplies in any case. MKL's own are not on processors without AVX-512.
    """
    return all(steady(LIBRARIES[name]) for name in {"torch", library()})


def dtype_label(dtype: torch.dtype, device: str) -> str:
    """How a model's numbers are said: the type of its weights, and that of its products where it is coarser."""
    name = str(dtype).removeprefix("torch.")
    coarse = dtype == torch.float32 and device == "cpu" and library() == BFLOAT16
    return f"{name}, products in bfloat16" if coarse else name


def processor() -> dict[str, str]:
    """What the choice is made for: processor, instructions, and the library's version."""
    names: list[str] = []
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        fields = ("vendor_id", "cpu family", "model", "model name", "stepping")
        lines = [line.split(":", 1) for line in cpuinfo.read_text().split("\n\n")[0].splitlines()]
        facts = {line[0].strip(): line[-1].strip() for line in lines}
        names = [facts[field] for field in fields if field in facts]
    return {
        "processor": " ".join(names) or platform.processor() or platform.machine(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def _remembered() -> str:
    """The choice for this machine: that on file, or one made now, unless another process was first."""
    # another processor, or another torch, is another machine
    machine = processor()
    key = hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:16]
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        path = root / "photo51" / "products" / f"{key}.json"
        absent = not path.is_file()
    except (OSError, RuntimeError) as e:  # a home that is another user's, or none
        log.info("no folder to remember a choice in (%s): products by torch", e)
        return "torch"
    if absent:
        seconds = measure_libraries()
        name = choose_library(seconds)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
                json.dump({**machine, "library": name, "seconds": seconds}, file, indent=1)
            try:
                # a link is made by one process alone: whoever is second reads what the first decided
                os.link(file.name, path)
            except FileExistsError:
                log.debug("%s: another process chose first", path)
            finally:
                Path(file.name).unlink()
        except OSError as e:
            log.info("%s cannot be written (%s): products by torch", path, e.strerror)
            return "torch"
    text = path.read_text()
    try:
        name = json.loads(text)["library"]
    except (ValueError, KeyError, TypeError):
        name = text[:40]
    if name not in {"torch", "onednn"}:
        raise InputError(f"{path}: need library torch or onednn, got {name!r}; delete the file to measure again")
    return str(name)


def choose_library(seconds: dict[str, float]) -> str:
    """The library of measured times: torch's own, unless another is clearly quicker."""
    return "onednn" if seconds.get("onednn", float("inf")) * _GAIN < seconds["torch"] else "torch"


def measure_libraries(rounds: int = 7) -> dict[str, float]:
    """Least CPU seconds of products of the base shape, for the float32 libraries whose rows stand by themselves."""
    names = ["torch", *(n for n in ("onednn",) if steady(LIBRARIES[n]) and error(LIBRARIES[n]) <= _EXACT)]
    generator = torch.Generator().manual_seed(0)  # of its own: whoever measures draws what everybody draws
    work = [(torch.randn(_ROWS, i, generator=generator), torch.randn(o, i, generator=generator)) for o, i in _SHAPES]
    seconds = dict.fromkeys(names, float("inf"))
    for _ in range(rounds):
        for name in names:
            begun = time.thread_time()
            for x, w in work:
                LIBRARIES[name](x, w)
            # the least of the rounds: everything else is what disturbed it
            seconds[name] = min(seconds[name], time.thread_time() - begun)
    return seconds


def works(product: Multiply) -> bool:
    """Whether a library multiplies here at all."""
    try:
        product(torch.ones(16, 16), torch.ones(16, 16))
    except (RuntimeError, AttributeError) as e:
        log.debug("products: %s", e)
        return False
    return True


def steady(product: Multiply) -> bool:
    """Whether a library works here, and its rows, 16 or more together, are the same bits in any company."""
    generator = torch.Generator().manual_seed(0)
    for out, width in _SHAPES:
        x, w = torch.randn(_ROWS, width, generator=generator), torch.randn(out, width, generator=generator)
        try:
            whole = product(x, w)
        except (RuntimeError, AttributeError) as e:
            log.debug("products: %s", e)
            return False
        # parts that begin and end anywhere, as chunks do, and round ones, for which libraries have ways of their own
        for a, b in ((0, 16), (100, 117), (3, 400), (_ROWS - 16, _ROWS), (64, 128), (0, 192), (0, 256), (128, 384)):
            if not torch.equal(product(x[a:b].contiguous(), w), whole[a:b]):
                return False
    return True


def error(product: Multiply) -> float:
    """Root mean square error of a product, relative to its size."""
    generator = torch.Generator().manual_seed(0)
    x, w = torch.randn(_ROWS, 256, generator=generator), torch.randn(768, 256, generator=generator)
    exact = x.double() @ w.double().T
    return float((product(x, w).double() - exact).norm() / exact.norm())
