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
    # A signal that meets Python inside a library's own call of the interpreter ends the process by that signal, after
    # our message: to a shell both are 130.
    interrupted = process.returncode in {130, -signal.SIGINT}
    assert interrupted or process.returncode == 0, err
    assert "Traceback" not in err
    if interrupted:
        assert "interrupted" in err
        store = create_store(tmp_path / "store")
        assert store.is_empty()
        store.close()
