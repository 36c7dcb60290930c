"""Pictures of comparisons say methods and roles in words."""

import pandas as pd
from matplotlib.figure import Figure

from photo51.biomarkers import plots
from photo51.io.contracts.biomarkers import CLASSIFIERS


def test_methods_and_roles_are_in_words():
    methods = ["llr", "kmer", "gene_prior", "features_permuted"]
    table = pd.DataFrame(dict.fromkeys(CLASSIFIERS.columns, 0.5), index=range(4)).assign(
        method=methods, role=["score", "baseline", "leak", "null"], stratum="all", n_cases=5, n_controls=6, n_genes=2
    )
    ax = plots.classifier_bars(Figure().subplots(), table)
    ticks = {t.get_text() for t in ax.get_yticklabels()}
    assert ticks == {"likelihood ratio", "k-mers", "the gene's name alone", "features, labels permuted"}
    figure = ax.figure
    legends = [*figure.legends, *([ax.get_legend()] if ax.get_legend() else [])]
    said = {t.get_text() for one in legends for t in one.get_texts()}
    assert {"score", "baseline", "confounder", "null"} <= said
