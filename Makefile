# Everything runs inside .venv; `make demo` and `make test` set it up when it is missing or stale.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
EHRSQL ?= ehrsql-2024
CATALOGUE ?= mimic_iv_ehrsql
PROTOS := $(wildcard proto/anamnesis/v1/*.proto)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format types bench translator proto proto-check clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: '$(PYTHON)' was not found (set PYTHON=...)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

setup: $(STAMP)  ## make .venv and install the project into it

demo: $(STAMP)  ## the whole story on made data, in ./demo
	$(BIN)/ehr demo --dir demo

test: $(STAMP)  ## unit, property and end-to-end tests, a process for each core
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(STAMP)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)  ## mypy --strict on the packages
	$(BIN)/mypy

bench: $(STAMP)  ## measured claims, as ratios against a baseline in the same run
	$(BIN)/python -m benchmarks

translator: $(STAMP)  ## train the translator of a question set: EHRSQL=FOLDER (with train.json and db/) [CATALOGUE=...]
	@test -f $(EHRSQL)/train.json || { echo "there is no $(EHRSQL)/train.json; name the folder: make translator EHRSQL=FOLDER"; exit 1; }
	$(BIN)/ehr train --translator --questions $(EHRSQL)/train.json --db $(EHRSQL)/db --catalogue $(CATALOGUE) --jobs 2

proto: $(STAMP)  ## generate the gRPC code from proto/
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=proto --grpc_python_out=proto --pyi_out=proto $(PROTOS)

proto-check: $(STAMP)  ## fail when the committed gRPC code is not what proto/ gives
	@out=$$(mktemp -d) && $(BIN)/python -m grpc_tools.protoc -I proto --python_out=$$out --grpc_python_out=$$out --pyi_out=$$out $(PROTOS) \
	  && for f in $$(cd $$out && find . -name '*_pb2*'); do cmp -s $$out/$$f proto/$$f || { echo "proto/$$f is stale: run make proto"; exit 1; }; done; \
	  status=$$?; rm -rf $$out; exit $$status

clean:  ## remove what the demo and the tools leave behind
	rm -rf demo report .pytest_cache .mypy_cache .ruff_cache .hypothesis lightning_logs build *.egg-info
