# Every target sets up the machine by itself: a virtual environment in .venv, renewed when its list of packages changes.
#
#   make demo    the main job: ResNet-8 on the edge16 system; prints a table and the report's path
#   make test    every test, the RTL regression included, but the slow ones
#   make slow    the tests marked slow, and the RTL's with four times the random stimulus
#   make lint    ruff and mypy
#   make bench   measures speed anew and writes reports/results
#   make arrays  the four networks on the RTL of four array sizes and under four kinds of memory; reports/results/arrays.md
#   make screening  every point of a large space screened, 500 of them simulated; reports/results/screening.md
#   make programs  10,000 random programs on the three machines; reports/results/programs.md
#   make mutants puts faults into the RTL, runs its tests on each and writes reports/results/mutation.md
#   make coverage  runs the RTL's tests with counters at every line and branch; reports/results/coverage.md
#   make proofs  proves properties of the RTL's queues, tokens and dispatcher; reports/results/proofs.md
#   make activity  how often the RTL's signals change in ResNet-8, beside what the energy table assumes
#   make area    synthesizes the RTL, counts gates and writes reports/results/area.md
#   make reproduce-octo  trains in 8-bit integers and in floats, three seeds each; reports/results/octo_accuracy.md; then what
#                a step costs in time, energy and memory; reports/results/octo_cost.md
#   make reproduce-patchskip  patch skip by policy, patch, threshold and gate; DATA=DIR adds real clips; reports/results/patchskip.md
#   make clean   removes what the other targets made
#
# PYTHON    the interpreter to start from, at least 3.11                    make test PYTHON=python3.12
# PIP_ARGS  more arguments for pip, such as the index with CPU-only PyTorch: on Linux the default index serves the CUDA
#           build, which works but is gigabytes larger                      make demo PIP_ARGS='--extra-index-url URL'
# JOBS      test processes at a time
# TESTS     what to test                                                    make test TESTS=tests/accel_models

PYTHON ?= python3
PIP_ARGS ?=
JOBS ?= 2
TESTS ?= tests
VENV := .venv
STAMP := $(VENV)/.installed
VERIFY := $(VENV)/.installed-verify
# In front of every command from the environment: what it calls in turn (python, cosim) is the environment's too.
# Compiled Python is kept, beside what else is built, also where the environment forbids it in the source tree.
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/build/bytecode
unexport PYTHONDONTWRITEBYTECODE
IN_VENV := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.PHONY: demo test slow lint bench screening arrays programs activity area mutants coverage proofs reproduce-octo reproduce-patchskip env clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(IN_VENV) cosim run resnet8 --system edge16 --out build/demo

test: $(STAMP)
	$(IN_VENV) python -m pytest -n $(JOBS) --dist worksteal $(TESTS)

slow: $(STAMP)
	$(IN_VENV) COSIM_STIMULUS=long python -m pytest -n $(JOBS) --dist worksteal -m 'slow or rtl' $(TESTS)

lint: $(STAMP)
	$(IN_VENV) ruff check .
	$(IN_VENV) mypy cosim accel_models reports workloads rtl/bench rtl/coverage rtl/mutation rtl/proofs rtl/activity

bench: $(STAMP)
	$(IN_VENV) python -m reports.bench
	$(IN_VENV) python -m reports.networks
	$(IN_VENV) python -m reports.losses

screening: $(STAMP)
	$(IN_VENV) python -m cosim.validate.screening

programs: $(STAMP)
	$(IN_VENV) python -m cosim.validate.programs --jobs $(JOBS)

arrays: $(STAMP)
	$(IN_VENV) python -m cosim.validate.arrays

activity: $(STAMP)
	$(IN_VENV) python -m cosim.validate.activity

area: $(VERIFY)
	$(IN_VENV) python -m rtl.synthesis

mutants: $(VERIFY)
	$(IN_VENV) python -m rtl.mutation --jobs $(JOBS) --resume

coverage: $(STAMP)
	$(IN_VENV) python -m rtl.coverage --jobs $(JOBS)

proofs: $(VERIFY)
	$(IN_VENV) python -m rtl.proofs

reproduce-octo: $(STAMP)
	$(IN_VENV) python -m workloads.octo.reproduce --resume
	$(IN_VENV) python -m reports.octo_cost

reproduce-patchskip: $(STAMP)
	$(IN_VENV) python -m workloads.patchskip.reproduce --resume --jobs $(JOBS) $(if $(DATA),--data $(DATA))

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON): install Python 3.11 or newer, or name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) is too old: want 3.11 or newer; name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) lacks venv: install its venv package (python3-venv)" >&2; exit 1; }
	@command -v perl >/dev/null || { echo "make: no perl: Verilator is started by it; install perl" >&2; exit 1; }
	@command -v c++ >/dev/null || { echo "make: no C++ compiler (c++): the RTL is compiled with it; install g++ or clang" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[rtl,explore,postgres,video,dev]'
	@touch $@

$(VERIFY): $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt -e '.[rtl,explore,postgres,video,dev,verify]'
	@touch $@

clean:
	rm -rf build $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
