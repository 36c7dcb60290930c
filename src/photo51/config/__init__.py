"""What a run is. Defaults live here, once; `config/schema.json` is generated from these models."""

from photo51.config.base import Params, parse, validated

__all__ = ["Params", "parse", "validated"]
