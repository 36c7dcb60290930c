"""Codes and annotations come in; what each feature marks comes out.

`annotations` holds what is tested, and composition, which is adjusted for; `association` tests features by exact
rotation (start there, with `association.stage`); `concepts` chooses and judges on held-out blocks, and names features;
`replication` asks whether names hold elsewhere; `motifs` draws them; `novelty` ranks what nothing known explains.
"""
