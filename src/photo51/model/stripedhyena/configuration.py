"""What a StripedHyena is made of: one configuration class for generation 1 (Evo 1) and generation 2 (Evo 2)."""

from __future__ import annotations

from typing import Any, Literal, Self

BlockKind = Literal["hcs", "hcm", "hcl", "attn", "h1"]
BLOCK_KINDS: tuple[str, ...] = ("hcs", "hcm", "hcl", "attn", "h1")
# what a `config.json` of transformers may state that is no part of the network
_OF_LIBRARY = frozenset(
    (
        *("architectures", "dtype", "torch_dtype", "transformers_version", "use_cache", "name_or_path", "return_dict"),
        *("output_hidden_states", "output_attentions", "is_encoder_decoder", "chunk_size_feed_forward", "problem_type"),
        *("id2label", "label2id", "num_labels", "attn_implementation", "torchscript", "is_decoder", "temperature"),
    )
)
_LETTERS = {"s": "hcs", "m": "hcm", "l": "hcl", "a": "attn", "h": "h1"}


class Architecture:
    """What follows from the fields of a StripedHyena, wherever they are kept."""

    hidden_size: int
    block_kinds: list[str]
    mlp_size: int
    n_heads: int
    vocab_size: int
    hcs_groups: int
    hcs_length: int
    hcm_groups: int
    hcm_length: int
    state_size: int
    gelu_blocks: str

    @property
    def num_hidden_layers(self) -> int:
        """Number of blocks."""
        return len(self.block_kinds)

    @property
    def num_attention_heads(self) -> int:
        """Attention heads."""
        return self.n_heads

    @property
    def head_size(self) -> int:
        """Channels of an attention head."""
        return self.hidden_size // self.n_heads

    @property
    def generation(self) -> int:
        """1 where any block is a generation-1 Hyena, else 2."""
        return 1 if "h1" in self.block_kinds else 2

    def uses_gelu(self, block: int) -> bool:
        """Whether the MLP of this block has a GELU on its gate."""
        return self.gelu_blocks == "all" or block == 0

    def n_parameters(self) -> int:
        """Parameters counted from the shapes alone, tied embedding once."""
        d, m, g1 = self.hidden_size, self.mlp_size, "h1" in self.block_kinds
        # three matrices of the MLP, two norms
        mlp_and_norms = 3 * d * m + 2 * d
        mixer = {
            # projections in, three taps on each of their channels, projection out with bias, filter
            "hcs": 3 * d * d + 9 * d + d * d + d + self.hcs_groups * self.hcs_length,
            "hcm": 3 * d * d + 9 * d + d * d + d + self.hcm_groups * self.hcm_length + d,
            "hcl": 3 * d * d + 9 * d + d * d + d + 2 * d * self.state_size + d,
            "attn": 4 * d * d + d + (3 * d if g1 else 0),
            "h1": 3 * d * d + 3 * d + 12 * d + d * d + d + 4 * d * self.state_size + d,
        }
        return self.vocab_size * d + d + sum(mixer[kind] + mlp_and_norms for kind in self.block_kinds)


class StripedHyenaConfig(Architecture):
    """Architecture of a StripedHyena, generation 1 or 2.

    Parameters
    ----------
    vocab_size
        Tokens are UTF-8 bytes; Evo pads the table to 512.
    hidden_size
        Width of the residual stream, D (`d_model`).
    block_kinds
        One of `hcs` (short filter), `hcm` (medium), `hcl` (long, real poles), `attn`, or `h1` (generation 1: long,
        complex poles) per block; a string such as `"smlas"` is read letter by letter.
    mlp_size
        Inner width of the gated MLP.
    n_heads
        Attention heads; in `h1` blocks also the heads by which projections are split.
    hcs_length, hcm_length
        Taps of the short and of the medium filter (bases).
    hcs_groups, hcm_groups
        Filter groups; each filter serves `hidden_size / groups` neighbouring channels.
    state_size
        Poles per channel of the long filter.
    gelu_blocks
        `first`: GELU in block 0 and a plain product of the two branches elsewhere (Evo 2); `all`: GELU everywhere (Evo
        1).
    rotary_base, rotary_scaling
        Rotary base, and the factor by which positions are divided (linear interpolation).
    attention_window
        Keys a query sees, itself included (bases); `None` is full causal attention, as in Evo.

    eps
        Added to the mean square in norms.
    max_length
        Context it was trained for (`max_position_embeddings` in `config.json`).
    initializer_range
        Standard deviation of fresh weights.
    further
        Fields of a `config.json` beside these, kept as they are.

    References
    ----------
    Brixi et al. 2026 (Evo 2), doi:10.1101/2025.02.18.638918; Nguyen et al. 2024 (Evo), doi:10.1126/science.ado9336;
    Ku et al. 2025 (StripedHyena 2), arXiv:2503.01868.
    """

    model_type = "photo51_stripedhyena"

    def __init__(  # noqa: PLR0913, PLR0917 - `config.json` has flat fields
        self,
        vocab_size: int = 512,
        hidden_size: int = 256,
        block_kinds: list[str] | str = "smlas",
        mlp_size: int = 704,
        n_heads: int = 4,
        hcs_length: int = 7,
        hcm_length: int = 128,
        hcs_groups: int = 16,
        hcm_groups: int = 16,
        state_size: int = 16,
        gelu_blocks: Literal["first", "all"] = "first",
        rotary_base: float = 10_000.0,
        rotary_scaling: float = 1.0,
        attention_window: int | None = None,
        eps: float = 1e-6,
        max_length: int = 1_048_576,
        initializer_range: float = 0.02,
        **further: Any,
    ):
        kinds = [_LETTERS.get(kind, kind) for kind in block_kinds]
        if unknown := sorted(set(kinds) - set(BLOCK_KINDS)):
            raise ValueError(f"block_kinds: need each of {BLOCK_KINDS}, got {unknown}")
        for name, groups in (("hcs_groups", hcs_groups), ("hcm_groups", hcm_groups), ("n_heads", n_heads)):
            if hidden_size % groups:
                raise ValueError(f"{name}: need a divisor of hidden_size {hidden_size}, got {groups}")
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.block_kinds = kinds
        self.mlp_size = mlp_size
        self.n_heads = n_heads
        self.hcs_length = hcs_length
        self.hcm_length = hcm_length
        self.hcs_groups = hcs_groups
        self.hcm_groups = hcm_groups
        self.state_size = state_size
        self.gelu_blocks = gelu_blocks
        self.rotary_base = rotary_base
        self.rotary_scaling = rotary_scaling
        self.attention_window = attention_window
        self.eps = eps
        self.max_position_embeddings = max_length
        self.initializer_range = initializer_range
        self.bos_token_id, self.eos_token_id, self.pad_token_id = None, 0, 1
        for name, value in further.items():
            setattr(self, name, value)
        self.tie_word_embeddings = True

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The configuration that a `config.json` states."""
        return cls(**{name: value for name, value in values.items() if name != "model_type"})

    def identity(self) -> dict[str, Any]:
        """What a network is made of, whoever saved it: all fields but those that are the library's."""
        values = {"model_type": self.model_type, **vars(self)}
        return {name: value for name, value in values.items() if name not in _OF_LIBRARY and not name.startswith("_")}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StripedHyenaConfig) and self.identity() == other.identity()

    __hash__ = None  # type: ignore[assignment]
