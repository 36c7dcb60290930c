"""A folder of one's own: in come the files of a user, out goes a project that `photo51 run` works in; and what this
machine can do.

Start reading at `starting.start_project`.
"""
