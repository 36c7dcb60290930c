"""Contracts of the tables that stages exchange, one file a stage.

They live below every stage, so that the report, the exports and the column dictionary read them without importing one.
"""
