"""What a model has learnt, asked exactly; models (and sequences or prompts) come in, tables of rates, differences and
verdicts beside their controls come out.

`words` asks for rates (start there), `diff` compares two models, `data` says what a corpus would teach, `memory` what a
model recites. `opening` opens models, `evidence` is the row that each leaves for the findings.
"""
