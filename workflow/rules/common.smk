# What the rules share: the configuration, the samples, and the few choices that depend on them.
import json
import re
import shlex
import shutil
from pathlib import Path

from photo51.config.base import validated
from photo51.config.paths import located
from photo51.config.run import Config
from photo51.genome.preparation.keys import annotation_key, sequence_key
from photo51.genome.preparation.samples import read_genomes
from photo51.genome.preparation.sources import first_letter
from photo51.io import remove_temporaries
from photo51.report.inputs import folder_files, model_folder
from photo51.shipped import shipped

# paths of a configuration are relative to its file; one handed over by `module` has none, and is relative to this folder
FROM = Path(workflow.configfiles[-1]).parent if workflow.configfiles else Path()
CONFIG = located(validated(Config, config, "configuration"), FROM)
GENOMES = read_genomes(CONFIG.genomes)
SETS = {name: (row.genome, str(path)) for row in GENOMES for name, path in row.variants}
RUN = f"results/{CONFIG.run}"
SITE = CONFIG.activations.sites[0]
PARTS = range(CONFIG.parts)
TRAINED = CONFIG.pretrained_sae is None
NOTEBOOK_FOLDER = shipped("notebooks")
NOTEBOOKS = sorted(p.stem for p in NOTEBOOK_FOLDER.glob("[0-9]*.py"))
if not CONFIG.learnt.stages():
    NOTEBOOKS.remove("06_what_the_model_learnt")
DICTIONARIES = ("main", *(CONFIG.controls if TRAINED else ()))


wildcard_constraints:
    part=r"\d+",
    sae="main|seed1|random",
    source="model|random",
    set=r"[A-Za-z0-9_.-]+",
    name=r"[A-Za-z0-9_.-]+",
    notebook=r"[0-9]{2}_\w+",


# Priorities: 30 for what leads to the longest chain of stages (enrichment, concepts, the queue of unnamed
# features), 20 for what that waits for or is long itself, 0 for the rest, which fills the gaps.


def as_json(params):
    """Parameters of a stage as they are handed to its command; braces within texts are escaped, since Snakemake takes them for wildcards."""
    text = json.dumps(
        params.model_dump(mode="json"), sort_keys=True, separators=(",", ":")
    )
    # a brace that opens an object stands before a quote or its own end
    return re.sub(r'\{(?!["}])', r"\\u007b", text)


def mib(amount):
    """Memory of a job in MiB, doubled with each retry."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def minutes(amount):
    """Running time of a job, doubled with each retry."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def genome_files(wildcards):
    """Every file that the table of genomes names."""
    return [str(path) for row in GENOMES for path in row.files()]


def sequence_files(wildcards):
    """Files that sequences and scored bases come from; a GenBank file, which holds annotations too, is compared by digest."""
    return [
        str(path) if i or first_letter(path) == ">" else ancient(str(path))
        for row in GENOMES
        for i, path in enumerate(row.sequence_files())
    ]


def keys_of(key):
    """What the table of genomes says of sequences, or of annotations: other columns may change."""
    return json.dumps([key(row) for row in GENOMES], sort_keys=True)


def genome_params(of_annotation):
    """Parameters of one part of `prepare`."""
    stated = CONFIG.genome.model_dump(mode="json")
    annotation = stated.pop("annotation")
    return json.dumps(
        {"annotation": annotation} if of_annotation else stated,
        sort_keys=True,
        separators=(",", ":"),
    )


def model_name(source):
    """The model of the run, or the same with random weights."""
    return (
        CONFIG.activations.model
        if source == "model"
        else f"{CONFIG.activations.model}@random:{CONFIG.seed}"
    )


def model_files(wildcards):
    """Files of the model where it is a folder, so that another checkpoint makes its stages run again."""
    return [str(p) for p in folder_files(model_folder(CONFIG.activations.model))]


def before_files(wildcards):
    """Files of the model that the run's model is compared with, where it is a folder."""
    before = CONFIG.learnt.before
    return [str(p) for p in folder_files(model_folder(before))] if before else []


def start_files(wildcards):
    """Files of the model that a pretraining begins with, where it is a folder."""
    start = CONFIG.pretrain.start
    return [str(p) for p in folder_files(model_folder(start))] if start else []


def source_of(name):
    """Which activations a dictionary is of."""
    return "random" if name == "random" else "model"


def run_folder(wildcards):
    """Folder of the run, which every stage takes first."""
    return RUN


def tested_model(wildcards):
    """The passed self-test of the model, before anything is made of its activations; its random twin needs none."""
    if getattr(wildcards, "source", "model") != "model":
        return []
    # what the test allows may change without another activation
    return [ancient(f"results/{CONFIG.run}/model/selftest.json")]


def published_figures(wildcards):
    """How a released model is compared with its authors' figures, as options of the command."""
    stated = CONFIG.selftest
    tolerance = "" if stated.tolerance is None else f"--tolerance {stated.tolerance}"
    return " ".join(
        [
            option("--published", stated.published),
            tolerance,
            "--accept-miss" if stated.accept_miss else "",
        ]
    )


def published_files(wildcards):
    """Files of published figures that are not those that come with photo51."""
    folder = CONFIG.selftest.published
    return sorted(map(str, Path(folder).glob("*"))) if folder else []


def activation_params(wildcards):
    """Parameters of the extraction from the model or its random twin."""
    return as_json(
        CONFIG.activations.model_copy(update={"model": model_name(wildcards.source)})
    )


def activation_parts(wildcards):
    """Marks of the finished parts of the activations a dictionary is of."""
    return [
        f"results/{CONFIG.run}/.done/activations/{source_of(wildcards.sae)}/{i}"
        for i in PARTS
    ]


def other_runs(wildcards):
    """Scored bases of the runs from whose activations dictionaries learn too."""
    return [f"{run}/genome/workspace.parquet" for run in CONFIG.train_with]


def other_run_options(wildcards):
    """The same as options of the command; a function, since braces in a folder's name are no wildcards."""
    return " ".join(option("--with-run", run) for run in CONFIG.train_with)


def sae_params(wildcards):
    """Parameters of a dictionary; the control `seed1` has the next seed."""
    shift = 1 if wildcards.sae == "seed1" else 0
    return as_json(CONFIG.sae.model_copy(update={"seed": CONFIG.sae.seed + shift}))


def set_genome(wildcards):
    """Genome that a set of variants is on."""
    return SETS[wildcards.set][0]


def set_file(wildcards):
    """File of a set of variants."""
    return SETS[wildcards.set][1]


def compared_sets(wildcards):
    """Tables of the variants a comparison is about."""
    return [
        f"results/{CONFIG.run}/variants/{s}.parquet"
        for s in CONFIG.comparisons[wildcards.name].sets
    ]


def set_options(wildcards):
    """Sets of variants a comparison is about, as options of its commands."""
    return " ".join(option("--set", s) for s in CONFIG.comparisons[wildcards.name].sets)


def comparison(part):
    """Parameters of one part of a comparison."""
    return lambda wildcards: as_json(getattr(CONFIG.comparisons[wildcards.name], part))


def remove_activations():
    """Remove stored activations, and the marks that they are there; those of the model are kept as the configuration says.

    Baselines of concepts and of shapes need them again when annotations change.
    """
    folder = Path("results") / CONFIG.run
    kept = CONFIG.keep_activations
    if kept is None:
        files = (folder / "activations" / "model").rglob("*.safetensors")
        kept = sum(path.stat().st_size for path in files) <= 1e9 * CONFIG.keep_gb
    for source in ("model", "random"):
        if not (kept and (source == "model" or CONFIG.keep_activations)):
            shutil.rmtree(folder / "activations" / source, ignore_errors=True)
            shutil.rmtree(folder / ".done/activations" / source, ignore_errors=True)


def remove_control_codes():
    """Remove the codes of control dictionaries where the configuration says so; those of the run's own stay."""
    if not CONFIG.keep_control_codes:
        for name in DICTIONARIES[1:]:
            shutil.rmtree(
                Path("results") / CONFIG.run / "codes" / name, ignore_errors=True
            )


def remove_parts():
    """Remove the parts that the enrichment table was joined from: what joins them again makes them again, since the marks
    that they are there are temporary. Those of variants stay: under a new annotation they are described again without
    the model.
    """
    shutil.rmtree(Path("results") / CONFIG.run / "enrichment.parts", ignore_errors=True)


def cohort_panel(wildcards):
    """Table of the individuals."""
    return CONFIG.cohorts[wildcards.name].panel


def cohort_genotypes(wildcards):
    """Genotypes of the individuals, where they are no genomes of the run."""
    genotypes = CONFIG.cohorts[wildcards.name].genotypes
    return [genotypes] if genotypes else []


def cohort_files(wildcards):
    """What the burden of the individuals is made of: genotypes and variant effects, or the codes of the run."""
    cohort = CONFIG.cohorts[wildcards.name]
    if cohort.genotypes is None:
        return [f"results/{CONFIG.run}/codes/main/codes.json"]
    files = [cohort.genotypes, variant_table(cohort.variants)]
    if cohort.external is not None:
        files += [cohort.external.panel, cohort.external.genotypes]
        files += [variant_table(v) for v in [cohort.external.variants] if v]
    return files


def variant_table(name):
    """Effects of a set of variants."""
    return f"results/{CONFIG.run}/variants/{name}.parquet"


def cohort_sources(wildcards):
    """The same as arguments of the command."""
    cohort = CONFIG.cohorts[wildcards.name]
    if cohort.genotypes is None:
        folder = f"results/{CONFIG.run}"
        return ["--codes", f"{folder}/codes/main", "--genomes", f"{folder}/genome"]
    out = [
        "--genotypes",
        cohort.genotypes,
        "--variants",
        variant_table(cohort.variants),
    ]
    if cohort.external is not None:
        out += [
            "--external-panel",
            cohort.external.panel,
            "--external-genotypes",
            cohort.external.genotypes,
        ]
        if cohort.external.variants is not None:
            out += ["--external-variants", variant_table(cohort.external.variants)]
        if cohort.external.test is not None:
            out += ["--external-params", as_json(cohort.external.test)]
    if cohort.distil is not None:
        out += ["--distil", as_json(cohort.distil)]
    return out


def cohort_lock(wildcards):
    """Whether the validation individuals are looked at, and looked at again."""
    cohort = CONFIG.cohorts[wildcards.name]
    flags = {"--open-lock": cohort.open_lock, "--reopen": cohort.reopen}
    return " ".join(flag for flag, asked in flags.items() if asked)


def cohort_external(wildcards):
    """Whether another cohort is kept for validation."""
    return "--external" if CONFIG.cohorts[wildcards.name].external else ""


def cohort_params(wildcards):
    """Parameters of the association."""
    return as_json(CONFIG.cohorts[wildcards.name].test)


def option(name, value):
    """A command's option with its value, quoted; nothing where there is no value."""
    return f"{name} {shlex.quote(str(value))}" if value else ""


def asked_words(wildcards):
    """Words whose rates are asked for, as options; a function, since spacings such as `N{16,18}` are no wildcards."""
    return " ".join(option("--words", word) for word in CONFIG.learnt.words)


def motif_file(wildcards):
    """Known motifs, where given."""
    return [CONFIG.motif_file] if CONFIG.motif_file else []


def control_codes(wildcards):
    """Codes of the dictionaries trained as controls."""
    return [
        f"results/{CONFIG.run}/codes/{name}/codes.json" for name in DICTIONARIES[1:]
    ]


def controls():
    """Which dictionaries were trained as controls."""
    return {name: name in DICTIONARIES for name in ("seed1", "random")}


def listed(**there):
    """Names of the optional inputs that a run has, as `--with` takes them."""
    return ",".join(name for name, has in there.items() if has) or "none"


def concept_baselines(wildcards):
    """What concepts are compared with: codes of random weights, and the activations the dictionary was trained on."""
    folder = f"results/{CONFIG.run}"
    stored = (
        [f"{folder}/.done/activations/model/{i}" for i in PARTS]
        if CONFIG.stored
        else []
    )
    return stored + [
        f"{folder}/codes/{n}/codes.json" for n in DICTIONARIES if n == "random"
    ]


def random_dictionary(wildcards):
    """Weights of the dictionary of random weights, where there is one: its groups are compared with the model's."""
    folder = f"results/{CONFIG.run}/sae"
    return [f"{folder}/{n}/sae.safetensors" for n in DICTIONARIES if n == "random"]


def geometry_names():
    """What the geometry is compared with, as `--with` takes it."""
    random = "random" in DICTIONARIES
    return listed(
        activations=CONFIG.stored,
        random=random,
        random_sae=random,
        panel=bool(CONFIG.phylogeny_genes),
    )


def phylogeny_panel(wildcards):
    """Genes of many organisms as the model reads them, where the configuration names some."""
    return [f"results/{CONFIG.run}/panel.h5ad"] if CONFIG.phylogeny_genes else []


def panel_options():
    """The model with random weights, as an option of `photo51 panel`."""
    return (
        option("--random-model", model_name("random"))
        if "random" in DICTIONARIES
        else ""
    )


def steering_scorers(wildcards):
    """Scorers named beforehand, as options of the command."""
    return " ".join(
        option("--scorer", o) for o in CONFIG.steering[wildcards.name].scorer
    )


def final_tables(wildcards):
    """Every table that people read: what the pages are made of."""
    folder = f"results/{CONFIG.run}"
    tables = ["features.h5ad"]
    if CONFIG.explore:
        tables += [
            "enrichment.parquet",
            "concepts.parquet",
            "names.parquet",
            "logos.parquet",
            "novelty.parquet",
        ]
        tables += [
            "replication.parquet",
            "geometry.h5ad",
            "positive_controls.parquet",
            "interventions/causality.parquet",
            "interventions/frameshift.parquet",
            "tracks/tracks.parquet",
        ]
    if CONFIG.gene_sets:
        tables.append("genesets.parquet")
    if CONFIG.stored and CONFIG.explore:
        tables += ["sae/main/quality.parquet", "sae/main/fidelity_classes.parquet"]
    tables += [f"variants/{name}.parquet" for name in SETS]
    for name in CONFIG.comparisons:
        tables += [
            f"biomarkers/{name}/cards.parquet",
            f"biomarkers/{name}/rules.parquet",
        ]
    tables += [f"cohort/{name}/cohort_tests.parquet" for name in CONFIG.cohorts]
    tables += [f"interventions/{name}/verdicts.parquet" for name in CONFIG.steering]
    tables += CONFIG.learnt.stages().values()
    return [f"{folder}/{table}" for table in tables]


def explored(wildcards):
    """Atlas and notebooks, which a run of variants and cohorts alone does without."""
    if not CONFIG.explore:
        return []
    folder = f"results/{CONFIG.run}"
    pages = [f"{folder}/notebooks/{name}.html" for name in NOTEBOOKS]
    return [f"{folder}/atlas/index.html", *pages]


def judged_tables(wildcards):
    """The same, and what the run claims of them."""
    return [*final_tables(wildcards), f"results/{CONFIG.run}/findings.parquet"]


def quality_evidence(wildcards):
    """What the run's own dictionary is shown with, as files: other dictionaries are measured alone."""
    if wildcards.sae != "main":
        return []
    files = {
        "seed1": "sae/seed1/sae.safetensors",
        "random": "sae/random/quality.parquet",
    }
    controls_measured = [file for name, file in files.items() if name in DICTIONARIES]
    return [
        f"results/{CONFIG.run}/{file}"
        for file in ["sae/main/fidelity.parquet", *controls_measured]
    ]


def quality_params(wildcards):
    """Baselines are measured with the run's own dictionary alone."""
    own = CONFIG.quality.baselines and wildcards.sae == "main"
    return as_json(CONFIG.quality.model_copy(update={"baselines": own}))


def quality_names(wildcards):
    """The same and the codes, as `--with` takes them."""
    own = wildcards.sae == "main"
    return listed(
        codes=True, fidelity=own, **{n: own and has for n, has in controls().items()}
    )
