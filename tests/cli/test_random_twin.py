"""The control `random` is read from the model with random weights, in whatever way the model is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from photo51.cli import app  # noqa: F401 - the stages register themselves
from photo51.cli.stage import STAGES, StageJob
from photo51.config.model import ActivationParams


@pytest.mark.parametrize(
    ("config", "options", "name"),
    [
        ("seed: 7\nactivations: {model: 'sh2:base'}\n", {}, "sh2:base@random:7"),
        ("seed: 7\nactivations: {model: 'sh2:base'}\n", {"stated": "{}"}, "sh2:nano@random:7"),
        ("seed: 7\nactivations: {model: 'sh2:base'}\n", {"model_name": "sh2:nano"}, "sh2:nano@random:7"),
        ("seed: 7\n", {"model_name": "sh2:nano@random:3"}, "sh2:nano@random:3"),
        (None, {}, "sh2:nano@random:0"),
        (None, {"model_name": "sh2:base"}, "sh2:base@random:0"),
    ],
)
def test_random_is_never_the_trained_model(
    config: str | None, options: dict[str, Any], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if config is not None:
        (tmp_path / "config.yaml").write_text(config)
    opened: list[str] = []
    monkeypatch.setattr(StageJob, "model", lambda job, name=None, _dtype=None: opened.append(name or job.model_words))
    for sae in ("random", "main"):
        StageJob(STAGES["activations"], tmp_path, {"sae": sae}, **options).reader(ActivationParams(model="sh2:nano"))
    asked = options.get("model_name", "")
    assert opened == [name, asked if "@random" in asked else name.partition("@")[0]]
