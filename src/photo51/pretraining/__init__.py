"""A corpus of genomes comes in; a trained model, its log and its card come out.

Start with `pretrain` (the run) and `corpus` (what it draws from); `step` is one step on a CPU, `fused` and the compiled
loops below it its arithmetic; `card`, `heldout`, `frames` (coding sequence) and `rna` (tRNA, rRNA) say what was
learnt.
"""
