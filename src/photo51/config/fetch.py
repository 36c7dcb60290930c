"""Parameters of `photo51 fetch`."""

from __future__ import annotations

from pydantic import Field

from photo51.config.base import Params


class FetchParams(Params):
    """Where to download from, and how patiently."""

    eutils_url: str = Field(
        default="https://eutils.ncbi.nlm.nih.gov/entrez/eutils",
        description="address of NCBI E-utilities; the environment variable PHOTO51_EUTILS_URL overrides it",
    )
    datasets_url: str = Field(
        default="https://api.ncbi.nlm.nih.gov/datasets/v2",
        description="address of NCBI Datasets; the environment variable PHOTO51_DATASETS_URL overrides it",
    )
    tries: int = Field(default=6, ge=1, description="tries an accession is given")
    wait: float = Field(default=1.0, ge=0, description="wait before the second try; it doubles with each (s)")
    longest_wait: float = Field(default=60.0, ge=0, description="longest wait between two tries (s)")
    timeout: float = Field(default=60.0, gt=0, description="longest silence of the server (s)")
