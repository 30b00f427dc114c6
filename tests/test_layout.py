"""The shape of the repository: who imports whom, and what stands at the top."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

ALLOWED = {"ehr": set(), "sql": {"ehr"}, "models": {"ehr"}, "api": {"ehr", "sql", "models", "anamnesis"}}
TOP_LEVEL = {"ehr", "sql", "models", "api", "proto", "tests", "docs", "benchmarks", "examples", "pyproject.toml"}
TOP_LEVEL |= {"README.md", "CHANGELOG.md", "LICENSE", "Makefile", "constraints.txt"}


def imported_packages(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_packages_import_only_what_lies_below_them(package: str) -> None:
    ours = set(ALLOWED) | {"anamnesis"}
    modules = sorted((REPOSITORY / package).rglob("*.py"))
    assert modules
    for module in modules:
        foreign = (imported_packages(module) & ours) - ALLOWED[package] - {package}
        assert not foreign, f"{module.relative_to(REPOSITORY)} imports {foreign}"


def test_every_package_is_listed_for_the_wheel() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {
        ".".join(init.parent.relative_to(REPOSITORY).parts)
        for package in ALLOWED
        for init in (REPOSITORY / package).rglob("__init__.py")
    }
    assert found | {"anamnesis", "anamnesis.v1"} == set(settings["packages"])


def test_nothing_unexpected_stands_at_the_top() -> None:
    tracked = {path.name for path in REPOSITORY.iterdir() if not path.name.startswith(".")}
    ignored = {line.strip("/") for line in (REPOSITORY / ".gitignore").read_text().split()}
    built = {name for name in tracked if name.endswith(".egg-info")}
    assert tracked - ignored - built <= TOP_LEVEL
