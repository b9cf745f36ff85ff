"""Find the same person or enterprise in two tables by name and attributes: Fellegi-Sunter, with Splink on DuckDB.

Everything stays in this process: the DuckDB database is in memory, may open no file and spill to none, and nothing of a
row is logged. Source: Fellegi and Sunter 1969; Splink's expectation maximisation estimates the weights.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

import duckdb
import pyarrow as pa
import splink.comparison_library as comparisons
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

FieldKind = Literal["name", "text", "code", "exact"]
# Below this number of rows on either side the weights cannot be estimated and the general ones are used.
ENOUGH_ROWS = 1000
MEMORY = "2GB"
# Chances of agreeing exactly, nearly (one step less each), not at all: among same and among different ones.
SAME = {
    "name": [0.85, 0.08, 0.04, 0.03],
    "text": [0.8, 0.08, 0.05, 0.07],
    "code": [0.93, 0.04, 0.03],
    "exact": [0.9, 0.1],
}
OTHER = {
    "name": [0.0005, 0.0005, 0.005, 0.994],
    "text": [0.0005, 0.0005, 0.005, 0.994],
    "code": [0.00002, 0.0002, 0.99978],
    "exact": [0.002, 0.998],
}


@dataclass(frozen=True)
class Field:
    """A column to compare. name, text: by Jaro-Winkler; code: exact or one slip; exact: equal or not."""

    name: str
    kind: FieldKind


@dataclass(frozen=True)
class LinkageModel:
    """What to compare and how pairs are found. blocking: pairs agree in all columns of one of these.

    training: two groups of columns that pairs agree in while the others are weighed. certain: columns that together
    prove a pair, with the share of true pairs they find.
    """

    fields: tuple[Field, ...]
    blocking: tuple[tuple[str, ...], ...]
    training: tuple[tuple[str, ...], ...]
    certain: tuple[tuple[str, ...], ...]
    certain_recall: float = 0.7
    threshold: float = 0.95
    margin: float = 0.02


@dataclass(frozen=True)
class Pair:
    """Two rows taken for one: their unique_id on either side, probability, and margin to the next best."""

    left: str
    right: str
    probability: float
    margin: float
    sure: bool


def match_tables(left: pa.Table, right: pa.Table, model: LinkageModel, *, seed: int = 1) -> list[Pair]:
    """Match two tables, each row with at most one of the other.

    left, right: a text column unique_id and the model's columns, text, null where unknown.
    Returns pairs at or above the threshold; sure is False where another row is as likely.
    """
    if not left.num_rows or not right.num_rows:
        return []
    with _quiet(), _database() as connection:
        api = DuckDBAPI(connection)
        columns = ["unique_id", *(field.name for field in model.fields)]
        sides = [
            api.register(table.select(columns), table_name=f"{side}_{uuid4().hex[:8]}", dataset_display_name=side)
            for side, table in (("left", left), ("right", right))
        ]
        linker = Linker(sides, _settings(model), log_level="ERROR", validate_settings=False)
        if min(left.num_rows, right.num_rows) >= ENOUGH_ROWS:
            _train(linker, model, seed)
        predicted = linker.inference.predict(threshold_match_probability=min(0.5, model.threshold))
        order = "match_weight DESC, unique_id_l, unique_id_r"
        wanted = "source_dataset_l, unique_id_l, unique_id_r, match_probability, match_weight"
        rows = connection.execute(f"SELECT {wanted} FROM {predicted.physical_name} ORDER BY {order}").fetchall()  # noqa: S608 - names made here
    return _one_to_one([(a, b, p) if side == "left" else (b, a, p) for side, a, b, p, _ in rows], model)


def _settings(model: LinkageModel) -> SettingsCreator:
    return SettingsCreator(
        link_type="link_only",
        comparisons=[_comparison(field) for field in model.fields],
        blocking_rules_to_generate_predictions=[block_on(*columns) for columns in model.blocking],
        retain_matching_columns=False,
    )


def _comparison(field: Field) -> Any:
    if field.kind in ("name", "text"):
        made: Any = comparisons.JaroWinklerAtThresholds(field.name, [0.92, 0.8])
    elif field.kind == "code":
        made = comparisons.DamerauLevenshteinAtThresholds(field.name, [1])
    else:
        made = comparisons.ExactMatch(field.name)
    return made.configure(m_probabilities=SAME[field.kind], u_probabilities=OTHER[field.kind])


def _train(linker: Linker, model: LinkageModel, seed: int) -> None:
    """Estimate the weights from the data: chance agreement by sampling, the rest by expectation maximisation."""
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on(*columns) for columns in model.certain], recall=model.certain_recall
    )
    training.estimate_u_using_random_sampling(max_pairs=1e6, seed=seed)
    for columns in model.training:
        training.estimate_parameters_using_expectation_maximisation(block_on(*columns), record_sample_proportion=1.0)


def _one_to_one(rows: list[tuple[str, str, float]], model: LinkageModel) -> list[Pair]:
    """Take pairs from the likeliest down, each row once; rows come sorted by weight."""
    taken: set[tuple[str, str]] = set()
    runner_up = _runners_up(rows)
    pairs = []
    for left, right, probability in rows:
        if probability < model.threshold or {("left", left), ("right", right)} & taken:
            continue
        taken |= {("left", left), ("right", right)}
        next_best = max(runner_up.get(("left", left), 0.0), runner_up.get(("right", right), 0.0))
        margin = probability - next_best
        pairs.append(Pair(left, right, probability, margin, margin >= model.margin))
    return pairs


def _runners_up(rows: list[tuple[str, str, float]]) -> dict[tuple[str, str], float]:
    """Give for each row the probability of its second best partner."""
    count: dict[tuple[str, str], int] = {}
    found: dict[tuple[str, str], float] = {}
    for left, right, probability in rows:
        for key in (("left", left), ("right", right)):
            count[key] = count.get(key, 0) + 1
            if count[key] == 2:
                found[key] = probability
    return found


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that can neither read nor write a file."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = ''; SET threads = 2")
        connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Splink's own messages, which may show values, out of every log."""
    logger = logging.getLogger("splink")
    before = logger.disabled, logger.level
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled, logger.level = before
