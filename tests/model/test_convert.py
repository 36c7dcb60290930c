"""Released checkpoints become model folders that compute the same; what is no such checkpoint is refused."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from photo51.model.checkpoints import convert as module
from photo51.model.checkpoints import hardware
from photo51.model.checkpoints.convert import convert
from photo51.model.checkpoints.presets import PRESETS, Preset, preset
from photo51.model.families.adapters import load_model
from photo51.types import InputError

from .released import PRESET, released_state, save, tiny
from .small import TINY, build, sequence


def logits(model, ids):
    with torch.no_grad():
        return model(ids, use_cache=False).logits


@pytest.mark.parametrize("parts", [1, 3])
def test_a_released_file_gives_the_logits_of_its_weights(tmp_path, parts):
    model, ids = tiny(), sequence(200)
    source = save(released_state(model), tmp_path / "tiny.pt", parts)
    digest = convert(source, tmp_path / "out", PRESET)
    opened = load_model(tmp_path / "out", device="cpu")
    assert (logits(opened.model, ids) - logits(model, ids)).abs().max() < 1e-5
    assert opened.spec.digest == digest
    assert json.loads((tmp_path / "out" / "weights.json").read_text())["preset"] == "evo2:tiny"


def test_weights_of_the_reference_give_the_logits_it_gave(tmp_path):
    """The fixture holds weights in the released order of rows, and logits computed from them by the reference."""
    saved = np.load(Path(__file__).parent / "fixtures" / "sh2_L200.npz")
    c = json.loads(str(saved["config"]))
    kinds = [
        next(k for k in ("hcs", "hcm", "hcl", "attn") if i in c[f"{k}_layer_idxs"]) for i in range(c["num_layers"])
    ]
    architecture = {
        "hidden_size": c["hidden_size"],
        "block_kinds": kinds,
        "mlp_size": c["inner_mlp_size"],
        "n_heads": c["num_attention_heads"],
        "hcs_groups": c["hcs_filter_groups"],
        "hcm_groups": c["hcm_filter_groups"],
    }
    state = {name[3:]: torch.from_numpy(saved[name]) for name in saved.files if name.startswith("w::")}
    source = save(state, tmp_path / "reference.pt")
    convert(source, tmp_path / "out", Preset("evo2:fixture", architecture, 8_192, "", ""))
    got = logits(load_model(tmp_path / "out", device="cpu").model, torch.from_numpy(saved["input_ids"]))
    assert np.abs(got[..., : saved["logits"].shape[-1]].numpy() - saved["logits"]).max() <= 2e-4


def test_evo_1_comes_as_safetensors_with_a_prefix(tmp_path):
    architecture = {**TINY, "block_kinds": ["h1", "attn"], "gelu_blocks": "all", "state_size": 8}
    model = build(3, **architecture)
    state = {f"backbone.{k}": v.contiguous() for k, v in model.state_dict().items()}
    state["backbone.unembed.weight"] = state["backbone.embedding_layer.weight"].clone()
    save_file(state, tmp_path / "model.safetensors")
    convert(tmp_path / "model.safetensors", tmp_path / "out", Preset("evo1:tiny", architecture, 8_192, "", ""))
    ids = sequence(90)
    assert torch.equal(logits(load_model(tmp_path / "out", device="cpu").model, ids), logits(model, ids))


def test_memory_is_about_one_tensor(tmp_path):
    wide = {**TINY, "vocab_size": 512, "hidden_size": 128, "block_kinds": ["hcs"] * 12, "mlp_size": 512}
    model = build(**wide)
    source = save(released_state(model), tmp_path / "wide.pt")
    total = source.stat().st_size
    tracemalloc.start()
    convert(source, tmp_path / "out", Preset("evo2:wide", wide, 8_192, "", ""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 5e6
    assert peak < total / 3


def broken(state, name):
    state = dict(state)
    if name == "missing":
        del state["blocks.2.filter.residues"]
    elif name == "extra":
        state["blocks.0.adapter.weight"] = torch.zeros(3)
    elif name == "shape":
        state["blocks.0.mlp.l1.weight"] = torch.zeros(41, 32)
    elif name == "nan":
        state["blocks.1.out_filter_dense.bias"] = torch.full((32,), float("nan"))
    elif name == "untied":
        state["unembed.weight"] = state["unembed.weight"] + 1
    return state


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", r"preset evo2:tiny needs blocks\.2\.filter\.residues"),
        ("extra", r"preset evo2:tiny does not know blocks\.0\.adapter\.weight"),
        ("shape", r"blocks\.0\.mlp\.l1\.weight: need shape \(40, 32\) for preset evo2:tiny, got \(41, 32\)"),
        ("nan", r"blocks\.1\.out_filter_dense\.bias: need finite weights, got 32 that are not"),
        ("untied", r"need unembed\.weight equal to embedding_layer\.weight"),
    ],
)
def test_a_file_that_is_not_of_the_preset_is_refused(tmp_path, name, said, monkeypatch):
    monkeypatch.setattr(module, "PRESETS", {})
    source = save(broken(released_state(tiny()), name), tmp_path / "tiny.pt")
    with pytest.raises(InputError, match=said):
        convert(source, tmp_path / "out", PRESET)
    if name != "nan":
        assert not (tmp_path / "out").exists(), "refused before anything is written"
    assert not list(tmp_path.glob("out/model.safetensors"))


def test_the_right_preset_is_named(tmp_path, monkeypatch):
    other = Preset("evo2:narrow", {**PRESET.architecture, "mlp_size": 48}, 8_192, "", "")
    monkeypatch.setattr(module, "PRESETS", {p.name: p for p in (PRESET, other)})
    source = save(released_state(tiny()), tmp_path / "tiny.pt")
    with pytest.raises(InputError, match="its tensors fit evo2:tiny: name that preset"):
        convert(source, tmp_path / "out", other)


def test_a_missing_part_a_cut_file_and_no_file_are_refused(tmp_path):
    source = save(released_state(tiny()), tmp_path / "tiny.pt", 3)
    (tmp_path / "tiny.pt.part1").unlink()
    with pytest.raises(InputError, match=r"need parts 0 to 2, got none numbered \[1\]"):
        convert(source, tmp_path / "out", PRESET)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(source.read_bytes())
    with pytest.raises(InputError, match=r"need a torch file .* or all its parts in order"):
        convert(cut, tmp_path / "out", PRESET)
    with pytest.raises(InputError, match="got no such file"):
        convert(tmp_path / "absent.pt", tmp_path / "out", PRESET)


def test_a_full_disk_is_said_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda _: 1_000)
    source = save(released_state(tiny()), tmp_path / "tiny.pt")
    with pytest.raises(InputError, match="GB of disk for evo2:tiny"):
        convert(source, tmp_path / "out", PRESET)


def test_a_pickle_that_would_run_something_runs_nothing(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    state = {**released_state(tiny()), "blocks.0.mixer._extra_state": Bomb()}
    convert(save(state, tmp_path / "tiny.pt"), tmp_path / "out", PRESET)
    assert not (tmp_path / "ran").exists()


PER_BLOCK = {"hcs": 202_426_112, "hcm": 202_461_184, "hcl": 202_559_488, "attn": 202_387_456}


def test_parameters_of_7b_262k_are_those_that_were_published_block_by_block():
    config = PRESETS["evo2:7b_262k"].config()
    want = sum(PER_BLOCK[kind] for kind in config.block_kinds) + 512 * 4_096 + 4_096
    assert config.n_parameters() == want


@pytest.mark.parametrize(
    ("name", "billions", "layers"),
    [
        ("1b_base", 1.108, 25), ("7b_base", 6.481, 32), ("7b", 6.582, 32), ("20b", 19.74, 24),
        ("40b_base", 40.33, 50), ("40b", 41.12, 50), ("evo1:8k", 6.453, 32), ("evo1:131k", 6.453, 32),
    ],
)  # fmt: skip
def test_presets_have_the_published_size(name, billions, layers):
    config = preset(name).config()
    assert config.n_parameters() / 1e9 == pytest.approx(billions, rel=1e-3)
    assert config.num_hidden_layers == layers


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_counted_parameters_are_those_of_the_tensors(name):
    config = PRESETS[name].config()
    shapes = {n: s for n, s in module.expected(config).items() if not n.endswith("inv_freq")}
    assert sum(int(np.prod(s)) for s in shapes.values()) == config.n_parameters()


def test_unknown_presets_absent_weights_and_unfit_hardware_say_what_to_do(monkeypatch, tmp_path):
    with pytest.raises(InputError, match=r"preset: need one of evo2:1b_base, .* got '3b'"):
        preset("3b")
    with pytest.raises(
        InputError, match=r"evo2:1b_base: its input projections were trained in 8-bit .* take evo2:7b_base"
    ):
        load_model("evo2:1b_base", device="cpu")
    monkeypatch.setenv("PHOTO51_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=r"run `photo51 convert FILE .*evo2_7b --preset evo2:7b`"):
        load_model("evo2:7b", device="cpu")
    monkeypatch.setattr(hardware, "free_memory", lambda _: 10**9)
    with pytest.raises(InputError, match=r"need 25\.9 GB for weights in float32 on cpu, got 1\.0 GB free"):
        load_model("evo2:7b_262k@random", device="cpu")


def folder(tmp_path, change=None):
    out = tmp_path / "model"
    convert(save(released_state(tiny()), tmp_path / "tiny.pt"), out, PRESET)
    if change is not None:
        from safetensors.torch import load_file

        state = load_file(out / "model.safetensors")
        change(state)
        save_file(state, out / "model.safetensors")
    return out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("norm.scale"), r"got norm\.scale missing"),
        (lambda s: s.update({"head.weight": torch.zeros(2)}), r"got head\.weight unknown"),
        (
            lambda s: s.update({"norm.scale": torch.zeros(33)}),
            r"norm\.scale: need shape \(32,\) by config.json, got \(33,\)",
        ),
        (lambda s: s["norm.scale"].fill_(float("nan")), r"norm\.scale: need finite weights"),
    ],
    ids=["missing", "unknown", "shape", "nan"],
)
def test_damaged_model_folders_are_refused(tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        load_model(folder(tmp_path, change), device="cpu")


def test_windows_longer_than_memory_allows_are_refused(tmp_path, monkeypatch):
    model = load_model(folder(tmp_path), device="cpu")
    monkeypatch.setattr(hardware, "free_memory", lambda _: 10**6)
    with pytest.raises(
        InputError, match=r"window: need about .* GB to read 1 windows of 9,000 bases .* shorten the windows"
    ):
        model.read(["A" * 9_000], ["embed"])


def test_fresh_weights_are_seeded_differ_and_have_a_name(tmp_path):
    out = folder(tmp_path)
    one, same, other, trained = (
        load_model(f"{out}{s}", device="cpu") for s in ("@random:1", "@random:1", "@random:2", "")
    )
    assert one.spec.hash == same.spec.hash
    assert len({one.spec.hash, other.spec.hash, trained.spec.hash}) == 3
    assert one.spec.random_seed == 1
    assert one.spec.name.endswith("@random:1")
    assert [p.shape for p in one.model.parameters()] == [p.shape for p in trained.model.parameters()]


def test_a_checkpoint_is_not_converted_where_it_lies_nor_twice(tmp_path):
    """Its own files would be removed before they are read."""
    model = tiny()
    folder = tmp_path / "released"
    folder.mkdir()
    source = save(released_state(model), folder / "tiny.pt", 1)
    before = source.read_bytes()
    with pytest.raises(
        InputError, match="need another folder than that of the checkpoint, got the one that holds tiny"
    ):
        convert(source, folder / ".." / "released", PRESET)
    assert source.read_bytes() == before
    assert [p.name for p in folder.iterdir()] == ["tiny.pt"]
    convert(source, tmp_path / "out", PRESET)
    with pytest.raises(InputError, match="it is converted"):
        convert(tmp_path / "out", tmp_path / "again", PRESET)
    assert not (tmp_path / "again").exists()
