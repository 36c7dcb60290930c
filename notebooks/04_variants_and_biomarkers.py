# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Do features tell cases from controls, after controlling for confounders?
# Variants are compared within the strata that each table names; prediction holds out whole genes; cohorts account for
# relatedness. Every score is compared with what a confounder alone achieves.

# %% tags=["parameters"]
results = "results/demo"  # folder of the run
sae = ""  # dictionary, where the run has several
alpha = 0.05  # a find needs a q-value of at most this
cards = 6  # evidence cards shown of each set of variants

# %%
from pathlib import Path

from photo51.report import show
from photo51.report.notebooks import setup
from photo51.report.sections import disease
from photo51.run.opened import Run

assert (Path(results) / "features.h5ad").is_file(), (
    f"{results} is not the folder of a finished run: it has no features.h5ad"
)
assert 0 < alpha < 1, f"alpha: need a number between 0 and 1, got {alpha}"
run = Run(results, sae)
setup()

# %%
found = disease.section(run, cards, alpha)
show.section(found)

# %% [markdown]
# ## The answer

# %%
show.answer(found)
