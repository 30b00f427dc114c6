"""A session of Apache Spark: found or started, quiet, and set so that SQL means what it means on DuckDB."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ehr.errors import EngineMissing, QueryFailed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JAVA: Final = 17
"""The oldest Java that Spark 4 runs on."""

MEANING: Final[Mapping[str, str]] = {
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.legacy.interval.enabled": "false",
}
"""What results hang on, set in every session: times without a zone, strict arithmetic."""

_LOCAL: Final[Mapping[str, str]] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",
    "spark.driver.host": "localhost",
}
_QUIET: Final = Path(__file__).with_name("log4j2.properties")


def spark_session(master: str | None = None, conf: Mapping[str, str] | None = None) -> "SparkSession":
    """Return a session with temporary views and settings of its own, in the running Spark or a new one.

    `master` (else SPARK_MASTER, spark-defaults.conf, else local[*]) and `conf` count when Spark is started here. What
    neither says is set for one machine where the master is local: no web page, half of the memory, as many partitions
    as cores. Raises EngineMissing without pyspark or Java 17, QueryFailed when Spark does not start.
    """
    check_spark()
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    master = master or os.environ.get("SPARK_MASTER")
    chosen = dict(conf or {})
    defaults = spark_defaults()
    is_local = (master or chosen.get("spark.master") or defaults.get("spark.master", "local")).startswith("local")
    ours = _logging()
    if is_local:
        # Else Spark makes a folder in the working directory, in which nothing is ever kept.
        warehouse = Path(tempfile.gettempdir()) / "spark-warehouse"
        ours |= {**_LOCAL, "spark.driver.memory": _half_of_memory(), "spark.sql.warehouse.dir": str(warehouse)}
    settings = {key: value for key, value in ours.items() if key not in defaults} | chosen
    builder = SparkSession.builder.appName("anamnesis")
    if master:
        builder = builder.master(master)
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        spark = builder.getOrCreate().newSession()
    except (PySparkException, OSError, RuntimeError) as error:
        raise QueryFailed(f"Spark did not start with master {master or 'local[*]'}: {first_line(error)}") from error
    known = spark.sparkContext.getConf()
    if is_local and not known.contains("spark.sql.shuffle.partitions"):
        spark.conf.set("spark.sql.shuffle.partitions", str(spark.sparkContext.defaultParallelism))
    for key, value in MEANING.items():
        spark.conf.set(key, value)
    return spark


@contextmanager
def spark_for_a_while(master: str | None = None, conf: Mapping[str, str] | None = None) -> "Iterator[SparkSession]":
    """Give a session as `spark_session` does, and at the end stop Spark if it was started for this."""
    check_spark()
    from pyspark import SparkContext

    was_running = SparkContext._active_spark_context is not None
    spark = spark_session(master, conf)
    try:
        yield spark
    finally:
        if not was_running:
            spark.stop()


def check_spark() -> None:
    """Raise EngineMissing, with what to install, unless pyspark and a Java that it runs on are there."""
    if find_spec("pyspark") is None:
        raise EngineMissing("--engine spark needs pyspark; install it with: pip install 'anamnesis[spark]'")
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    where = f"JAVA_HOME={home} has no" if home else "there is no"
    advice = f"install Java {JAVA} or later (Debian: apt-get install openjdk-{JAVA}-jre-headless)"
    if java is None:
        raise EngineMissing(f"--engine spark needs Java, and {where} java; {advice}")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', told)
    if version is None or int(version[1]) < JAVA:
        found = f"Java {version[1]}" if version else "no version of Java"
        raise EngineMissing(f"--engine spark needs Java {JAVA}, and {java} is {found}; {advice}")


def first_line(error: BaseException) -> str:
    """Return the first line of what Spark says, without the list of its Java calls."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _logging() -> dict[str, str]:
    """Return the setting that keeps the log of Spark to errors, unless the user has settings of logs."""
    if os.environ.get("SPARK_CONF_DIR"):
        return {}
    return {"spark.driver.defaultJavaOptions": f"-Dlog4j2.configurationFile={_QUIET.as_uri()}"}


def spark_defaults() -> dict[str, str]:
    """Return what the user's spark-defaults.conf sets, which is not to be overridden."""
    home = os.environ.get("SPARK_HOME")
    folder = os.environ.get("SPARK_CONF_DIR") or (f"{home}/conf" if home else None)
    file = Path(folder, "spark-defaults.conf") if folder else None
    if file is None or not file.is_file():
        return {}
    lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
    pairs = (re.split(r"[\s=]+", line, maxsplit=1) for line in lines if line)
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _half_of_memory() -> str:
    """Return half of the memory of this machine, as Spark writes it: a local driver does all the work."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{max(size // 2 // 2**20, 1024)}m"
