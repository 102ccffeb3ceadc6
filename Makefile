# make install | demo | test | test-slurm | faults | fuzz | report | bench | lock. Needs Python 3.11 to 3.13, make and git; everything else goes into .venv.
PYTHON ?= python3
SCALE ?= demo
export PATH := $(CURDIR)/.venv/bin:$(PATH)
READY := .venv/.ready

.PHONY: help install demo test test-slurm faults fuzz check report docs bench lock clean

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## .venv with the pinned packages, and nothing else
	@echo "Next     . .venv/bin/activate"

demo: $(READY)  ## the whole pipeline at scale demo, with its report and costs
	@drl example
	@DRL_VIEW=on snakemake --cores all --quiet host --config scale=demo
	@drl costs results/demo > results/demo/costs.txt
	@echo "Writing the report"
	@snakemake --quiet all --config scale=demo --report results/demo/report.html > results/demo/logs/report.log 2>&1 || { cat results/demo/logs/report.log; exit 1; }
	@echo "Look at  results/demo/report.html      every figure and table; its first page is the verdict"
	@echo "         results/demo/figures/         the figures"
	@echo "         results/demo/costs.txt        what each item cost"
	@echo "Next     . .venv/bin/activate"
	@echo "         drl list items                what else there is to make"
	@echo "         snakemake figure_4 --config scale=lite"
	@echo "Scale demo shows that everything works. Its models are hardly trained, so its numbers and pictures say nothing about the method."

report: $(READY)  ## Snakemake's HTML report of results/$(SCALE), which starts with the verdict; of some items: ITEMS="figure_4 table_1"
	snakemake $(ITEMS) --config scale=$(SCALE) --report results/$(SCALE)/report.html

test: $(READY)  ## everything that CI checks
	@$(MAKE) --no-print-directory check
	@tests/report/browser.sh
	pytest -n auto --dist loadfile
	@$(MAKE) --no-print-directory demo
	DRL_REPORT=results/demo/report.html pytest tests/report
	tests/slurm/inside.sh --if-possible timeout --signal=INT --kill-after=60 480 pytest tests/slurm -k slice

test-slurm: $(READY)  ## the workflow on a real SLURM of two nodes, with and without disturbances; needs root on Debian
	tests/slurm/inside.sh pytest tests/slurm

faults: $(READY)  ## every fault of docs/reliability.md, 20 times
	pytest tests/faults --repeats 20 -n 2

fuzz: $(READY)  ## hostile folders, files, settings and command lines, at least 10,000 of them
	DRL_FUZZ=12 pytest tests/hostile -n auto --dist loadfile

check: $(READY)  ## format, lint, types
	ruff format --check .
	ruff check .
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint

docs: $(READY)  ## the pages of docs/ as a site, docs/_build/index.html; pages generated from code are updated
	python -m drl.docs
	sphinx-build -W --keep-going -n -q -b html docs docs/_build

bench: $(READY)  ## speed of the critical code, compared with plain references
	python benchmarks/training_step.py
	python benchmarks/probe.py
	python benchmarks/simclr_augment.py
	python benchmarks/model_evaluation.py
	python benchmarks/sampling.py
	python benchmarks/pseudo_labels.py
	python benchmarks/rand_augment.py
	python benchmarks/fine_tuning_step.py

PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check
# Nothing is installed but what the lock names, and no file but one whose hash it states.
HASHED = --no-deps --require-hashes --no-build-isolation

$(READY): envs/build.lock envs/dev.lock envs/torch.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("drl needs Python 3.11.5 to 3.13, this is " + sys.version.split()[0] + "; install one of these, then call make PYTHON=/path/to/python") if not (3, 11, 5) <= sys.version_info[:3] < (3, 14) else None'
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { echo "This Python cannot make environments; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing the pinned packages into .venv: this takes a few minutes, and some gigabytes if torch includes CUDA"
	$(PYTHON) -m venv .venv
	$(PIP) $(HASHED) -r envs/build.lock
	$(PIP) $(HASHED) -r envs/dev.lock
	$(PIP) -r envs/torch.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

lock:  ## update versions: resolve pyproject.toml again for all platforms, rewrite the locks in envs/
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet "uv>=0.9,<1"
	PATH="$(CURDIR)/.venv-lock/bin:$$PATH" .venv-lock/bin/python envs/write_locks.py
	rm -rf .venv-lock

clean:  ## remove results and the environment
	rm -rf .venv .snakemake results/demo results/lite results/paper
