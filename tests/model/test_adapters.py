"""Other models behind the interface: tokens and bases, sites, likelihoods, the load audit, all on random tiny models."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertConfig,
    EsmConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
)

from photo51.model.families.adapters import load_model
from photo51.model.families.audit import audit_weights
from photo51.model.families.huggingface import Library, open_library
from photo51.model.families.spans import tokenize
from photo51.model.sites import Sites
from photo51.types import InputError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SMALL = {
    "vocab_size": 100, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24,
    "pad_token_id": 0,
}  # fmt: skip
CONFIGS = {
    "llama": LlamaConfig(**SMALL, max_position_embeddings=256),
    "mistral": MistralConfig(**SMALL, num_key_value_heads=2, max_position_embeddings=256),
    "mamba": MambaConfig(vocab_size=100, hidden_size=16, num_hidden_layers=3, state_size=4, pad_token_id=0),
    "esm": EsmConfig(**SMALL, position_embedding_type="rotary", mask_token_id=4, token_dropout=False),
    "bert": BertConfig(**SMALL, max_position_embeddings=256),
}
CAUSAL = ("llama", "mistral", "mamba")
TEXT = "ACGTTGCAAGCTTAGCCATGGATCCGATTACAGGC"


def tokenizer(k=1, *, wrap=False, letters="ACGTN"):
    """Non-overlapping k-mers with single bases where none fits; `wrap` puts special tokens round them."""
    words = [""]
    for _ in range(k):
        words = [w + b for w in words for b in "ACGT"]
    vocabulary = [*SPECIAL, *letters, *(words if k > 1 else [])]
    inner = Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(f"[ACGT]{{{k}}}|."), "isolated")
    if wrap:
        inner.post_processor = processors.TemplateProcessing(
            "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def build(family):
    torch.manual_seed(0)
    opener = AutoModelForCausalLM if family in CAUSAL else AutoModelForMaskedLM
    model = opener.from_config(CONFIGS[family]).eval()
    with torch.no_grad():
        for w in model.parameters():
            if w.ndim == 2:
                w.mul_(4)
    return model


@pytest.fixture(params=sorted(CONFIGS))
def family(request):
    return request.param


@pytest.mark.parametrize("k", [1, 3])
def test_a_saved_model_opens_and_says_the_same(family, k, tmp_path):
    """The library's own `hidden_states` are the oracle."""
    model, tokens = build(family), tokenizer(k, wrap=family in {"esm", "bert"})
    model.save_pretrained(tmp_path)
    tokens.save_pretrained(tmp_path)
    opened = load_model(f"hf:{tmp_path}", device="cpu")
    sequence = TEXT[:32]  # ten 3-mers and two single bases
    ids = torch.tensor([tokens(sequence)["input_ids"]])
    with torch.no_grad():
        want = model(input_ids=ids, output_hidden_states=True).hidden_states
    shift = int(family in {"esm", "bert"})
    first = int(family != "mamba")  # where the library's list begins: with the embedding, or after the first block
    spans = (
        [(3 * i, 3 * i + 3) for i in range(10)] + [(30, 31), (31, 32)] if k == 3 else [(i, i + 1) for i in range(32)]
    )
    assert opened.tokenize(sequence).spans.tolist() == [list(s) for s in spans]
    found = opened.read([sequence], ["block.0.out", "block.1.out"]).activations
    for i in range(2):
        at_bases = torch.cat([want[i + first][0, t + shift].expand(b - a, -1) for t, (a, b) in enumerate(spans)])
        assert (found[f"block.{i}.out"][0] - at_bases).abs().max() < 1e-5


def test_an_edit_that_changes_nothing_changes_no_bit_and_one_that_does_is_seen(family):
    opened = Library("m", build(family), tokenizer())
    plain = opened.forward([TEXT]).logits[0]
    same = opened.forward([TEXT], Sites(edit=dict.fromkeys(opened.sites, lambda x, _: x))).logits[0]
    pushed = opened.forward(
        [TEXT],
        Sites(edit={"block.1.out": lambda x, _: x + torch.randn(16, generator=torch.Generator().manual_seed(0))}),
    ).logits[0]
    assert torch.equal(same, plain)
    assert (pushed - plain).abs().max() > 1e-3


@pytest.mark.parametrize("family", ["llama", "mistral"])
def test_an_edit_between_attention_and_mlp_reaches_the_residual_stream_too(family):
    opened = Library("m", build(family), tokenizer())
    constant = torch.linspace(-1, 1, 16)
    edit = {"block.1.mid": lambda x, _: constant.expand_as(x)}
    found = opened.forward([TEXT], Sites(["block.1.mid", "block.1.out"], edit=edit))
    block = opened._model.get_submodule("model.layers")[1]
    with torch.no_grad():
        want = constant + block.mlp(block.post_attention_layernorm(constant[None]))[0]
    assert (found.sites["block.1.mid"][0] - constant).abs().max() == 0
    assert (found.sites["block.1.out"][0] - want).abs().max() < 1e-5


def test_weights_that_do_not_fit_or_are_cut_short_are_refused_in_a_sentence(tmp_path):
    model = build("llama")
    model.save_pretrained(tmp_path / "whole")
    tokenizer().save_pretrained(tmp_path / "whole")
    weights = load_file(tmp_path / "whole" / "model.safetensors")
    for name, kept in (
        ("missing", {k: v for k, v in weights.items() if "layers.1.mlp.up_proj" not in k}),
        ("shape", {k: v[:1] if "layers.1.mlp.up_proj" in k else v for k, v in weights.items()}),
    ):
        shutil.copytree(tmp_path / "whole", tmp_path / name)
        save_file({k: v.contiguous() for k, v in kept.items()}, tmp_path / name / "model.safetensors", {"format": "pt"})
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    open_library(str(tmp_path / "whole"), seed=None, device="cpu", dtype=torch.float32)
    with pytest.raises(InputError, match=r"got files without model.layers.1.mlp.up_proj.weight \(1 "):
        open_library(str(tmp_path / "missing"), seed=None, device="cpu", dtype=torch.float32)
    for name in ("shape", "cut"):
        with pytest.raises(InputError, match="got none that opens"):
            open_library(str(tmp_path / name), seed=None, device="cpu", dtype=torch.float32)


def test_heads_that_nothing_is_read_from_may_be_missing_and_change_no_hash(tmp_path):
    build("esm").save_pretrained(tmp_path / "m")
    tokenizer(wrap=True).save_pretrained(tmp_path / "m")
    weights = load_file(tmp_path / "m" / "model.safetensors")
    heads = [k for k in weights if "contact_head" in k]
    assert heads
    left = {k: v for k, v in weights.items() if k not in heads}
    save_file(left, tmp_path / "m" / "model.safetensors", {"format": "pt"})
    one, two = (open_library(str(tmp_path / "m"), seed=None, device="cpu", dtype=torch.float32) for _ in range(2))
    assert one.spec.hash == two.spec.hash


def test_shorter_sequences_of_a_batch_are_read_as_if_alone(family):
    opened = Library("m", build(family), tokenizer())
    together = opened.read([TEXT, TEXT[:13]], ["block.2.out"]).activations["block.2.out"]
    alone = opened.read([TEXT[:13]], ["block.2.out"]).activations["block.2.out"]
    assert together[1].shape == (13, 16)
    assert (together[1] - alone[0]).abs().max() < 1e-5 * alone[0].abs().max()


@pytest.mark.parametrize("family", CAUSAL)
def test_likelihood_of_a_k_mer_is_shared_by_its_bases(family):
    opened = Library("m", build(family), tokenizer(3))
    sequence = TEXT[:9]
    found = opened.log_probs([sequence])[0]
    ids = torch.tensor([opened.tokenizer(sequence)["input_ids"]])
    with torch.no_grad():
        table = torch.log_softmax(opened.model(input_ids=ids).logits[0], -1)
    want = [float(table[t, ids[0, t + 1]]) for t in range(2)]
    assert np.isnan(found[:3]).all()
    assert found[3:6].sum() == pytest.approx(want[0], abs=1e-4)
    assert found[6:9].sum() == pytest.approx(want[1], abs=1e-4)


@pytest.mark.parametrize("family", ["esm", "bert"])
def test_models_that_fill_in_have_no_likelihood_and_generate_nothing(family):
    opened = Library("m", build(family), tokenizer())
    with pytest.raises(InputError, match="need a model of the next token for likelihoods"):
        opened.log_probs([TEXT])
    with pytest.raises(InputError, match="need a model of the next token to generate"):
        opened.generate(TEXT, 3)


def test_tokenizers_that_cannot_rebuild_the_sequence_are_refused():
    with pytest.raises(InputError, match=r"need tokens that make up the sequence, got .* at base 4"):
        tokenize(tokenizer(letters="ACGT"), "ACGTNACGT")
    assert tokenize(tokenizer(3), "ACGNNACG").spans.tolist() == [[0, 3], [3, 4], [4, 5], [5, 8]]


@pytest.mark.parametrize("wrong", ["garbage", "nan", "meta"])
def test_tables_that_loading_left_uninitialised_are_put_right(wrong):
    """The trap of transformers 5: rotary tables of models with their own code come out as whatever was in memory."""
    model = build("llama")
    ids = torch.tensor([tokenizer()(TEXT)["input_ids"]])
    with torch.no_grad():
        want = model(input_ids=ids).logits
    rotary = model.model.rotary_emb
    right = rotary.inv_freq.clone()
    bad = {"garbage": torch.full_like(right, 3e-41), "nan": right * float("nan"), "meta": right.to("meta")}[wrong]
    rotary._buffers["inv_freq"] = bad
    names = [r.name for r in audit_weights(model)]
    assert "model.rotary_emb.inv_freq" in names
    assert torch.equal(model.model.rotary_emb.inv_freq, right)
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, want)
    assert audit_weights(model) == []


def test_what_is_no_model_of_the_library_and_too_long_windows_are_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "caduceus", "auto_map": {}}')
    with pytest.raises(InputError, match="need a model of a class that transformers itself has"):
        load_model(tmp_path, device="cpu")
    opened = Library("m", build("llama"), tokenizer())
    with pytest.raises(InputError, match="need at most 256 tokens a sequence, got 300"):
        opened.read(["A" * 300], ["embed"])
    with pytest.raises(InputError, match="need letters of ASCII"):
        opened.read(["ACGÜ"], ["embed"])
    with pytest.raises(InputError, match="need at least one base"):
        opened.read([""], ["embed"])


def test_generation_is_seeded_and_as_long_as_asked():
    opened = Library("m", build("llama"), tokenizer(letters="ACGT" + "".join(chr(0x100 + i) for i in range(91))))
    one, same, other = (opened.generate(TEXT, 12, seed=s) for s in (1, 1, 2))
    assert one == same != other
    assert len(one) == 12


@pytest.mark.parametrize(("kind", "capacity"), [("esm", 9), ("bert", 12)])
def test_learned_positions_up_to_that_of_padding_are_no_tokens(kind, capacity):
    """ESM numbers positions from behind that of padding (2 here), so that 12 positions hold 9 tokens, CLS and SEP among them."""
    small = {**SMALL, "pad_token_id": 2, "max_position_embeddings": 12}
    esm = EsmConfig(**small, position_embedding_type="absolute", mask_token_id=4, token_dropout=False)
    config = esm if kind == "esm" else BertConfig(**small)
    model = Library("small", AutoModelForMaskedLM.from_config(config), tokenizer(wrap=True))
    assert model.spec.context == capacity
    bases = ("ACGT" * 4)[: capacity - 2]
    assert len(model.forward([bases]).tokens[0].ids) == capacity
    with pytest.raises(InputError, match=f"need at most {capacity} tokens a sequence, got {capacity + 1}"):
        model.forward([bases + "A"])
