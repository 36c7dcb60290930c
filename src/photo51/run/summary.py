"""One row a feature, with what every stage says of it: for the atlas, the exports and the tracks."""

from __future__ import annotations

import pandas as pd

from photo51.run.known import names
from photo51.run.opened import Run

CONCEPT = (
    "annotation",
    "strand",
    "threshold",
    "precision_bp",
    "recall_domain",
    "f1_domain",
    "f1_null95",
    "f1_always",
    "mcc",
    "auprc",
    "q",
    "q_adj_comp",
    "beats_kmer",
)
NOVELTY = ("novelty", "novel", "seed_match_r", "d2_explained", "n_eff", "rank")
FOUND_AGAIN = ("match", "match_cosine", "match_correlation")
SHAPE = ("shape", "consensus", "information", "information_null", "period")
CAUSALITY = ("ablation_dnll", "ablation_null_q99", "ablation_p", "steer_base", "steer_change", "steer_p")
TEXTS = {"annotation", "strand", "shape", "consensus", "steer_base", "manifold_shape", "manifold_meaning"}
YES_NO = {"beats_kmer", "novel"}


def feature_summary(run: Run) -> pd.DataFrame:
    """Statistics, name, novelty, match in other seeds, shape of activation, causality and manifold of every feature,
    indexed by its number.

    A column is there whether or not its stage was run; a feature of which a stage says nothing has an empty text,
    `False`, or no number there. `manifold` is -1 for features of none.
    """
    out = run.features.copy()
    out = out.join(_columns(names(run), CONCEPT))
    of_tables = {"novelty": NOVELTY, "shapes": SHAPE, "causality": CAUSALITY, "found_again": FOUND_AGAIN}
    for table, columns in of_tables.items():
        table_read = run.table(table)
        indexed = pd.DataFrame() if table_read is None else table_read.drop_duplicates("feature").set_index("feature")
        out = out.join(_columns(indexed, columns))
    out = out.join(run.membership)
    for name in out.columns:
        if name in TEXTS:
            out[name] = out[name].astype(object).where(out[name].notna(), "")
        elif name in YES_NO:
            out[name] = out[name].astype(object).where(out[name].notna(), other=False).astype(bool)
    out["manifold"] = out["manifold"].astype("float64").fillna(-1).astype("int64")
    return out


def _columns(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    return table.reindex(columns=list(columns))
