# Everything here sets up what it needs first: contain_lab/setup.sh says what it does, and does nothing twice.
.PHONY: help lab test test-all check labs clean
.DEFAULT_GOAL := help

bin := .venv/bin
setup := @contain_lab/setup.sh
# most desktops refuse a browser to root, and without a desktop a text browser would take the terminal
a_browser := $(and $(DISPLAY)$(WAYLAND_DISPLAY),$(filter-out 0,$(shell id -u)))
no_browser := $(if $(a_browser),,--no-browser --ServerApp.use_redirect_file=False)
PORT := 8888
IP := 127.0.0.1
FAST := $(wildcard tests/unit tests/kernel tests/labs tests/grading)
SLOW := $(wildcard tests/peers tests/ui tests/vm)

help:      # print this
	@sed -n 's/^\([a-z-]*\): *#/make \1\t/p' Makefile | expand -t 16

lab:       # set up what is missing, and open the labs in JupyterLab on 127.0.0.1 (PORT=9000: another first port)
	$(setup) lab
	@exec $(bin)/jupyter lab --allow-root --ip=$(IP) --port=$(PORT) --ServerApp.port_retries=50 \
	  --ServerApp.root_dir=labs --LabApp.default_url=/lab/tree/index.ipynb --LabApp.extension_manager=readonly \
	  --log-level=ERROR $(no_browser)

test:      # what a change must pass: check, and the tests of package, kernel, labs and grading (minutes)
	$(setup) test
	@$(MAKE) --no-print-directory check
	$(bin)/pytest -q $(FAST)

test-all:  # the slower rest: other runtimes, the labs in a browser, a virtual machine
	$(setup) all
	$(if $(SLOW),$(bin)/pytest -q $(SLOW))

check:     # ruff, mypy --strict, the floors (import-linter), and the rules of the repository
	$(setup) test
	$(bin)/ruff check
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/pytest -q tests/repository

labs:      # make labs/ and solutions/*.ipynb anew from solutions/*.py
	$(setup) test
	$(bin)/contain-lab labs build

clean:     # remove what the kit has left on this machine, and the caches of this folder
	@if [ -x $(bin)/contain-lab ]; then $(bin)/contain-lab clean; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
