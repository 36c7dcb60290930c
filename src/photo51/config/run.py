"""A whole run: what `config/config.yaml` may say. Every stage's parameters are its own model; here they meet."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from photo51.config.base import Params
from photo51.config.biomarkers import (
    BiomarkersParams,
    CardsParams,
    CohortParams,
    DistilParams,
    VariantsParams,
)
from photo51.config.enrichment import (
    ConceptParams,
    EnrichParams,
    GeneSetParams,
    MotifParams,
    NoveltyParams,
    ReplicationParams,
)
from photo51.config.features import FeaturesParams, FidelityParams, WindowOffsetParams
from photo51.config.genome import GenomeParams
from photo51.config.geometry import FrameshiftParams, GeometryParams, PanelParams
from photo51.config.interventions import AblationParams, CausalityParams, SteerParams
from photo51.config.model import ActivationParams, BurnInParams, SelftestParams
from photo51.config.pretrain import PretrainParams
from photo51.config.report import AtlasParams, ExportParams, ReportParams, TracksParams
from photo51.config.run_learnt import RunLearntParams
from photo51.config.sae import QualityParams, SaeParams

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


class ComparisonParams(Params):
    """Variants of disease against harmless ones: whose, and how they are compared."""

    sets: tuple[str, ...] = Field(
        min_length=1, description="sets of variants compared, as named in the variants column of genomes.tsv"
    )
    cases_label: str = Field(default="disease variants", description="what the cases are called on pages, a plural")
    controls_label: str = Field(
        default="harmless variants", description="what the controls are called on pages, a plural"
    )
    biomarkers: BiomarkersParams = Field(
        default=BiomarkersParams(), description="tests and classifiers, genes held out"
    )
    cards: CardsParams = Field(default=CardsParams(), description="evidence cards of single variants")
    distil: DistilParams = Field(default=DistilParams(), description="the smallest rule that keeps the signal")


class ExternalParams(Params):
    """Another cohort, kept for validation: read when the lock is opened, and asked once."""

    panel: str = Field(description="table of its individuals")
    genotypes: str = Field(description="VCF file with its samples")
    variants: str | None = Field(
        default=None,
        description=(
            "set of variants whose effects are its alleles; null: that of the cohort, alleles it lacks are counted and"
            " left out"
        ),
    )
    test: CohortParams | None = Field(
        default=None, description="columns and coding of its panel; null: as the cohort's"
    )


class CohortRunParams(Params):
    """Individuals with a phenotype: the table, and the genotypes of a set of variants or the run's own genomes."""

    panel: str = Field(
        description=(
            "table of individuals: name, phenotype, covariates (.tsv, .csv, PLINK's .fam, .psam, .pheno, .phen,"
            " .sample)"
        )
    )
    genotypes: str | None = Field(
        default=None, description="VCF file with samples; null: individuals are the genomes of the run"
    )
    variants: str | None = Field(
        default=None, description="set of variants whose effects are the alleles of the genotypes"
    )
    external: ExternalParams | None = Field(
        default=None,
        description="another cohort, kept for validation; nobody of this one is put away then",
    )
    open_lock: bool = Field(
        default=False, description="test what was found on the validation individuals: once, and recorded"
    )
    reopen: bool = Field(
        default=False,
        description="look again with other questions than before; stays on record as a further opening",
    )
    test: CohortParams = Field(default=CohortParams(), description="association, with descent taken into account")
    distil: DistilParams | None = Field(
        default=None,
        description="the smallest rule that keeps the signal, made before the lock is opened; null: none",
    )

    @model_validator(mode="after")
    def _pair(self) -> CohortRunParams:
        if (self.genotypes is None) != (self.variants is None):
            raise ValueError("need genotypes and variants together, or neither")
        if self.external is not None and self.genotypes is None:
            raise ValueError("external: need genotypes and variants of the cohort for an external one, got none")
        return self


class SteerRunParams(Params):
    """One steering experiment."""

    former_keys: ClassVar[Mapping[str, str]] = MappingProxyType({"oracle": "scorer"})

    target: str = Field(
        min_length=1,
        description=(
            "feature (f12), concept, sum such as `stop_codon - 0.5*f40`, or auto: proposed for the first scorer"
        ),
    )
    prompt: str = Field(
        min_length=1,
        description="bases to continue, a FASTA file, whose first record is taken, or held-out: sequence of the run",
    )
    scorer: tuple[str, ...] = Field(default=(), description="scorers named beforehand as those to move")
    code: int = Field(default=11, ge=1, description="NCBI translation table of stop codons")
    steer: SteerParams = Field(default=SteerParams(), description="four arms, doses, nulls")


class Config(Params):
    """A run. All that is left out has its default; `photo51 schema` prints every key with its meaning.

    Seeds: `seed` is that of every stage that does not state one of its own.
    """

    former_keys: ClassVar[Mapping[str, str]] = MappingProxyType({"ledger": "replication", "retile": "window_offsets"})

    run: str = Field(default="run", pattern=NAME, description="name; results go to results/NAME")
    seed: int = Field(default=51, ge=0, description="seed of every stage that states none")
    genomes: str = Field(default="config/genomes.tsv", description="table of genomes, one row each")
    parts: int = Field(default=2, ge=1, le=10_000, description="jobs that each scattered stage is split into")
    keep_activations: bool | None = Field(
        default=None,
        description=(
            "keep stored activations after the run: baselines need them again when annotations change, and they "
            "are made again where they are gone; null: those of the model, up to keep_gb"
        ),
    )
    keep_gb: float = Field(
        default=4.0, ge=0, description="most that stored activations may take to be kept by default (GB)"
    )
    keep_control_codes: bool = Field(
        default=True,
        description=(
            "keep the sparse codes of the control dictionaries after the run: concepts and replication need them again "
            "when annotations change, and they are made again where they are gone"
        ),
    )
    pretrained_sae: str | None = Field(
        default=None,
        description="folder of a dictionary to use in place of training one (`photo51 import-sae` makes it)",
    )
    train_with: tuple[str, ...] = Field(
        default=(),
        description=(
            "folders of other runs (results/NAME) with activations of the same model and site, from whose split train "
            "the dictionary learns too; where they have more bases, this run's own are repeated until they are about "
            "half; they may score none of its bases, nor copies of those it holds out"
        ),
    )
    stored: bool = Field(
        default=True,
        description=(
            "store activations; false encodes as the model reads and keeps codes alone, which needs pretrained_sae"
        ),
    )
    explore: bool = Field(
        default=True,
        description=(
            "ask what every feature means: annotations, motifs, geometry, causes, atlas, notebooks; false: variants,"
            " comparisons and cohorts alone, with their report page"
        ),
    )
    controls: tuple[str, ...] = Field(
        default=("seed1", "random"),
        description=(
            "dictionaries trained as controls: seed1, with another seed; random, on the model with random weights"
        ),
    )
    motif_file: str | None = Field(default=None, description="known motifs (MEME) to compare logos with")
    gene_sets: str | None = Field(default=None, description="gene sets (GMT) to test features against")
    phylogeny_genes: str | None = Field(
        default=None,
        description=(
            "one gene of many organisms (FASTA, lineage in the header) for the phylogeny control, as resources/tree16s"
        ),
    )
    recipe: str = Field(default="resources/pretraining/recipe.tsv.gz", description="sequences a model is pretrained on")
    corpus: tuple[str, ...] = Field(default=(), description="FASTA files that hold them; needed for pretraining alone")
    corpus_names: dict[str, str] = Field(
        default={}, description="accession of the recipe → what it is called in the files"
    )
    pretrain: PretrainParams = Field(
        default=PretrainParams(), description="training of a model (`photo51 pretrain`); not part of a run"
    )
    genome: GenomeParams = Field(default=GenomeParams(), description="what is read and which of it is scored")
    activations: ActivationParams = Field(default=ActivationParams(), description="which model, where it is read")
    selftest: SelftestParams = Field(
        default=SelftestParams(), description="check of the model before it is read; one that fails is not read"
    )
    burn_in: BurnInParams = Field(default=BurnInParams(), description="measurement of the warm-up")
    sae: SaeParams = Field(default=SaeParams(), description="the dictionary")
    quality: QualityParams = Field(default=QualityParams(), description="quality of the dictionary")
    features: FeaturesParams = Field(default=FeaturesParams(), description="table of features")
    window_offsets: WindowOffsetParams = Field(
        default=WindowOffsetParams(), description="what is read again to see whether features depend on windows"
    )
    fidelity: FidelityParams = Field(
        default=FidelityParams(), description="loss of the model with the reconstruction patched in"
    )
    enrichment: EnrichParams = Field(default=EnrichParams(), description="features against annotations")
    concepts: ConceptParams = Field(default=ConceptParams(), description="concepts on held-out blocks, with baselines")
    motifs: MotifParams = Field(default=MotifParams(), description="logos, shapes, profiles")
    genesets: GeneSetParams = Field(default=GeneSetParams(), description="gene sets")
    novelty: NoveltyParams = Field(default=NoveltyParams(), description="the ranking of unannotated features")
    replication: ReplicationParams = Field(default=ReplicationParams(), description="replication of names")
    geometry: GeometryParams = Field(default=GeometryParams(), description="manifolds")
    phylogeny: PanelParams = Field(
        default=PanelParams(), description="which of `phylogeny_genes` are read; the model is that of the run"
    )
    frameshift: FrameshiftParams = Field(
        default=FrameshiftParams(), description="bases inserted into genes; the model is that of the run"
    )
    variants: VariantsParams = Field(default=VariantsParams(), description="effects of variants")
    comparisons: dict[str, ComparisonParams] = Field(
        default={}, description="name → comparison of disease with harmless variants"
    )
    cohorts: dict[str, CohortRunParams] = Field(default={}, description="name → cohort")
    ablation: AblationParams = Field(default=AblationParams(), description="what the model loses without each feature")
    causality: CausalityParams = Field(
        default=CausalityParams(), description="what each named feature does to the model"
    )
    steering: dict[str, SteerRunParams] = Field(default={}, description="name → steering experiment")
    learnt: RunLearntParams = Field(
        default=RunLearntParams(), description="what the model has learnt; nothing is asked for by default"
    )
    tracks: TracksParams = Field(default=TracksParams(), description="genome tracks")
    atlas: AtlasParams = Field(default=AtlasParams(), description="feature atlas")
    report: ReportParams = Field(default=ReportParams(), description="report")
    export: ExportParams = Field(default=ExportParams(), description="files for other programs")

    @field_validator("comparisons", "cohorts", "steering")
    @classmethod
    def _names(cls, named: dict[str, Any]) -> dict[str, Any]:
        import re

        for name in named:
            if not re.fullmatch(NAME, name):
                raise ValueError(f"need a name of letters, digits, _ . or -, got {name!r}")
        return named

    @field_validator("controls")
    @classmethod
    def _known_controls(cls, controls: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(controls) - {"seed1", "random"}:
            raise ValueError(f"need seed1 or random, got {sorted(unknown)}")
        return controls

    @model_validator(mode="before")
    @classmethod
    def _one_seed(cls, values: Any) -> Any:
        return seeded(cls, values, values.get("seed", 51)) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _stored_or_pretrained(self) -> Config:
        if len(self.activations.sites) != 1:
            raise ValueError(f"activations.sites: need one site a run, got {len(self.activations.sites)}")
        if not self.stored and self.pretrained_sae is None:
            raise ValueError("stored: need pretrained_sae where activations are not stored")
        if self.train_with and self.pretrained_sae is not None:
            raise ValueError("train_with: need a dictionary to train, got pretrained_sae")
        if not self.stored and self.controls:
            raise ValueError("controls: need none where activations are not stored")
        return self


def seeded(model: type[Params], values: dict[str, Any], seed: Any) -> dict[str, Any]:
    """Write a seed into the values of every stage below that states none."""
    out = model.renamed(values)  # first, or a stage under its former name would get no seed
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Params):
            inner = out.get(name, {})
            if isinstance(inner, dict):
                inner = seeded(kind, inner, seed)
                if "seed" in kind.model_fields:
                    inner.setdefault("seed", seed)
                if inner or name in out:
                    out[name] = inner
        elif name in out and isinstance(out[name], dict):
            entry = _entry(kind)
            if entry is not None:
                out[name] = {k: seeded(entry, v, seed) if isinstance(v, dict) else v for k, v in out[name].items()}
    return out


def _entry(kind: Any) -> type[Params] | None:
    arguments = getattr(kind, "__args__", ())
    last = arguments[-1] if arguments else None
    return last if isinstance(last, type) and issubclass(last, Params) else None
