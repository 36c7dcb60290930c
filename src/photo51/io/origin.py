"""What activations are activations of: carried by stores, dictionaries and codes, so that none is used on another's
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from photo51.types import InputError


@dataclass(frozen=True)
class Origin:
    """Where activations come from.

    Attributes
    ----------
    model
        Hash of the model's weights and configuration.
    site
        Site of the model, for instance `block.2.out`.
    d_model
        Numbers per base.
    preprocessing
        What was done to the site's tensor before it was stored; `none` is the tensor as it is.
    model_name
        The model's name, for messages and exports; two names of one hash are the same model.
    """

    model: str
    site: str
    d_model: int
    preprocessing: str = "none"
    model_name: str = ""

    def __str__(self) -> str:
        """One line that names everything that must agree."""
        name = f"{self.model_name} " if self.model_name else ""
        preprocessing = "" if self.preprocessing == "none" else f", preprocessing {self.preprocessing}"
        return f"site {self.site} of model {name}[{self.model}] ({self.d_model} numbers per base{preprocessing})"

    def require(self, other: Origin, what: str) -> None:
        """Make sure that `other` is the same.

        Raises
        ------
        InputError
            Naming both, where `what` (with origin `other`) does not fit.
        """
        if self.key() != other.key():
            raise InputError(f"{what}: need {self}, got {other}")

    def key(self) -> tuple[str, str, int, str]:
        """What decides whether two origins are the same."""
        return self.model, self.site, self.d_model, self.preprocessing

    def dump(self) -> dict[str, str | int]:
        """As JSON can hold it."""
        return asdict(self)

    def header(self) -> dict[str, str]:
        """As texts, for the header of a tensor file."""
        return {name: str(value) for name, value in self.dump().items()}

    @classmethod
    def read(cls, values: Mapping[str, object], label: str) -> Origin:
        """Take an origin from a header or from JSON; keys it does not know are left alone.

        Raises
        ------
        InputError
            Where one of `model`, `site` and `d_model` is absent.
        """
        if missing := [name for name in ("model", "site", "d_model") if name not in values]:
            raise InputError(f"{label}: need the origin of the activations, got none of {missing}")
        return cls(
            model=str(values["model"]),
            site=str(values["site"]),
            d_model=int(str(values["d_model"])),
            preprocessing=str(values.get("preprocessing", "none")),
            model_name=str(values.get("model_name", "")),
        )
