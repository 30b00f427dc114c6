"""An import that is interrupted leaves the store as it was, and says so."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ehr.store import DATABASE_FILE, create_store
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.8])
def test_ctrl_c_leaves_no_half_import(data_root: Path, tmp_path: Path, seconds: float) -> None:
    command = [sys.executable, "-m", "api.cli", "import", "mimic", str(data_root / "mimic-iv-demo")]
    process = subprocess.Popen(
        [*command, "--store", str(tmp_path / "store")], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "store" / DATABASE_FILE).exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {0, 130}, err
    assert "Traceback" not in err
    if process.returncode == 130:
        assert "interrupted" in err
        store = create_store(tmp_path / "store")
        assert store.is_empty()
        store.close()
