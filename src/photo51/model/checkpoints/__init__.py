"""Released or trained weights come in; model folders with every tensor checked come out.

Start with `folder`; `convert` reads what others published, without running what is pickled in it.
"""
