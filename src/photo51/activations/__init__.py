"""Windows and a model come in; shards of activations come out, both strands, a row a scored position.

Start with `extract`, which writes them; `store` reads them back, in order or shuffled.
"""
