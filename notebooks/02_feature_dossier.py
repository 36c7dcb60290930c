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
# # What is this feature, and should I believe it?
# One feature: how often it is active, where it is strongest, what those places share, what it agrees with and against what,
# whether the model uses it.
#
# Any number will do: change `feature` below and run all cells again.

# %% tags=["parameters"]
results = "results/demo"  # folder of the run
feature = -1  # number of the feature; -1 takes the one with the best name
sae = ""  # dictionary, where the run has several
window = 0  # which of its strongest places to read base by base; 0 is the strongest

# %%
from pathlib import Path

from photo51.report import show
from photo51.report.elements import feature_text
from photo51.report.elements.blocks import Note
from photo51.report.notebooks import setup
from photo51.run.feature import feature_facts
from photo51.run.known import best_named
from photo51.run.opened import Run

assert (Path(results) / "features.h5ad").is_file(), (
    f"{results} is not the folder of a finished run: it has no features.h5ad"
)
run = Run(results, sae)
number = best_named(run) if feature < 0 else feature
assert number in run.features.index, str(run.nearest(number))
it = feature_facts(run, number)
setup()

# %%
Note(feature_text.sentence(it), f"f{number}: {feature_text.title(it)}")

# %% [markdown]
# ## How often and how strongly it is active

# %%
show.statistics(run, it)

# %% [markdown]
# ## What its strongest places have in common

# %%
show.logo(it)

# %% [markdown]
# ## Where it is strongest
# Darker bases: the feature is stronger there.

# %%
show.strongest_windows(run, it)

# %% [markdown]
# ## One place, base by base

# %%
show.closely(run, it, window)

# %% [markdown]
# ## Around annotated boundaries

# %%
show.metagenes(it)

# %% [markdown]
# ## What it agrees with, and against what

# %%
show.concepts(it)

# %% [markdown]
# ## Does the model use it?

# %%
Note(feature_text.cause(it.known))

# %% [markdown]
# ## The answer

# %%
Note(f"{feature_text.sentence(it)}\n\n{feature_text.cause(it.known)}", f"f{number}: {feature_text.title(it)}")
