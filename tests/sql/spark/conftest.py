"""A local Spark that the tests of this folder share, or the reason why there is none."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ehr.errors import EngineMissing
from sql.cohort.records import Records
from sql.spark.records import records_of_meds_on_spark
from sql.spark.session import check_spark, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REQUIRED = os.environ.get("ANAMNESIS_SPARK_REQUIRED") == "1"
FAST_ON_LITTLE = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.driver.memory": "2g",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
}
"""Settings under which a query over little data is not mostly compilation."""


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """Return a session of a local Spark; the test is skipped, or fails in CI, where that cannot run."""
    try:
        check_spark()
    except EngineMissing as missing:
        if REQUIRED:
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    session = spark_session("local[2]", FAST_ON_LITTLE)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def on_spark(spark: "SparkSession") -> Callable[[Path], Records]:
    """Return what reads a MEDS data set in Spark, in a session of its own, and keeps its events in memory."""

    def records(source: Path) -> Records:
        session = spark_session()
        found = records_of_meds_on_spark(session, str(source))
        session.table("event").persist()
        return found

    return records
