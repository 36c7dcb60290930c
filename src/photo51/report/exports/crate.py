"""The run as an RO-Crate (Workflow Run Crate; Leo et al. 2024, doi:10.1371/journal.pone.0309210)."""

from __future__ import annotations

import json
from pathlib import Path

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from photo51 import __version__
from photo51.run.opened import Run

PROFILES = ("https://w3id.org/ro/wfrun/process/0.5", "https://w3id.org/ro/crate/1.1")
EPOCH = "1970-01-01T00:00:00+00:00"


def write_crate(run: Run, folder: Path) -> Path:
    """Write `ro-crate-metadata.json` for what lies in a folder; the file's path comes back.

    The run is one `CreateAction` whose instrument is photo51 at its version, whose objects are the run's inputs with
    their SHA-256, and whose results are the files of the folder. No time is written but the manifest's own, so that
    the same run gives the same bytes.
    """
    crate = ROCrate()
    crate.name = f"photo51 run {run.name}"
    crate.description = (
        "Features of a genomics foundation model: statistics, annotations, geometry, variants, causality."
    )
    crate.license = "https://spdx.org/licenses/Apache-2.0"
    manifest = run.manifest
    ended = str(manifest.get("ended") or EPOCH)
    crate.root_dataset["datePublished"] = ended
    tool = crate.add(
        ContextEntity(
            crate,
            "#photo51",
            properties={"@type": "SoftwareApplication", "name": "photo51", "softwareVersion": __version__},
        )
    )
    inputs = [
        crate.add(
            ContextEntity(
                crate,
                f"#input-{i}",
                properties={
                    "@type": "CreativeWork",
                    "name": Path(name).name,
                    "sha256": entry["sha256"],
                    "contentSize": entry["bytes"],
                },
            )
        )
        for i, (name, entry) in enumerate(sorted(manifest.get("inputs", {}).items()))
    ]
    results = [
        crate.add_file(path, str(path.relative_to(folder)), properties={"contentSize": path.stat().st_size})
        for path in sorted(p for p in folder.rglob("*") if p.is_file())
    ]
    action = crate.add(
        ContextEntity(crate, "#run", properties={"@type": "CreateAction", "name": crate.name, "endTime": ended})
    )
    action["instrument"], action["object"], action["result"] = tool, inputs, results
    crate.root_dataset["mentions"] = [action]
    crate.root_dataset["conformsTo"] = [{"@id": p} for p in PROFILES]
    crate.metadata.extra_terms["sha256"] = "https://w3id.org/ro/terms/workflow-run#sha256"
    out = folder / "ro-crate-metadata.json"
    out.write_text(json.dumps(crate.metadata.generate(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return out
