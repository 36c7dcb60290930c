"""Parameters of variant effects, biomarker tests, cohorts, rules and evidence cards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from photo51.config.base import Params

Statistic = Literal["focal", "near", "window"]
FEWEST_NULLS = 16  # a score is divided by their spread, that of 16 is 0.63 to 1.37 of the true one (chi-squared, 95 %)


class VariantsParams(Params):
    """Which variants are read by the model, and how."""

    select: dict[str, str] = Field(
        default={},
        description=(
            "set → rows of its input that are scored, as an expression over its columns; the rest is counted, not"
            " scored"
        ),
    )
    window: int = Field(default=2048, ge=32, description="bases the model reads around a variant (bases)")
    snap: int = Field(
        default=32,
        ge=1,
        description=(
            "windows start on multiples of this, so that neighbouring variants share a reference window; a variant lies"
            " within half of it of the window's middle (bases; 1 centres exactly)"
        ),
    )
    # 116 disease and 116 common variants of the human mitochondrion, window 2,048 (`python -m benchmarks biomarkers`,
    # after_*): rank correlation with the whole window 0.985 at 64 bases, 0.996 at 128, 0.9986 at 256, 0.9994 at 512
    after: int | None = Field(
        default=256,
        ge=16,
        description=(
            "bases read after a variant, in reading direction; null: to the end of the window. Fewer are read sooner,"
            " and what the variant does further on is not seen; at 256 likelihood ratios rank as with the whole window"
            " (Spearman 0.999) (bases)"
        ),
    )
    near: int = Field(
        default=15, ge=1, description="reach of the `near` statistic on either side of the variant (bases)"
    )
    batch_tokens: int = Field(default=32_768, ge=256, description="tokens the model reads at once, at most (tokens)")
    keep: int = Field(
        default=256,
        ge=1,
        description="largest feature changes kept per variant, strand and statistic (features)",
    )
    max_allele: int = Field(
        default=500,
        ge=1,
        description=(
            "longest deletion, insertion, duplication or inversion that is scored, a quarter of the window at most;"
            " longer ones are refused by name (bases)"
        ),
    )
    null_variants: int = Field(
        default=128,
        ge=0,
        description=(
            "random changes of each kind and length with which changes of length are compared; half as many leave a"
            " score that may follow length at |rho| 0.1; 0: none"
        ),
    )
    null_seed: int = Field(default=0, description="seed of the random changes")
    max_ref_mismatch: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of variants whose REF may differ from the genome before the whole set is refused",
    )
    max_faulty: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description=(
            "share of lines of a VCF file that may be no record before the whole file is refused; those few are listed"
            " and left out"
        ),
    )
    context: int = Field(
        default=15, ge=2, description="bases on either side kept as sequence for the k-mer baseline (bases)"
    )

    @model_validator(mode="after")
    def _a_null_has_a_spread(self) -> VariantsParams:
        if 0 < self.null_variants < FEWEST_NULLS:
            raise ValueError(f"null_variants: need {FEWEST_NULLS} or more, or 0 for none, got {self.null_variants}")
        return self


class BiomarkersParams(Params):
    """Which variants are compared, and how the leaks are closed."""

    cases: str = Field(
        default='label == "pathogenic"', description="rows that are cases, as an expression over the columns"
    )
    controls: str = Field(
        default='label == "benign"', description="rows that are controls, as an expression over the columns"
    )
    stratum: str = Field(
        default="consequence", description="column whose values are analysed one by one, after all together"
    )
    strata: tuple[str, ...] = Field(
        default=("gene", "consequence", "codon_position"),
        description="columns within whose common values cases and controls are compared",
    )
    gene: str = Field(default="gene", description="column of the unit that is held out: gene, or homology cluster")
    statistic: Statistic = Field(default="near", description="which Δ the probes read: focal, near or window")
    statistics: tuple[Statistic, ...] = Field(
        default=("focal", "near", "window"), description="which Δ are tested feature by feature"
    )
    conservation: str | None = Field(default=None, description="column with a conservation score, if there is one")
    claim: Literal["discovery", "description"] = Field(
        default="discovery",
        description=(
            "what the comparison may be called; where cases and controls have other consequences, a description alone"
        ),
    )
    outcome: str | None = Field(
        default=None,
        description=(
            "what cases have, in a word: disease, resistance; null: disease where `cases` says pathogenic or disease,"
            " else `being a case`"
        ),
    )
    alpha: float = Field(default=0.05, gt=0, lt=1, description="false discovery rate")
    audit: int = Field(
        default=100, ge=0, description="runs with labels permuted within strata, to count false discoveries"
    )
    folds: int = Field(default=5, ge=2, description="folds of the gene-held-out cross-validation")
    max_features: int = Field(default=20, ge=1, description="features of the sparse probe, at most")
    kmer: int = Field(default=4, ge=1, le=6, description="k of the k-mer baseline (bases)")
    bootstrap: int = Field(default=1000, ge=10, description="draws of the gene-block bootstrap")
    min_class: int = Field(default=8, ge=2, description="fewest cases and fewest controls of a stratum that is scored")
    seed: int = Field(default=0, description="seed of splits and draws")

    @property
    def outcome_in_words(self) -> str:
        """What cases have."""
        if self.outcome:
            return self.outcome
        expression = self.cases.lower()
        return "disease" if "pathogenic" in expression or "disease" in expression else "being a case"


class CohortParams(Params):
    """How a cohort is tested."""

    phenotype: str = Field(
        default="phenotype",
        description="column of the phenotype: cases and controls in any usual coding, or a quantity",
    )
    coding: Literal["auto", "0/1", "1/2", "-1/1", "-1/0/1", "quantitative"] = Field(
        default="auto",
        description=(
            "coding of the phenotype; auto recognises it or refuses. 1/2 is PLINK's (0 missing), -1/0/1 control,"
            " missing, case"
        ),
    )
    cases: tuple[str, ...] = Field(
        default=(), description="values of the phenotype that are cases, where auto does not know them"
    )
    controls: tuple[str, ...] = Field(default=(), description="values of the phenotype that are controls")
    missing: tuple[str, ...] = Field(
        default=(), description="values of the phenotype that are missing, apart from empty, NA, nan, ., - and -9"
    )
    intermediate: Literal["missing", "case", "control"] = Field(
        default="missing", description="what I (intermediate), neither R nor S, counts as"
    )
    individual: str = Field(default="individual", description="column that names individuals")
    covariates: tuple[str, ...] = Field(default=(), description="numeric or categorical columns to adjust for")
    clade: str | None = Field(
        default=None, description="column with clade, site or population; null cuts clades from the kinship"
    )
    n_clades: int = Field(
        default=12,
        ge=2,
        description=(
            "clades cut from the kinship where none are named, about; two and four times as many are tried where these"
            " do not do"
        ),
    )
    scheme: Literal["auto", "split", "leave_one_clade_out"] = Field(
        default="auto",
        description=(
            "split puts whole clades away for validation, leave_one_clade_out leaves each out in turn; auto splits"
            " where clades allow it"
        ),
    )
    min_class: int = Field(
        default=5,
        ge=1,
        description="cases and controls that each side of the split needs (fewer where a class is rare)",
    )
    min_clades: int = Field(
        default=3, ge=1, description="clades that must hold both classes before any p-value is printed"
    )
    one_clade: float = Field(
        default=0.01,
        gt=0,
        le=1,
        description="p that a discovery keeps at most when any one clade is left out; 1 lets one clade carry it",
    )
    treatment: str | None = Field(default=None, description="column of a treatment, for the interaction test")
    statistic: Statistic = Field(
        default="near", description="which Δ make a burden of genotypes: focal, near or window"
    )
    transform: Literal["rank", "none"] = Field(
        default="rank", description="rank-inverse-normal burdens, or as they are"
    )
    max_unmatched: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description=(
            "share of the shorter list of names (panel, genomes) that may lack a partner before refusal; a missing"
            " phenotype is no lack"
        ),
    )
    max_missing: float = Field(
        default=0.1, ge=0, le=1, description="share of missing genotypes of an allele before it is left out"
    )
    validation: float = Field(
        default=0.4, gt=0, lt=1, description="share of individuals, in whole clades, kept for validation"
    )
    alpha: float = Field(default=0.05, gt=0, lt=1, description="false discovery rate")
    rare: int = Field(default=20, ge=1, description="cases below which Firth regression replaces the score test")
    small: int = Field(default=100, ge=1, description="individuals below which residuals are permuted (Freedman-Lane)")
    permutations: int = Field(default=9999, ge=99, description="permutations where they are used")
    half_samples: int = Field(default=100, ge=10, description="half-samples of stability selection")
    selected: int = Field(default=30, ge=1, description="features each half-sample may select")
    threshold: float = Field(default=0.7, gt=0.5, le=1, description="share of half-samples a stable feature needs")
    components: int = Field(default=10, ge=0, description="principal components of the naive contrast")
    seed: int = Field(default=0, description="seed of splits and draws")


class DistilParams(Params):
    """How small a rule may be, and how much it must keep."""

    raw: tuple[str, ...] = Field(
        default=(),
        description="columns of plain quantities (GC, length, counts) that a rule may use instead of features",
    )
    max_terms: int = Field(default=5, ge=1, le=10, description="features, or raw quantities, of the rule at most")
    probe_terms: int = Field(
        default=20,
        ge=1,
        description="quantities of the full probe at most, where that beats a ridge regression on all",
    )
    keep: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="share of (AUROC - 0.5) of the full probe the rule must keep in discovery",
    )
    folds: int = Field(default=5, ge=2, description="folds of the grouped cross-validation")
    candidates: int = Field(default=200, ge=1, description="features tried, those of strongest univariate signal")
    bootstrap: int = Field(default=1000, ge=10, description="draws of the block bootstrap")
    seed: int = Field(default=0, description="seed of splits and draws")


class CardsParams(Params):
    """What an evidence card shows."""

    method: Literal["features", "stacked"] = Field(default="stacked", description="which probe's score is explained")
    variants: tuple[str, ...] = Field(
        default=(),
        description="variants to make cards for, as chrom:pos:ref>alt (1-based); empty takes the top ones",
    )
    top: int = Field(default=10, ge=0, description="cards made where no variants are named")
    cited: int = Field(default=5, ge=1, description="features cited on a card, at most")
    neighbours: int = Field(default=5, ge=1, description="nearest known pathogenic variants shown")
    bins: int = Field(default=8, ge=2, description="bins of the calibration figure")
    conformal_alpha: float = Field(
        default=0.1, gt=0, lt=0.5, description="share of each class whose conformal set may lack it"
    )
    ood_quantile: float = Field(
        default=0.99,
        gt=0.5,
        lt=1,
        description="a variant further from its neighbours than this share is flagged",
    )
    random_deletions: int = Field(
        default=100, ge=10, description="random feature sets deleted for comparison with the cited ones"
    )

    @model_validator(mode="after")
    def _something_to_do(self) -> CardsParams:
        if not self.variants and not self.top:
            raise ValueError("need variants, or top > 0")
        return self
