"""What people script: a run's folder comes in, tables, arrays and axes go out; `photo51.open` is where to start
reading.

Nothing here decides anything: it hands over what the stages wrote. `results` needs no torch, `reading` does.
"""
