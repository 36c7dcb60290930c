"""The only place a p-value is born.

`rotation` is the null of everything that lies along a genome; `multiple` turns its p-values into discoveries;
`resampling` holds what other nulls need. A test is a pure kernel, arrays in and numbers out; nothing here reads or
writes a file.
"""
