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
# # Do features work together, and what varies along the shapes they trace?
# Groups of features that are active together; the ring, line or cloud that some trace; what varies along it; and structure
# that must be there if the model knows any biology.
#
# To read one group closely, put its number into `group` below and run all cells again.

# %% tags=["parameters"]
results = "results/demo"  # folder of the run
sae = ""  # dictionary, where the run has several
group = -1  # group to read closely; -1 takes the one whose meaning is clearest
shown = 6  # shapes drawn in the overview

# %%
from pathlib import Path

from photo51.report import show
from photo51.report.notebooks import setup
from photo51.report.sections import manifolds
from photo51.run.opened import Run

assert (Path(results) / "features.h5ad").is_file(), (
    f"{results} is not the folder of a finished run: it has no features.h5ad"
)
assert shown > 0, f"shown: need at least one shape, got {shown}"
run = Run(results, sae)
setup()

# %%
found = manifolds.section(run, shown)
show.section(found)

# %% [markdown]
# ## One group, closely

# %%
show.group(run, group)

# %% [markdown]
# ## The answer

# %%
show.answer(found)
