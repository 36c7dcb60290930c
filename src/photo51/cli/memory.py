"""`photo51 memory` and `photo51 prune`: what a model recites, and an edited copy that recites less."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from photo51.cli.app import DeviceOption, ParamsOption, ThreadsOption, app, set_threads
from photo51.cli.learnt import write_both


@app.command()
def memory(
    model: Annotated[str, typer.Argument(help="model, as `sh2:base` or a folder")],
    corpus: Annotated[
        Path | None, typer.Argument(help="FASTA file that it was trained on, whose repeats are asked for")
    ] = None,
    canaries: Annotated[
        Path | None,
        typer.Option(help="FASTA file of planted sequences; copies counted in CORPUS or `copies=N` in headers"),
    ] = None,
    unseen: Annotated[
        Path | None,
        typer.Option(help="FASTA file never trained on; default: words of CORPUS that occur once"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="folder to write to")] = Path("memory"),
    fresh: Annotated[
        bool, typer.Option("--fresh/--no-fresh", help="ask the same architecture with fresh weights too")
    ] = True,
    params: ParamsOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Find what a model recites of its corpus.

    Surprisal, exposure and exact probability of canaries and natural repeats by copy number, against sequences never
    met.

    Writes memory (a row a sequence), classes (a row a range of copy number) and evidence, each as .parquet and .tsv.

    Example: photo51 memory my/model corpus.fa --canaries planted.fa --unseen other.fa
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.memory import MemoryParams
    from photo51.io import provenance, sha256
    from photo51.io.contracts.learnt import EVIDENCE
    from photo51.io.contracts.memory import MEMORY, MEMORY_CLASSES
    from photo51.learnt.evidence import evidence_table
    from photo51.learnt.memory.reciting import recite
    from photo51.learnt.opening import network
    from photo51.model.families.adapters import load_model

    torch.set_num_threads(threads)
    settings = parse(MemoryParams, params)
    subject = load_model(model, device=device)
    control = network(load_model(f"{model}@random:1", device=device)) if fresh else None
    done = recite(network(subject), settings, corpus=corpus, canaries=canaries, unseen=unseen, fresh=control)
    files: list[Path | str] = [p for p in (corpus, canaries, unseen) if p]
    lineage = provenance("memory", {**settings.model_dump(mode="json"), "model": subject.spec.hash}, files)
    digests = {"model": subject.spec.hash, "corpus": sha256(corpus)[:16] if corpus else ""}
    write_both(done.sequences, out / "memory", MEMORY, lineage)
    write_both(done.classes, out / "classes", MEMORY_CLASSES, lineage)
    write_both(evidence_table(done.evidence, digests, settings.seed), out / "evidence", EVIDENCE, lineage)
    recited = done.sequences[done.sequences["q"] <= 0.05]
    typer.echo(
        f"memory: {len(recited)} of {int(done.sequences['q'].notna().sum())} sequences are known better than unseen"
        f" ones (q <= 0.05), {int(recited['greedy_exact'].sum())} of them are recited to the letter; tables in {out}"
    )


@app.command("prune")
def prune_command(
    model: Annotated[str, typer.Argument(help="model, as `sh2:base` or a folder")],
    genomes: Annotated[
        Path, typer.Option(help="FASTA file of sequence that the edited model is to know, such as one clade")
    ],
    out: Annotated[Path, typer.Option("--out", help="folder for the edited model and the tables")] = Path("pruned"),
    forget: Annotated[
        Path | None,
        typer.Option(help="FASTA file of what is to be forgotten; default: drop as many entries as can be"),
    ] = None,
    protect: Annotated[
        list[Path] | None,
        typer.Option(help="FASTA file of a further corpus whose needs are kept; repeatable"),
    ] = None,
    other: Annotated[
        Path | None,
        typer.Option(
            help="FASTA file of another clade: told before and after, and a control; default: even random bases"
        ),
    ] = None,
    params: ParamsOption = None,
    device: DeviceOption = None,
    threads: ThreadsOption = 2,
) -> None:
    """Edit a model so that it recites less, or serves one clade.

    Keeps, of every dense matrix, the entries that hold most curvature on GENOMES; chosen on validation windows,
    judged on held-out ones, with controls with as many entries kept. For a clade alone, give it as --genomes, say how
    much its surprisal may rise, and give another clade as --other, whose surprisal is told, too.

    Writes the edited model to OUT/model, and matrices, unedited, arms and evidence, each as .parquet and .tsv.

    Example: photo51 prune my/model --genomes genome.fa --forget private.fa --params '{"rise": 0.005}'
    """
    set_threads(threads)
    import torch

    from photo51.config import parse
    from photo51.config.memory import MemoryParams, PruneParams
    from photo51.io import atomic, provenance, sha256
    from photo51.io.contracts.learnt import EVIDENCE
    from photo51.io.contracts.memory import PRUNE_ARMS, PRUNED, UNEDITED
    from photo51.learnt.diff.windows import draw_windows
    from photo51.learnt.evidence import evidence_table
    from photo51.learnt.memory.curvature_edit import swapped
    from photo51.learnt.memory.pruning import arm_evidence, forgettable, split_windows
    from photo51.learnt.memory.pruning import prune as edit_model
    from photo51.learnt.opening import network
    from photo51.model.families.adapters import load_model
    from photo51.model.stripedhyena.pretrained import save_pretrained

    torch.set_num_threads(threads)
    settings = parse(PruneParams, params)
    reading = MemoryParams(seed=settings.seed)
    forgettable_windows = forgettable(forget, reading) if forget else None
    subject = load_model(model, device=device)
    net = network(subject)

    def windows(path: Path, n: int, fewest: int = 1):
        return draw_windows(path, n, settings.window, settings.seed, fewest).plus

    parts = split_windows(windows(genomes, settings.windows + 2 * settings.validation), settings, str(genomes))
    edit = edit_model(
        net,
        parts,
        settings,
        protect=[windows(p, settings.windows) for p in protect or []],
        forget=forgettable_windows,
        # every second window gives curvature, the others are judged
        other=windows(other, 24 + settings.validation, fewest=2) if other else None,
        reading=reading,
    )
    files: list[Path | str] = [p for p in (genomes, forget, other, *(protect or [])) if p]
    lineage = provenance("prune", {**settings.model_dump(mode="json"), "model": subject.spec.hash}, files)
    with swapped(net, edit.weights), atomic(out / "model") as partial:
        save_pretrained(net, partial)
    digests = {"model": subject.spec.hash, "corpus": sha256(genomes)[:16]}
    write_both(edit.matrices, out / "matrices", PRUNED, lineage)
    write_both(edit.unedited, out / "unedited", UNEDITED, lineage)
    write_both(edit.arms, out / "arms", PRUNE_ARMS, lineage)
    write_both(evidence_table(arm_evidence(edit.arms), digests, settings.seed), out / "evidence", EVIDENCE, lineage)
    arm = edit.arms.set_index("arm").loc["curvature"]
    left = edit.unedited["parameters"].sum()
    typer.echo(
        f"prune: {len(edit.matrices)} matrices edited, {arm['kept']:.3f} of their entries kept, held-out surprisal "
        f"{arm['change']:+.2%}"
        + (f", {arm['gap_removed']:.0%} of the memorised gap removed" if forget else "")
        + (f", surprisal on {other} {arm['other_change']:+.2%}" if other else "")
        + f"; {len(edit.unedited)} other weights ({left:,} numbers) are left as they were; model and tables in {out}"
    )
