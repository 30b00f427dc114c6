"""Small MEDS data sets written by the tests."""

from pathlib import Path

import polars as pl


def write_data_set(
    folder: Path, shards: dict[str, pl.DataFrame], codes: pl.DataFrame | None = None, *, data: str = "data"
) -> Path:
    """Write files of events (name -> rows) under data/, and the metadata of codes."""
    for name, frame in shards.items():
        path = folder / data / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
    if codes is not None:
        (folder / "metadata").mkdir(exist_ok=True)
        codes.write_parquet(folder / "metadata" / "codes.parquet")
    return folder
