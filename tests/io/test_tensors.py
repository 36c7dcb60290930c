import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch

from photo51.io.origin import Origin
from photo51.io.tensors import TensorFile, write_tensors
from photo51.types import InputError


def test_safetensors_reads_what_we_write(tmp_path):
    arrays = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([1, 65_535], np.uint16),
        "e": np.zeros((0, 3), np.float16),
    }
    write_tensors(tmp_path / "x.safetensors", arrays, {"site": "embed"})
    theirs = load_file(tmp_path / "x.safetensors")
    assert all(np.array_equal(theirs[name], a) and theirs[name].dtype == a.dtype for name, a in arrays.items())


def test_we_read_what_safetensors_writes(tmp_path):
    a = np.random.default_rng(0).standard_normal((3, 4))
    save_file({"a": a}, tmp_path / "x.safetensors", {"site": "embed"})
    file = TensorFile(tmp_path / "x.safetensors")
    assert np.array_equal(file["a"], a)
    assert file.header["site"] == "embed"


def test_bits_of_bfloat16_are_bfloat16_for_torch(tmp_path):
    write_tensors(tmp_path / "x.safetensors", {"a": np.array([0x3FC0, 0xC000], np.uint16)}, {}, bfloat16=("a",))
    assert load_torch(tmp_path / "x.safetensors")["a"].tolist() == [1.5, -2.0]


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in "xy":
        write_tensors(tmp_path / name, {"a": np.ones(5)}, {"k": "v"})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_a_cut_file_is_named(tmp_path, keep):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.ones(50)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"x\.safetensors"):
        TensorFile(path)


def test_one_flipped_bit_is_found(tmp_path):
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": np.ones(50)}, {})
    TensorFile(path).verify()
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        TensorFile(path).verify()


def test_an_absent_array_is_named_with_those_there(tmp_path):
    write_tensors(tmp_path / "x", {"a": np.ones(2)}, {})
    with pytest.raises(InputError, match=r"'b'.*\['a'\]"):
        TensorFile(tmp_path / "x")["b"]


def test_origins_differ_by_weights_not_by_name():
    one = Origin("aaaa", "block.2.out", 8, model_name="nano")
    one.require(Origin("aaaa", "block.2.out", 8, model_name="other name"), "here")
    with pytest.raises(InputError, match=r"SAE: need site block\.2\.out of model nano \[aaaa\].*got .*block\.3\.out"):
        one.require(Origin("aaaa", "block.3.out", 8), "SAE")
    assert Origin.read(json.loads(json.dumps(one.header())), "x") == one


def test_a_header_without_origin_is_refused():
    with pytest.raises(InputError, match="model"):
        Origin.read({"site": "embed", "d_model": "3"}, "file")
