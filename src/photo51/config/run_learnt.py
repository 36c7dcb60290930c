"""What of a run asks what its model has learnt: nothing, unless it is named here."""

from __future__ import annotations

from pydantic import Field

from photo51.config.base import Params
from photo51.config.debug_data import DebugDataParams
from photo51.config.learnt import DiffParams, WordsParams
from photo51.config.memory import MemoryParams


class RunLearntParams(Params):
    """Words, a comparison, an audit and a corpus; each stage runs where its first key is given."""

    words: tuple[str, ...] = Field(default=(), description="IUPAC words, or files of them, whose rates are asked for")
    before: str | None = Field(default=None, description="model that the run's model is compared with, base by base")
    memory: str | None = Field(
        default=None, description="FASTA file the model was trained on, whose repeats are asked for"
    )
    unseen: str | None = Field(default=None, description="FASTA file never trained on, as reference of `memory`")
    debug: str | None = Field(default=None, description="FASTA file to debug, a record a training document")
    vectors: str | None = Field(default=None, description="FASTA file of vectors and adapters that `debug` looks for")
    words_params: WordsParams = Field(default=WordsParams(), description="parameters of `words`")
    diff_params: DiffParams = Field(default=DiffParams(), description="parameters of `before`")
    memory_params: MemoryParams = Field(default=MemoryParams(), description="parameters of `memory`")
    debug_params: DebugDataParams = Field(default=DebugDataParams(), description="parameters of `debug`")

    def stages(self) -> dict[str, str]:
        """Stage that runs → the table of it that a page needs, below the run's folder."""
        tables = {
            "words": (self.words, "learnt/words/words.parquet"),
            "diff": (self.before, "learnt/diff/windows.parquet"),
            "memory": (self.memory, "learnt/memory/classes.parquet"),
            "debug-data": (self.debug, "learnt/debug-data/records.parquet"),
        }
        return {stage: table for stage, (stated, table) in tables.items() if stated}
