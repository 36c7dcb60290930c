"""The released models by name: architecture, where the weights are, and what is needed to run them.

Architectures are those of the configuration files of the `evo2` and `evo-model` packages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from photo51.model.stripedhyena.configuration import StripedHyenaConfig
from photo51.types import InputError


@dataclass(frozen=True)
class Preset:
    """A released model.

    Attributes
    ----------
    name
        Family and model, for instance `evo2:7b_262k`.
    architecture
        Fields of `StripedHyenaConfig`.
    context
        Longest sequence seen in training (bases).
    repository, file
        Where the weights are published (Hugging Face), and the name of the file; split files have `.part0` and so on.
    licence
        Licence of the weights.
    needs_fp8
        Whether the input projections were trained in 8-bit floating point: then likelihoods in other precisions are
        near those of chance.
    paper
        DOI.
    """

    name: str
    architecture: dict[str, Any] = field(repr=False)
    context: int
    repository: str
    file: str
    licence: str = "Apache-2.0"
    needs_fp8: bool = False
    paper: str = "10.1101/2025.02.18.638918"

    @property
    def generation(self) -> int:
        """StripedHyena 1 (Evo 1) or 2 (Evo 2)."""
        return 1 if self.name.startswith("evo1:") else 2

    def config(self) -> StripedHyenaConfig:
        """The architecture as a configuration."""
        return StripedHyenaConfig(**self.architecture, max_length=self.context)


def striped(n_layers: int, attention: tuple[int, ...]) -> list[str]:
    """Block kinds of an Evo 2: attention at the named layers, short, medium, long in turn elsewhere."""
    hyena = iter(range(n_layers))
    return ["attn" if i in attention else ("hcs", "hcm", "hcl")[next(hyena) % 3] for i in range(n_layers)]


def _evo2(
    name: str,
    size: tuple[int, int, int],
    layers: tuple[int, tuple[int, ...]],
    rotary: tuple[float, float],
    **rest,
) -> Preset:
    width, mlp, groups = size
    architecture = {
        "hidden_size": width,
        "block_kinds": striped(*layers),
        "mlp_size": mlp,
        "n_heads": width // 128,
        "hcs_groups": groups,
        "hcm_groups": groups,
        "rotary_base": rotary[0],
        "rotary_scaling": rotary[1],
    }
    return Preset(f"evo2:{name}", architecture, repository=f"arcinstitute/evo2_{name}", file=f"evo2_{name}.pt", **rest)


def _evo1(name: str, repository: str, context: int, scaling: float) -> Preset:
    architecture = {
        "hidden_size": 4096,
        "block_kinds": ["attn" if i in {8, 16, 24} else "h1" for i in range(32)],
        "mlp_size": 10928,
        "n_heads": 32,
        "state_size": 8,
        "gelu_blocks": "all",
        "rotary_scaling": scaling,
    }
    paper = "10.1126/science.ado9336"
    return Preset(f"evo1:{name}", architecture, context, repository, "model.safetensors", paper=paper)


_1B, _7B, _20B = (25, (3, 10, 17, 24)), (32, (3, 10, 17, 24, 31)), (24, (3, 10, 17))
_40B = (50, (3, 10, 17, 24, 31, 35, 42, 49))
_8K, _256K, _1M = 8_192, 262_144, 1_048_576

PRESETS = MappingProxyType(
    {
        p.name: p
        for p in (
            _evo2("1b_base", (1920, 5120, 128), _1B, (1e4, 1), context=_8K, needs_fp8=True),
            _evo2("7b_base", (4096, 11008, 256), _7B, (1e4, 1), context=_8K),
            _evo2("7b_262k", (4096, 11008, 256), _7B, (1e4, 32), context=_256K),
            _evo2("7b", (4096, 11264, 256), _7B, (1e4, 128), context=_1M),
            _evo2("20b", (8192, 22528, 512), _20B, (1e6, 128), context=_1M, needs_fp8=True),
            _evo2("40b_base", (8192, 21888, 512), _40B, (1e6, 1), context=_8K, needs_fp8=True),
            _evo2("40b", (8192, 22528, 512), _40B, (1e6, 128), context=_1M, needs_fp8=True),
            _evo1("8k", "togethercomputer/evo-1-8k-base", _8K, 1),
            _evo1("131k", "togethercomputer/evo-1-131k-base", 131_072, 16),
        )
    }
)


def preset(name: str) -> Preset:
    """The preset of a name, with or without its family (`7b_262k` is `evo2:7b_262k`).

    Raises
    ------
    InputError
        For an unknown name, with the known ones.
    """
    matches = [p for key, p in PRESETS.items() if name in {key, key.split(":")[1]}]
    if not matches:
        raise InputError(f"preset: need one of {', '.join(PRESETS)}, got {name!r}")
    return matches[0]
