"""Activations come in; a trained dictionary, its log and its checkpoints come out.

Start with `train`; `step` and `torch_step` are one step on a CPU and on a GPU.
"""
