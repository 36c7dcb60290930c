"""Reading and writing what stages hand to each other: atomic, checked against a contract, with provenance inside.

No stage edits another's file. Every table has a `TableSpec` in `photo51.io.contracts`, which checks it on both sides
and says in words what each column means.
"""

from photo51.io.files import atomic, content_hash, free_bytes, is_temporary, remove_temporaries, sha256
from photo51.io.provenance import Provenance, provenance
from photo51.io.tables import Column, TableSpec, read_h5ad, read_table, write_h5ad, write_json, write_table

__all__ = [
    "Column",
    "Provenance",
    "TableSpec",
    "atomic",
    "content_hash",
    "free_bytes",
    "is_temporary",
    "provenance",
    "read_h5ad",
    "read_table",
    "remove_temporaries",
    "sha256",
    "write_h5ad",
    "write_json",
    "write_table",
]
