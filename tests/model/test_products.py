"""The library of products is chosen once, kept on file, and bfloat16 never by itself."""

import json

import pytest
import torch

from photo51.model.stripedhyena import products
from photo51.types import InputError


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(products.VARIABLE, raising=False)
    products.library.cache_clear()
    products.independent.cache_clear()
    yield
    products.library.cache_clear()
    products.independent.cache_clear()


def test_the_first_choice_is_kept_whatever_a_later_stopwatch_says(monkeypatch, tmp_path):
    monkeypatch.setattr(products, "steady", lambda _: True)
    monkeypatch.setattr(products, "measure_libraries", lambda: {"torch": 2.0, "onednn": 1.0})
    assert products.library() == "onednn"
    products.library.cache_clear()
    monkeypatch.setattr(products, "measure_libraries", lambda: {"torch": 1.0, "onednn": 2.0})
    assert products.library() == "onednn"
    (path,) = (tmp_path / "photo51" / "products").iterdir()
    written = json.loads(path.read_text())
    assert written["library"] == "onednn"
    assert written["torch"] == torch.__version__


def test_a_small_difference_is_taken_for_chance():
    assert products.choose_library({"torch": 1.2, "onednn": 1.0}) == "torch"
    assert products.choose_library({"torch": 1.3, "onednn": 1.0}) == "onednn"
    assert products.choose_library({"torch": 1.0}) == "torch"


def test_where_nothing_can_be_written_torch_is_used(monkeypatch, tmp_path):
    (tmp_path / "photo51").write_text("a file where a folder should be")
    monkeypatch.setattr(products, "measure_libraries", lambda: {"torch": 2.0, "onednn": 1.0})
    assert products.library() == "torch"


@pytest.mark.parametrize("text", ['{"library": "abacus"}', "abacus", "[]"])
def test_a_damaged_choice_is_refused(monkeypatch, tmp_path, text):
    monkeypatch.setattr(products, "measure_libraries", lambda: {"torch": 1.0})
    products.library()
    (path,) = (tmp_path / "photo51" / "products").iterdir()
    path.write_text(text)
    products.library.cache_clear()
    with pytest.raises(InputError, match="delete the file to measure again"):
        products.library()


def test_an_unknown_library_is_refused(monkeypatch):
    monkeypatch.setenv(products.VARIABLE, "abacus")
    with pytest.raises(InputError, match=r"PHOTO51_PRODUCTS: need one of torch.*abacus"):
        products.library()


def test_bfloat16_says_its_error_and_shows_in_the_dtype(monkeypatch, caplog):
    monkeypatch.setattr(products, "measure_libraries", lambda: {"torch": 1.0})
    assert products.dtype_label(torch.float32, "cpu") == "float32"
    monkeypatch.setenv(products.VARIABLE, "bfloat16")
    products.library.cache_clear()
    assert products.dtype_label(torch.float32, "cpu") == "float32, products in bfloat16"
    assert "off by 0.00" in caplog.text
    # rounding inputs and output to 8 bits, each uniform within half a step: three errors of about 2^-9/sqrt(3)·(mean of 1/mantissa)
    assert 1e-3 < products.error(products._bfloat16) < 5e-3


@pytest.mark.parametrize("name", ["torch", "onednn"])
def test_float32_libraries_agree_to_rounding(name):
    if name == "onednn" and not products.steady(products._onednn):
        pytest.skip("oneDNN is absent, or its rows depend on their company here")
    assert products.error(products.LIBRARIES[name]) < 1e-6


def test_rows_that_depend_on_their_company_are_noticed():
    assert products.steady(products._torch)
    assert not products.steady(lambda x, w: x @ w.T + len(x))


def test_a_library_that_rounds_is_not_taken_for_float32(monkeypatch, caplog):
    """As oneDNN does with DNNL_DEFAULT_FPMATH_MODE=BF16: its rows are steady, and it is quick."""
    monkeypatch.setitem(products.LIBRARIES, "onednn", products._bfloat16)
    assert set(products.measure_libraries()) == {"torch"}
    # a choice that was made before the variable was set
    monkeypatch.setattr(products, "measure_libraries", lambda: {"torch": 2.0, "onednn": 1.0})
    assert products.library() == "torch"
    assert "not in float32" in caplog.text


def test_a_home_that_may_not_be_entered_is_no_reason_to_stop(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")

    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(products.Path, "home", nowhere)
    assert products.library() == "torch"


def test_measuring_draws_nothing_from_everybodys_generator():
    before = torch.get_rng_state()
    products.measure_libraries(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_stand_by_themselves_only_where_all_products_do(monkeypatch):
    """Attention is by torch whichever library is chosen."""
    for name, alone, independent in (("torch", ["torch"], True), ("onednn", ["onednn"], False), ("onednn", [], False)):
        products.independent.cache_clear()
        with monkeypatch.context() as m:
            m.setattr(products, "library", lambda name=name: name)
            m.setattr(products, "steady", lambda p, alone=alone: p in [products.LIBRARIES[n] for n in alone])
            assert products.independent() == independent


@pytest.mark.parametrize("rows", [64, 192])
def test_round_numbers_of_rows_are_tried_too(rows):
    """A library with a way of its own for whole blocks of 64 rows."""

    def blocked(x, weight):
        return x @ weight.T + 1e-3 * (len(x) == rows)

    assert not products.steady(blocked)
