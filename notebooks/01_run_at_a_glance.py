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
# # What did this run find?
# The genomes, the model and its dictionary; every claim with its null; and whether the tests of this run are honest.
#
# To look at another run, change `results` below and run all cells again.

# %% tags=["parameters"]
results = "results/demo"  # folder of the run
sae = ""  # dictionary to show, where the run has several

# %%
from pathlib import Path

from photo51.report import show
from photo51.report.notebooks import setup
from photo51.report.sections import calibration, concepts, headline, overview
from photo51.run.feature import FeatureReader
from photo51.run.opened import Run

assert (Path(results) / "features.h5ad").is_file(), (
    f"{results} is not the folder of a finished run: it has no features.h5ad"
)
run = Run(results, sae)
setup()

# %% [markdown]
# ## What was run, and on what

# %%
on_what = overview.section(run)
show.section(on_what)

# %% [markdown]
# ## What has a name

# %%
named = concepts.section(run, FeatureReader(run).of, shown=3)
show.section(named)

# %% [markdown]
# ## Are the tests honest?

# %%
honest = calibration.section(run)
show.section(honest)

# %% [markdown]
# ## Every claim with its null

# %%
show.section(headline.section([on_what, named, honest]))

# %% [markdown]
# ## The answer

# %%
show.answer(on_what, named, honest)
