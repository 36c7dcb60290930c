"""What a run will take, stage by stage, before it is paid for: bases, operations, device hours, memory and disk.

Everything is arithmetic on the configuration. Operations are counted, rates are measured on the machine at hand or
taken from the data sheet times a stated utilisation; what can only be known from a run is scaled from a finished one,
or left out and named.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from photo51.config.run import Config
from photo51.genome.preparation.sizes import Amount
from photo51.plan.machines import BUS, GIB, GPU_SAE_UTILISATION, Machine, Rates

CODE_BYTES = 6.5  # a stored code: feature, value and row (codes.shard), and its share of counts
SPARE = 1.0 * GIB  # interpreter, libraries and tables beside what is counted


@dataclass(frozen=True)
class Size:
    """A model, as far as a plan needs it.

    Attributes
    ----------
    name
        As the configuration calls it.
    d_model
        Width of the site.
    weight_bytes
        Weights in the type the model computes in.
    flops_per_token
        Operations to reach the site, in windows of the run's length.
    window_bytes
        Largest memory of reading one batch of windows, weights apart.
    context
        Longest sequence seen in training (tokens); None where unknown.
    needs_fp8
        Whether it is only exact with 8-bit input projections.
    """

    name: str
    d_model: int
    weight_bytes: float
    flops_per_token: float
    window_bytes: float
    context: int | None = None
    needs_fp8: bool = False


@dataclass(frozen=True)
class ComputeSite:
    """Where it runs.

    Attributes
    ----------
    rates
        Measured rates of the machine at hand, which CPU stages are reckoned with.
    device
        Accelerator, or None for the CPU.
    devices
        How many of them.
    utilisation
        Share of the accelerator's peak that reading reaches.
    host_memory, disk
        Memory of a host and free disk (bytes).
    """

    rates: Rates
    device: Machine | None
    devices: int
    utilisation: float
    host_memory: float
    disk: float


@dataclass(frozen=True)
class PlannedStage:
    """One stage: `hours` of `unit` (GPU or CPU) for all its jobs; memory of one job; bytes left on disk when it
    ends.
    """

    stage: str
    jobs: int
    unit: str
    tokens: float
    flops: float
    hours: float
    device_memory: float
    host_memory: float
    disk: float


@dataclass(frozen=True)
class Plan:
    """Stages, what was assumed, and what will not work."""

    stages: list[PlannedStage]
    assumptions: list[str]
    warnings: list[str] = field(default_factory=list)

    def total(self, unit: str) -> float:
        """Hours of a unit, all stages."""
        return sum(s.hours for s in self.stages if s.unit == unit)

    @property
    def disk(self) -> float:
        """Bytes on disk at the end, temporary files included."""
        return sum(s.disk for s in self.stages)


def plan(config: Config, read: Amount, size: Size, site: ComputeSite, like: dict[str, float] | None = None) -> Plan:
    """Reckon a run.

    Parameters
    ----------
    config
        The run.
    read
        What is read.
    size
        The model.
    site
        The machine.
    like
        Stage → CPU seconds a scored base, of a finished run: what is scaled for stages without a formula.
    """
    stages = [
        _prepare(read, site),
        *_reading(config, read, size, site),
        *_dictionaries(config, read, size, site),
    ]
    sizes = {
        "prepare",
        "activations",
        "train_sae",
        "encode",
        "features",
        "variants",
        *(s.stage for s in stages),
    }
    for name, seconds in sorted((like or {}).items()):
        if name not in sizes:
            stages.append(PlannedStage(name, 1, "CPU", 0, 0, seconds * read.bases / 3600, 0, SPARE, 0))
    draft = Plan(stages, _assumptions(config, site, like))
    return Plan(stages, draft.assumptions, _warnings(config, read, size, site, draft))


def dictionary_names(config: Config) -> list[str]:
    """Dictionaries of the run: the one it is about, and its controls."""
    return ["main", *config.controls]


def _prepare(read: Amount, site: ComputeSite) -> PlannedStage:
    hours = read.bases / site.rates.prepare / 3600
    return PlannedStage("prepare", 1, "CPU", 0, 0, hours, 0, SPARE + 60.0 * read.longest, 1.3 * read.bases)


def _reading(config: Config, read: Amount, size: Size, site: ComputeSite) -> list[PlannedStage]:
    """Extraction, once for the model and once for its random control; variants, whose alleles are read in windows of
    their own.
    """
    unit = "CPU" if site.device is None else "GPU"
    rate = site.rates.model_flops if site.device is None else site.device.half * site.utilisation
    times = 1 + ("random" in config.controls)
    flops = times * read.tokens * size.flops_per_token
    shard = min(config.genome.shard, max(read.bases, 1))
    written = times * 2 * read.bases * 2.0 * size.d_model if config.stored else _code_bytes(config, read)
    buffers = 2.0 * shard * 2 * size.d_model if config.stored else 2.0 * shard * config.sae.k * CODE_BYTES
    on_device = size.weight_bytes + size.window_bytes
    host = SPARE + buffers + (on_device if site.device is None else size.weight_bytes)
    jobs = times * _parts(config, read)
    stages = [
        PlannedStage(
            "activations" if config.stored else "encode_model",
            jobs,
            unit,
            times * read.tokens,
            flops,
            flops / rate / 3600,
            on_device,
            host,
            written,
        )
    ]
    if read.variants:
        tokens = _variant_tokens(config, read)
        work = tokens * size.flops_per_token
        stages.append(
            PlannedStage("variants", 1, unit, tokens, work, work / rate / 3600, on_device, host, 3e3 * read.variants)
        )
    return stages


def _parts(config: Config, read: Amount) -> int:
    """Jobs that a scattered stage is split into: no more than there are shards."""
    return min(config.parts, max(1, -(-read.bases // config.genome.shard)))


def _variant_tokens(config: Config, read: Amount) -> float:
    """Tokens read for variants, at most: a shared half window before them, and for the reference and each allele what
    follows.
    """
    half = config.variants.window / 2
    places = min(read.variants, 1 + read.bases // config.variants.snap)
    after = min(half, config.variants.after or half)
    return 2.0 * (places * half + (places + read.variants) * after)


def _dictionaries(config: Config, read: Amount, size: Size, site: ComputeSite) -> list[PlannedStage]:
    dictionaries, sae, d = dictionary_names(config), config.sae, size.d_model
    unit = "CPU" if site.device is None else "GPU"
    rate = site.rates.sae_flops if site.device is None else site.device.single * GPU_SAE_UTILISATION
    weights = 4.0 * 2 * d * sae.n_features
    stages = []
    if config.pretrained_sae is None:
        flops = len(dictionaries) * sae.tokens * train_flops(d, sae.n_features, sae.k)
        weights_and_codes = 4 * weights + 4.0 * sae.batch * sae.n_features
        host = SPARE + (weights_and_codes if site.device is None else weights) + 2**28 + 12.0 * 2 * read.bases
        stages.append(
            PlannedStage(
                "train_sae",
                len(dictionaries),
                unit,
                len(dictionaries) * sae.tokens,
                flops,
                flops / rate / 3600,
                weights_and_codes,
                host,
                len(dictionaries) * weights,
            )
        )
    n = len(dictionaries) if config.stored else 1
    stages += _encoding(config, read, size, site, n)
    rows = 2.0 * read.bases
    codes = rows * sae.k
    hours = n * codes / site.rates.codes / 3600
    peak = SPARE + 16.0 * codes / max(1, sae.n_features / config.features.chunk)
    stages.append(PlannedStage("features", n, "CPU", n * rows, 0, hours, 0, peak, n * 2e4 * sae.n_features))
    return stages


def _encoding(config: Config, read: Amount, size: Size, site: ComputeSite, n: int) -> list[PlannedStage]:
    """Codes of every row by `n` dictionaries: on CPUs where activations are stored, else where the model is.

    A GPU multiplies and hands the products back (`photo51.sae.engine.screen.Gpu`); the CPU looks through them.
    """
    d, f = size.d_model, config.sae.n_features
    rows = n * 2.0 * read.bases
    flops, weights = rows * 2 * d * f, 4.0 * 2 * d * f
    buffers = 4.0 * 32_768 * d + 2.0 * min(read.bases, config.genome.shard) * config.sae.k * 8
    jobs, host = n * _parts(config, read), SPARE + weights + buffers
    disk = n * _code_bytes(config, read) if config.stored else 0.0  # else counted where the model reads
    if site.device is None or config.stored:
        hours = flops / site.rates.encode_flops / 3600
        return [PlannedStage("encode", jobs, "CPU", rows, flops, hours, 0, host, disk)]
    seconds = flops / (site.device.single * GPU_SAE_UTILISATION) + 4 * rows * f / BUS
    on_device = size.weight_bytes + size.window_bytes + weights / 2
    looked = rows * f / site.rates.look / 3600
    return [
        PlannedStage("encode", jobs, "GPU", rows, flops, seconds / 3600, on_device, host, disk),
        PlannedStage("encode_look", jobs, "CPU", rows, 0, looked, 0, host, 0),
    ]


def train_flops(d_model: int, n_features: int, k: int) -> float:
    """Operations a token of training: every feature's input, and forward and backward through the k active ones."""
    return 2.0 * d_model * n_features + 12.0 * k * d_model


def _code_bytes(config: Config, read: Amount) -> float:
    return 2.0 * read.bases * config.sae.k * CODE_BYTES


def _assumptions(config: Config, site: ComputeSite, like: dict[str, float] | None) -> list[str]:
    r = site.rates
    sentences = [
        (
            f"CPU stages at the rates measured here with {r.threads:.0f} threads: {r.model_flops / 1e9:.1f} GFLOP/s"
            f" reading, {r.sae_flops / 1e9:.1f} training, {r.encode_flops / 1e9:.1f} encoding, {r.codes / 1e6:.2f}"
            f" million codes/s described, {r.prepare / 1e6:.2f} million bases/s prepared"
        ),
        (
            f"windows of {config.genome.core:,} + {config.genome.warmup:,} bases, both strands; {config.sae.k} codes a"
            f" base of {CODE_BYTES} bytes"
        ),
    ]
    if site.device is not None:
        sentences.append(
            f"{site.device.words}: {site.device.half / 1e12:.0f} TFLOP/s in half precision,"
            f" {site.device.single / 1e12:.0f} in float32 ({site.device.source}); {site.utilisation:.0%} of the"
            f" first assumed for reading, {GPU_SAE_UTILISATION:.0%} of the second for dictionaries, {BUS / 1e9:.0f}"
            f" GB/s back to the host; {r.look / 1e9:.2f} billion products/s looked through here"
        )
    sentences.append(
        "enrichment, geometry, causality and report: scaled by bases from a finished run"
        if like
        else "enrichment, geometry, causality and report are not estimated; name a finished run with --like"
    )
    return sentences


def _warnings(config: Config, read: Amount, size: Size, site: ComputeSite, draft: Plan) -> list[str]:
    sentences = []
    for stage in draft.stages:
        if site.device is not None and stage.device_memory > site.device.memory:
            sentences.append(
                f"{stage.stage}: needs {_gb(stage.device_memory)} of device memory, {site.device.words} has"
                f" {_gb(site.device.memory)}; take a smaller model, fewer tokens at once (activations.tokens) or a"
                " larger device"
            )
        if stage.host_memory > site.host_memory:
            sentences.append(
                f"{stage.stage}: needs {_gb(stage.host_memory)} of memory a job, the host has {_gb(site.host_memory)};"
                " a smaller genome.shard, longer contigs split into pieces, or a larger host would do"
            )
    if draft.disk > site.disk:
        hint = "; with stored: false and a pretrained dictionary only codes are kept" if config.stored else ""
        sentences.append(f"disk: needs {_gb(draft.disk)}, {_gb(site.disk)} are free{hint}")
    longest = config.genome.core + config.genome.warmup
    if size.context is not None and longest > size.context:
        sentences.append(
            f"windows of {longest:,} bases are longer than the {size.context:,} that {size.name} was trained on"
        )
    if size.needs_fp8 and (site.device is None or not site.device.fp8):
        sentences.append(
            f"{size.name} was trained with 8-bit input projections, which"
            f" {'a CPU' if site.device is None else site.device.words} does not have: its likelihoods would be near"
            " those of chance"
        )
    hours = {s.stage: s.hours for s in draft.stages}
    if "encode_look" in hours and hours["encode_look"] > hours["encode_model"] + hours["encode"]:
        sentences.append(
            f"encode_look: {hours['encode_look']:,.3g} hours of this CPU at the measured rate, while the GPU works for"
            f" {hours['encode_model'] + hours['encode']:,.3g}: give each job as many threads as the node has for each"
            " accelerator"
        )
    rows = 2 * read.bases * config.genome.train
    if config.pretrained_sae is None and config.sae.tokens > 20 * rows:
        sentences.append(
            f"sae.tokens: {config.sae.tokens:,} tokens read each of the {rows:,.0f} training bases"
            f" {config.sae.tokens / rows:.0f} times"
        )
    return sentences


def _gb(n: float) -> str:
    return f"{n / 1e9:,.1f} GB"
