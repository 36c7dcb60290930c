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
# # What does the model write, what does it recite, and what would a corpus teach it?
# Rates of words are exact expectations, not counts; recitation is judged against sequences the model never met; a corpus
# against a reference. Each number is compared with a baseline that needs no model.

# %% tags=["parameters"]
results = "results/demo"  # folder of the run
sae = ""  # dictionary, where the run has several

# %%
from pathlib import Path

from photo51.report import show
from photo51.report.notebooks import setup
from photo51.report.sections import learnt
from photo51.run.opened import Run

assert (Path(results) / "features.h5ad").is_file(), (
    f"{results} is not the folder of a finished run: it has no features.h5ad"
)
run = Run(results, sae)
setup()

# %%
found = learnt.section(run)
show.section(found)

# %% [markdown]
# ## Its claims, and what would be there by chance

# %%
show.claims(found)

# %% [markdown]
# ## The answer

# %%
show.answer(found)
