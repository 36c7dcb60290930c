"""The sections of the report, one module each: what was found, with its nulls, from the tables of a run.

A section gives its blocks, the claims it makes (the headline gathers them) and what it could not show or what turned
out null (the section on failures gathers those). A stage that was not run leaves a section that says so.
"""

from photo51.report.sections.base import Draft, Failure, Section, absent

__all__ = ["Draft", "Failure", "Section", "absent"]
