"""The synthetic run, whole."""

import synthetic_enrichment
import synthetic_geometry
import synthetic_run
import synthetic_tables

from photo51.findings.stage import findings
from photo51.io import provenance, write_table
from photo51.io.contracts.findings import FINDINGS
from photo51.run.opened import Run


def build(folder):
    """A whole run: genomes, codes, and the tables of every stage."""
    genomes = synthetic_run.make_genomes(folder)
    codes = synthetic_run.make_codes(genomes, folder / "codes" / "main")
    synthetic_tables.make_features(folder, genomes)
    synthetic_tables.make_causes(folder)
    synthetic_tables.make_disease(folder)
    synthetic_enrichment.make_enrichment(folder, genomes, codes)
    synthetic_geometry.make_geometry(folder, genomes, codes)
    write_table(findings(Run(folder)), folder / "findings.parquet", FINDINGS, provenance("findings"))
