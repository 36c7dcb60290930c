"""Model classes of the `transformers` library behind the interface of all models.

Only classes of the library itself are opened, never code that comes with weights. Sites are found by hooks on the
modules that compute them, as each family names them; a family that is not listed here still has `embed`, the residual
stream after each block and `final_norm`, found from the list of its blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pickle import UnpicklingError
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from photo51.model.checkpoints.hardware import check_weights
from photo51.model.checkpoints.tensors import tensor_digest
from photo51.model.families.audit import Repair, audit_weights
from photo51.model.families.interface import ModelReading, ModelSpec, Output, Over, Sequences, as_bytes
from photo51.model.families.spans import SpannedTokens, bases_per_token, tokenize
from photo51.model.sites import EarlyExit, Sites
from photo51.model.tokenizer import tokens_text
from photo51.types import InputError


class ModelFamily(NamedTuple):
    """Where a family of models computes what.

    Attributes
    ----------
    embed, blocks, final
        Modules: token embedding, list of blocks, last norm (empty where there is none).
    parts
        Site of a block → module within the block, and whether the site is what goes `in` or comes `out`.
    """

    embed: str
    blocks: str
    final: str
    parts: Mapping[str, tuple[str, str]] = MappingProxyType({})


_PRE_NORM = {
    "pre_mixer": ("input_layernorm", "out"),
    "mixer_out": ("self_attn", "out"),
    "mid": ("post_attention_layernorm", "in"),
    "mlp_out": ("mlp", "out"),
}
_OF_SAVING = ("architectures", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "use_cache")
_FAMILIES = {
    "llama": ModelFamily("model.embed_tokens", "model.layers", "model.norm", _PRE_NORM),
    "mistral": ModelFamily("model.embed_tokens", "model.layers", "model.norm", _PRE_NORM),
    "mamba": ModelFamily(
        "backbone.embeddings",
        "backbone.layers",
        "backbone.norm_f",
        {"pre_mixer": ("norm", "out"), "mixer_out": ("mixer", "out")},
    ),
    "esm": ModelFamily("esm.embeddings", "esm.encoder.layer", "esm.encoder.emb_layer_norm_after"),
    "bert": ModelFamily("bert.embeddings", "bert.encoder.layer", ""),
}
_MASKED = {"esm", "bert"}
_UNUSED = re.compile(r"\.(contact_head|pooler)\.")  # heads that no site and no likelihood depends on


def open_library(name: str, *, seed: int | None, device: str, dtype: torch.dtype, tokenizer: Any = None) -> Library:
    """Open a model of the library by identifier or folder, and check it.

    Raises
    ------
    InputError
        Where the configuration, tokenizer or weights cannot be opened, or need code of their own.
    """
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        tokenizer = tokenizer or AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        opener = AutoModelForMaskedLM if config.model_type in _MASKED else AutoModelForCausalLM
        if seed is None:
            # what the files lack would be drawn at random, another time otherwise
            opened: Any = opener.from_pretrained(name, dtype=dtype, trust_remote_code=False, output_loading_info=True)
            model, loaded = opened
            missing = sorted(loaded["missing_keys"])
            for key in (k for k in missing if _UNUSED.search(k)):
                model.get_parameter(key).data.zero_()  # they enter nothing that is read, but the hash of the weights
            if missing := [k for k in missing if not _UNUSED.search(k)]:
                raise InputError(
                    f"{name}: need weights of {type(model).__name__}, got files without {missing[0]}"
                    f" ({len(missing):,} missing in all); they are of another architecture, or not complete"
                )
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = opener.from_config(config, trust_remote_code=False).to(dtype)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError, UnpicklingError) as e:
        raise InputError(
            f"{name}: need a model of a class that transformers itself has, as an identifier or a folder, got none that"
            f" opens ({str(e).splitlines()[0]})"
        ) from e
    check_weights(sum(p.numel() for p in model.parameters()), name, dtype, device)
    return Library(name, cast("nn.Module", model).to(device), tokenizer, seed=seed)


def _positions(model: Any) -> int | None:
    """Tokens a sequence may have; of learned positions, those up to that of padding are no token's (as in ESM and
    RoBERTa).
    """
    stated = getattr(model.config, "max_position_embeddings", None)
    limits = [stated] if stated is not None else []
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            reserved = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - reserved)
    return min(limits, default=None)


class Library:
    """A model of the library.

    Parameters
    ----------
    name
        As it was asked for.
    model
        A model with a head for the next or the masked token.
    tokenizer
        Its tokenizer.
    seed
        Seed of fresh weights.

    Attributes
    ----------
    repairs
        What the load audit put right.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any, *, seed: int | None = None):
        self._model, self.tokenizer = model.eval().requires_grad_(requires_grad=False), tokenizer
        self.repairs: list[Repair] = audit_weights(model)
        config = model.config
        self.family = _FAMILIES.get(config.model_type) or _guess(model)
        self._points = dict(_points(model, self.family))
        self.sites = list(self._points)
        self.device = next(model.parameters()).device
        probe = "ACGTTGCAAGGCTTAACCGGATCGATATCGCGTTAA"
        self.spec = ModelSpec(
            name=name if seed is None else f"{name}@random:{seed}",
            family=config.model_type,
            digest=tensor_digest(iter({k: v for k, v in model.state_dict().items() if v.is_floating_point()}.items())),
            config={k: v for k, v in config.to_diff_dict().items() if k not in _OF_SAVING},
            d_model=config.hidden_size,
            n_layers=config.num_hidden_layers,
            block_kinds=(config.model_type,) * config.num_hidden_layers,
            context=_positions(model),
            tokenizer=type(tokenizer).__name__,
            bp_per_token=bases_per_token([tokenize(tokenizer, probe).spans]),
            causal=config.model_type not in _MASKED,
            dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
            random_seed=seed,
        )

    @property
    def model(self) -> Any:
        """The model itself."""
        return self._model

    def tokenize(self, sequence: NDArray[np.uint8] | str) -> SpannedTokens:
        """Tokens and the bases they stand for."""
        return tokenize(self.tokenizer, tokens_text(as_bytes([sequence])[0]))

    @torch.no_grad()
    def forward(self, sequences: Sequences, sites: Sites | None = None, *, logits: bool = True) -> Output:
        """Run the model, reading and editing at sites.

        Edits see whole tensors, special tokens and padding on the right included; what is read has neither.
        """
        tokens = [self.tokenize(row) for row in as_bytes(sequences)]
        ids, mask = self._padded(tokens)
        inner = sites.at(0) if sites is not None else Sites()
        inner.check(self.sites)
        scores = None
        with self._hooks(inner):
            try:
                scores = self._model(input_ids=ids, attention_mask=mask).logits
            except EarlyExit:
                logits = False
        read = {name: _kept(inner[name], tokens) for name in inner.read}
        if sites is not None:
            sites.extend(inner)
        return Output(tokens, _kept(scores, tokens) if logits and scores is not None else None, read)

    def _padded(self, tokens: list[SpannedTokens]) -> tuple[Tensor, Tensor]:
        length = max(len(t.ids) for t in tokens)
        limit = self.spec.context
        if limit is not None and length > limit:
            raise InputError(
                f"{self.spec.name}: need at most {limit} tokens a sequence, got {length}; shorten the windows"
            )
        pad = self.tokenizer.pad_token_id or 0
        ids, mask = np.full((len(tokens), length), pad, np.int64), np.zeros((len(tokens), length), np.int64)
        for i, t in enumerate(tokens):
            ids[i, : len(t.ids)], mask[i, : len(t.ids)] = t.ids, 1
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    @contextmanager
    def _hooks(self, sites: Sites) -> Iterator[None]:
        handles = []
        # in the order the pass meets them: what an edit adds to a block's output comes before the site there
        for name in (n for n in self.sites if n in {*sites.read, *sites.edit}):
            module, side = self._points[name]
            if side == "in" and name in sites.edit:
                handles += _attach_edited(module, self._points[f"{name.rsplit('.', 1)[0]}.out"][0], sites, name)
            else:
                handles.append(_attach(module, side, sites, name))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def read(self, sequences: Sequences, sites: Sequence[str] = (), *, likelihood: bool = False) -> ModelReading:
        """Activations and likelihoods of every base; nothing after the last site is run where no likelihood is asked
        for.
        """
        passed = self.forward(sequences, Sites(sites, stop=not likelihood), logits=likelihood)
        at_bases = {
            name: [x[torch.from_numpy(t.expand()).to(x.device)] for x, t in zip(each, passed.tokens, strict=True)]
            for name, each in passed.sites.items()
        }
        over: Over = "bases" if self.spec.bp_per_token == 1 else "vocabulary"
        return ModelReading(at_bases, self._log_probs(passed, over) if likelihood else None)

    def log_probs(self, sequences: Sequences, *, over: Over = "vocabulary") -> list[NDArray[np.float32]]:
        """Natural log-probability of each base given the tokens before, (bases,); that of a token is shared out evenly.

        Bases of the first token are NaN.

        Raises
        ------
        InputError
            For a model that fills in masked tokens, which has no such likelihood, and for `over="bases"` where a token
            is more than a base.
        """
        return self._log_probs(self.forward(sequences), over)

    def _log_probs(self, out: Output, over: Over) -> list[NDArray[np.float32]]:
        if not self.spec.causal:
            raise InputError(
                f"{self.spec.name}: need a model of the next token for likelihoods, got one that fills in masked tokens"
            )
        if over == "bases" and self.spec.bp_per_token != 1:
            raise InputError(
                f"{self.spec.name}: need over='vocabulary' where a token is more than a base, got over='bases'"
            )
        assert out.logits is not None
        return [self._shared(t, scores, over) for t, scores in zip(out.tokens, out.logits, strict=True)]

    def _shared(self, tokens: SpannedTokens, logits: Tensor, over: Over) -> NDArray[np.float32]:
        ids = torch.from_numpy(tokens.ids[tokens.place]).to(logits.device)
        if over == "bases":
            vocabulary = [self.tokenizer.convert_tokens_to_ids(base) for base in "ACGT"]
            table = torch.full_like(logits, -torch.inf)
            table[:, vocabulary] = logits[:, vocabulary]
            logits = table
        log_p = torch.log_softmax(logits[:-1].float(), -1).gather(-1, ids[1:, None])[:, 0].cpu().numpy()
        log_p = np.concatenate([[np.nan], np.where(np.isfinite(log_p), log_p, np.nan)]).astype(np.float32)
        lengths = tokens.spans[:, 1] - tokens.spans[:, 0]
        return np.repeat(log_p / lengths.astype(np.float32), lengths)

    def generate(self, prompt: str, n: int, *, temperature: float = 1.0, top_k: int = 4, seed: int = 0) -> str:
        """Continue a sequence by at least `n` bases, cut to `n`.

        Raises
        ------
        InputError
            For a model that fills in masked tokens.
        """
        if not self.spec.causal:
            raise InputError(
                f"{self.spec.name}: need a model of the next token to generate, got one that fills in masked tokens"
            )
        tokens = self.tokenize(prompt)
        ids = torch.from_numpy(tokens.ids[: tokens.place[-1] + 1])[None].to(self.device)
        special = [i for i in self.tokenizer.all_special_ids if i is not None]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            new = self._model.generate(
                ids,
                max_new_tokens=n,
                do_sample=temperature > 0,
                suppress_tokens=special,
                **({"temperature": temperature, "top_k": top_k} if temperature > 0 else {}),
            )[0, ids.shape[1] :]
        return "".join(self.tokenizer.convert_ids_to_tokens(new.tolist()))[:n]


def _points(model: nn.Module, family: ModelFamily) -> Iterator[tuple[str, tuple[nn.Module, str]]]:
    """Site → module and side, in the order the forward pass meets them."""
    yield "embed", (model.get_submodule(family.embed), "out")
    blocks = cast("nn.ModuleList", model.get_submodule(family.blocks))
    for i, block in enumerate(blocks):
        for part, (module, side) in family.parts.items():
            yield f"block.{i}.{part}", (block.get_submodule(module), side)
        yield f"block.{i}.out", (block, "out")
    if family.final:
        yield "final_norm", (model.get_submodule(family.final), "out")


def _guess(model: nn.Module) -> ModelFamily:
    """Embedding and list of blocks of a family that is not listed.

    Raises
    ------
    InputError
        Where there is no list as long as the configuration says there are blocks.
    """
    n = getattr(model.config, "num_hidden_layers", 0)
    lists = [name for name, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == n]
    embeddings = model.get_input_embeddings()  # type: ignore[operator]
    embed = next((name for name, m in model.named_modules() if m is embeddings), None)
    if not lists or embed is None:
        raise InputError(
            f"{type(model).__name__}: need a model with an embedding and a list of {n} blocks, got none; families known"
            f" are {', '.join(_FAMILIES)}"
        )
    return ModelFamily(embed, lists[0], "")


def _attach(module: nn.Module, side: str, sites: Sites, name: str) -> Any:
    def enter(_module: nn.Module, inputs: tuple) -> tuple:
        return (sites.visit(name, inputs[0]), *inputs[1:])

    def leave(_module: nn.Module, _given: tuple, result: Any) -> Any:
        if isinstance(result, tuple):
            return (sites.visit(name, result[0]), *result[1:])
        return sites.visit(name, result)

    return module.register_forward_pre_hook(enter) if side == "in" else module.register_forward_hook(leave)


def _attach_edited(module: nn.Module, block: nn.Module, sites: Sites, name: str) -> list[Any]:
    """Edit the state that goes into a norm and, past it, into the sum at the end of the block: a hook on the norm sees
    the first alone, so that the change is added to the block's output too.
    """
    change: list[Tensor] = []

    def enter(_module: nn.Module, inputs: tuple) -> tuple:
        edited = sites.visit(name, inputs[0])
        change[:] = [edited - inputs[0]]
        return (edited, *inputs[1:])

    def leave(_module: nn.Module, _given: tuple, result: Any) -> Any:
        if isinstance(result, tuple):
            return (result[0] + change[0], *result[1:])
        return result + change[0]

    return [module.register_forward_pre_hook(enter), block.register_forward_hook(leave)]


def _kept(x: Tensor, tokens: list[SpannedTokens]) -> list[Tensor]:
    """Rows of tokens that stand for bases, for each sequence."""
    return [x[i, torch.from_numpy(t.place).to(x.device)] for i, t in enumerate(tokens)]
