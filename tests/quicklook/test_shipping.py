"""What may be shipped: the dictionary of the run's own configuration, on a card that claims nothing else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from photo51.config.run import Config
from photo51.quicklook.card import OWN, card
from photo51.quicklook.shelf import shelf_of
from photo51.quicklook.shipping import _check_made, _check_recipe
from photo51.sae.training.consensus import final_params
from photo51.types import InputError

RUN = Path("results/x")


def dictionary(config: Config, seed: int, **changes: object) -> SimpleNamespace:
    """A dictionary of a configuration, of which its card says `changes`."""
    params = config.sae.model_copy(update={"seed": seed})
    params = final_params(params) if params.consensus > 1 else params
    others = {"train_with": list(config.train_with)} if config.train_with else {}
    return SimpleNamespace(card={"params": params.model_dump(mode="json") | changes, **others})


@pytest.mark.parametrize("consensus", [1, 3])
def test_main_and_seed_are_those_of_the_configuration(consensus: int) -> None:
    config = Config.model_validate({"sae": {"consensus": consensus, "k": 48}})
    for seed in (config.sae.seed, config.sae.seed + 1):
        _check_recipe(RUN, dictionary(config, seed), config, seed)  # type: ignore[arg-type]
        _check_recipe(RUN, dictionary(config, seed, checkpoint=9, backend="torch"), config, seed)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"results/x: need the dictionary of the run's configuration.* k 16 \(48"):
            _check_recipe(RUN, dictionary(config, seed, k=16), config, seed)  # type: ignore[arg-type]
    other = dictionary(config, config.sae.seed + 7)
    _check_recipe(RUN, other, config)  # type: ignore[arg-type]
    older = dictionary(config, 51)
    del older.card["params"]["archetype_seed"]
    _check_recipe(RUN, older, config, 51)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got one with seed 51"):
        _check_recipe(RUN, dictionary(config, 51), config, 52)  # type: ignore[arg-type]


def test_other_runs_that_it_learnt_from_are_those_of_the_configuration(caplog: pytest.LogCaptureFixture) -> None:
    config = Config.model_validate({"train_with": ["results/more"]})
    _check_recipe(RUN, dictionary(config, 51), config, 51)  # type: ignore[arg-type]
    # a dictionary of an older photo51 does not say
    _check_recipe(RUN, dictionary(Config(), 51), config, 51)  # type: ignore[arg-type]
    assert "does not say which other runs" in caplog.text
    absolute = dictionary(config, 51)
    absolute.card["train_with"] = [str(Path("results/more").resolve())]
    _check_recipe(RUN, absolute, config, 51)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"of its configuration \(none\), got results/more"):
        _check_recipe(RUN, dictionary(config, 51), Config(), 51)  # type: ignore[arg-type]


def test_a_dictionary_that_was_trained_elsewhere_is_not_shipped_as_the_runs() -> None:
    config = Config.model_validate({"pretrained_sae": "dictionaries/theirs"})
    with pytest.raises(InputError, match="need a dictionary that this run trained, got dictionaries/theirs"):
        _check_made(RUN, config, dictionary(config, 51))  # type: ignore[arg-type]


def test_a_card_of_other_peoples_sequences_says_nothing_of_their_licence() -> None:
    shelf = shelf_of("sh2:base")
    about, names, features = shelf.about, shelf.names, shelf.features
    assert "public domain" in card(about, names, features)
    theirs = card(about | {"run": about["run"] | {"config": OWN}}, names, features)
    for word in ("public domain", "Licence", "GenBank"):
        assert word not in theirs
    more = [about["trained_on"][0] | {"genome": "more"}]
    assert "The last row is of another run" in card(about | {"trained_with": more}, names, features)
    tripled = card(about | {"sae": about["sae"] | {"consensus": 3, "tokens": 1_000_000}}, names, features)
    assert "3,500,000 bases read in training" in tripled
