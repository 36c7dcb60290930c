"""What a run will take: a configuration and the rates of a machine come in, hours, memory and disk a stage go out.

Start reading in `cost.py`, the arithmetic; `machines.py` holds accelerators by their data sheets, `rates.py` measures
this one.
"""
