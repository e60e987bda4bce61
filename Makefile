# SPDX-License-Identifier: Apache-2.0
#
# Entry points of the AINKA tree. Each one first builds what it lacks; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VERSION := $(shell cat VERSION)
BUILD ?= build
DESTDIR ?=
PYTHON := build/venv/bin/python
PYTEST := $(PYTHON) -m pytest
CLANG ?= clang
# The image is built from a snapshot of the sources that has no guest/, and needs no second look.
DEPS := $(if $(wildcard guest/deps),guest/deps,:)
LLVM_STRIP ?= llvm-strip

# ---------------------------------------------------------------------------------------------
.PHONY: help
help: ## this list
	@echo "AINKA $(VERSION)"
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | sort | \
	    while IFS=$$'\t' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

.PHONY: demo
demo: ## show AINKA at work in a throw-away guest
	@$(DEPS) build guest venv
	guest/demo

.PHONY: image
image: ## build the guest's disk image and print its path
	guest/image

# ---- user space -----------------------------------------------------------------------------
# Sources are looked up when make runs, so a new file needs no edit here.
CORE_SOURCES := $(sort $(wildcard kmod/core/*.c))
CORE_HEADERS := $(wildcard kmod/core/*.h kmod/include/*.h kmod/include/*/*.h \
    kmod/include/*/*/*.h)
BPF_SOURCES := $(sort $(wildcard ebpf/*.bpf.c))
BPF_HEADERS := $(wildcard ebpf/*.h) $(CORE_HEADERS)
BPF_OBJECTS := $(patsubst ebpf/%.c,$(BUILD)/ebpf/%.o,$(BPF_SOURCES))
INCLUDES := -Ikmod/include -Ikmod/include/uapi -Ikmod/core

CORE_CFLAGS ?= -O2 -g
CORE_FLAGS := -std=gnu11 -Wall -Wextra -fPIC -shared -fvisibility=default \
    -DAINKA_USERSPACE $(INCLUDES)
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

.PHONY: core
core: ## build the pure core as a shared library, plain and with sanitizers
ifneq ($(CORE_SOURCES),)
core: $(BUILD)/core/libainka_core.so $(BUILD)/core/libainka_core_asan.so
endif

$(BUILD)/core/libainka_core.so: $(CORE_SOURCES) $(CORE_HEADERS) Makefile
	@$(DEPS) build
	@mkdir -p $(@D)
	gcc $(CORE_CFLAGS) $(CORE_FLAGS) -Wl,-soname,libainka_core.so -o $@ $(CORE_SOURCES)

$(BUILD)/core/libainka_core_asan.so: $(CORE_SOURCES) $(CORE_HEADERS) Makefile
	@$(DEPS) build
	@mkdir -p $(@D)
	gcc $(CORE_FLAGS) $(SANITIZE) -o $@ $(CORE_SOURCES)

.PHONY: ebpf
ebpf: $(BPF_OBJECTS) ## compile the BPF programs

$(BUILD)/ebpf/%.bpf.o: ebpf/%.bpf.c $(BPF_HEADERS) Makefile
	@$(DEPS) build
	@mkdir -p $(@D)
	$(CLANG) -target bpf -D__TARGET_ARCH_x86 -O2 -g -mcpu=v3 -Wall -Iebpf $(INCLUDES) \
	    -c $< -o $@
	$(LLVM_STRIP) -g $@

# ---- the module -----------------------------------------------------------------------------
# KDIR: unpacked kernel headers; by default those of the guest's kernels. The sources are copied,
# so that a build leaves nothing among them and two kernels do not share objects. The module shares
# the record layouts with the BPF programs: ebpf/*.h.
MODULE_SOURCES := $(wildcard Kbuild ebpf/*.h) \
    $(wildcard $(shell git ls-files -co --exclude-standard kmod 2>/dev/null))

.PHONY: module
module: ## build ainka.ko (KDIR=headers; default: for each kernel of the guest)
ifdef KDIR
	@$(DEPS) build
	@dir=$(BUILD)/module/$$(basename $(KDIR)); mkdir -p $$dir; \
	find $$dir -name '*.[ch]' ! -name '*.mod.c' -delete; \
	cp --preserve=timestamps --parents -t $$dir $(MODULE_SOURCES); \
	$(MAKE) -C $(KDIR) M=$$(readlink -f $$dir) $(KFLAGS) modules
else
	@guest/image --plain >/dev/null
	@for kdir in $$(guest/headers); do \
	    $(MAKE) --no-print-directory module KDIR=$$kdir || exit 1; done
endif

# A user of what the module exports, for the tests and as an example.
.PHONY: samples
samples: module ## build kmod/samples against the module (KDIR as for it)
ifdef KDIR
	@dir=$(BUILD)/module/$$(basename $(KDIR)); \
	$(MAKE) -C $(KDIR) M=$$(readlink -f $$dir)/kmod/samples \
	    KBUILD_EXTRA_SYMBOLS=$$(readlink -f $$dir)/Module.symvers $(KFLAGS) modules
else
	@for kdir in $$(guest/headers); do \
	    $(MAKE) --no-print-directory samples KDIR=$$kdir || exit 1; done
endif

# ---- install (user space; DKMS installs the module) -------------------------------------------
PYDIR := $(DESTDIR)/usr/lib/python3/dist-packages
LIBDIR := $(DESTDIR)/usr/lib/ainka
SHAREDIR := $(DESTDIR)/usr/share/ainka
# Parts of the tree may be missing (a source package without policies, a tree being written).
put = $(foreach file,$(wildcard $(1)),install -D -m $(3) $(file) $(2)/$(notdir $(file)) && ) true

.PHONY: install
install: ebpf $(if $(CORE_SOURCES),$(BUILD)/core/libainka_core.so) ## install user space to DESTDIR
	install -d $(LIBDIR) $(PYDIR) $(DESTDIR)/etc/ainka/policies.d $(SHAREDIR)/policies \
	    $(SHAREDIR)/tuners $(DESTDIR)/usr/sbin $(DESTDIR)/usr/bin
	@$(call put,$(BPF_OBJECTS) $(BUILD)/core/libainka_core.so,$(LIBDIR),0644)
	@for package in daemon/ainkad ainkactl/ainkactl; do \
	    [ -d $$package ] || continue; \
	    (cd $$(dirname $$package) && find $$(basename $$package) -type f \
	        ! -path '*/__pycache__/*' ! -name '*.pyc' -print0) | \
	        while IFS= read -r -d '' file; do \
	            install -D -m 0644 "$$(dirname $$package)/$$file" "$(PYDIR)/$$file"; done; done
	@launcher() { printf '%s\n' '#!/usr/bin/python3' 'import sys' "from $$2.main import main" \
	        'sys.exit(main())' >"$$1"; chmod 0755 "$$1"; }; \
	launcher $(DESTDIR)/usr/sbin/ainkad ainkad; \
	launcher $(DESTDIR)/usr/bin/ainkactl ainkactl
	@$(call put,systemd/ainkad.service,$(DESTDIR)/lib/systemd/system,0644)
	@[ ! -f systemd/ainka.sysusers ] || \
	    install -D -m 0644 systemd/ainka.sysusers $(DESTDIR)/usr/lib/sysusers.d/ainka.conf
	@$(call put,systemd/*.rules,$(DESTDIR)/lib/udev/rules.d,0644)
	@$(call put,systemd/*.modprobe,$(DESTDIR)/lib/modprobe.d,0644)
	@[ ! -f daemon/config.toml ] || \
	    install -D -m 0644 daemon/config.toml $(DESTDIR)/etc/ainka/config.toml
	@$(call put,policies/*.toml,$(SHAREDIR)/policies,0644)
	@$(call put,policies/tuners/*.toml,$(SHAREDIR)/tuners,0644)

# ---- checks ---------------------------------------------------------------------------------
PYTHON_PARTS := $(wildcard daemon ainkactl guest tests kmod/spec)
# Folders without a test yet are skipped, an empty selection is not a failure (pytest's status 5).
TESTS = $(wildcard $(1)/test_*.py $(1)/*/test_*.py)
RUN_TESTS = $(if $(call TESTS,$(1)),$(PYTEST) $(1) $(ARGS),@echo "no tests in $(1)")

.PHONY: deps
deps: ## install what is missing on this machine
	@$(DEPS)

.PHONY: test
test: ## everything: lint, unit, abi, fuzz and guest tests
	@$(DEPS)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-unit
	@$(MAKE) --no-print-directory test-abi
	@$(MAKE) --no-print-directory test-fuzz
	@$(MAKE) --no-print-directory lint-kmod
	@$(MAKE) --no-print-directory test-vm ONCE=1
	@echo "=== AINKA: all tests passed ==="

.PHONY: test-unit
test-unit: core ebpf ## tests on this machine, no root, no module
	@$(DEPS) build test venv
	$(call RUN_TESTS,tests/unit) -n auto --dist worksteal

.PHONY: test-abi
test-abi: core ebpf ## generated files and layouts are current
	@$(DEPS) build test venv
	$(call RUN_TESTS,tests/abi)

FUZZ_SECONDS ?= 20
FUZZ_SEED ?= 1
test-fuzz: export FUZZ_SEED := $(FUZZ_SEED)
.PHONY: test-fuzz
test-fuzz: ## the core against its reference, on hostile inputs (FUZZ_SECONDS=20)
	@$(DEPS) build test
	tests/fuzz/run $(FUZZ_SECONDS)
	tests/fuzz/mutants

.PHONY: bench-core
bench-core: core ## what a decision costs, natively, against models compiled to C
	@$(DEPS) build venv
	$(PYTHON) tests/bench/core_cost
	$(PYTHON) tests/bench/predictions

.PHONY: bench-icount
bench-icount: ## instructions of an evaluation in the kernel, in a guest that counts them
	@$(DEPS) build guest venv
	$(PYTHON) tests/bench/icount

# A guest for each of these, beside each other, and those that tests start for themselves; by hand:
# make test-vm KERNELS=6.1 ARGS='-k name -x'
KERNELS ?= 6.1 6.12
test-vm: export AINKA_KERNELS = $(KERNELS)
BESIDE = $(if $(word 2,$(KERNELS)),-n $(words own $(KERNELS)) --dist loadgroup -v)
# Emulation on a busy host makes things late that are not. A guest test that fails is tried so often
# again; the summary lists it as RERUN, for somebody to look at. RERUNS=0 while looking, which holds
# for tests that are marked as flaky too.
RERUNS ?= 1
test-vm: export AINKA_RERUNS = $(RERUNS)
AGAIN = -rR $(if $(filter-out 0,$(RERUNS)),--reruns=$(RERUNS) --only-rerun=.)

# With all tests on both kernels `make test` takes more than 90 minutes on two CPUs. With ONCE=1 each
# runs on one of them, half of every file on each; those marked every_kernel run on both.
ONCE ?= 0
test-vm: export AINKA_ONCE = $(ONCE)

.PHONY: test-vm
test-vm: ## the real module in a Debian guest (KERNELS='6.1 6.12', ONCE=1, ARGS for pytest)
	@$(DEPS) build guest test venv
	$(call RUN_TESTS,tests/vm) $(BESIDE) $(AGAIN) --durations=30

# A seed and a number make a run; what breaks is printed with the seed of its sequence.
N ?= 10000
SEED ?= 1
.PHONY: test-sequences
test-sequences: export AINKA_KERNELS = $(KERNELS)
test-sequences: export AINKA_OPERATIONS = $(N)
test-sequences: export AINKA_SEED = $(SEED)
test-sequences: ## random sequences of operations and the promises after each (N=10000, SEED=1)
	@$(DEPS) build guest test venv
	$(PYTEST) tests/vm/test_sequences.py $(or $(BESIDE),-s) $(ARGS)

.PHONY: test-debug
test-debug: export AINKA_KERNELS = debug
test-debug: export AINKA_OPERATIONS = 1000
test-debug: ## the module on a kernel that looks for mistakes; builds it (15 minutes), not in test
	@$(DEPS) build guest debug test venv
	$(PYTEST) tests/vm/test_module.py tests/vm/test_sequences.py tests/vm/debug $(ARGS)

.PHONY: bench-event
bench-event: ## time from an event to the change, in the guest (KERNELS)
	@$(DEPS) build guest venv
	$(PYTHON) tests/bench/event_latency $(KERNELS)

.PHONY: bench-reaction
bench-reaction: ## from a promotion to the setting, from a crash to the signal, in the guest (KERNELS)
	@$(DEPS) build guest venv
	$(PYTHON) tests/bench/reaction $(KERNELS)

.PHONY: bench-analyses
bench-analyses: core ## how long learning, forecasts and anomalies take, natively
	@$(DEPS) build venv
	$(PYTHON) tests/bench/analyses

.PHONY: bench-daemon
bench-daemon: ## what the daemon costs at rest, in instructions (KERNELS)
	@$(DEPS) build guest venv
	$(PYTHON) tests/bench/daemon_cost $(KERNELS)

.PHONY: bench-anomaly
bench-anomaly: ## precision, recall and delay of the anomaly detection on generated faults
	@$(DEPS) build venv
	$(PYTHON) tests/bench/anomaly_detection

.PHONY: bench-scenarios
bench-scenarios: ## real loads against defaults, static settings and tuned (ARGS='--only dirty-debt')
	@$(DEPS) build guest venv
	$(PYTHON) -m tests.bench.scenarios $(ARGS)

.PHONY: bench-ebpf
bench-ebpf: core ## run time of the BPF programs beside libbpf-tools (KERNELS); the reader of events
	@$(DEPS) build guest venv
	$(PYTHON) tests/bench/event_ring
	$(PYTHON) tests/bench/ebpf_cost $(KERNELS) $(ARGS)

.PHONY: bench-event-rate
bench-event-rate: ## events a second that the BPF programs can aggregate, from instructions (KERNELS)
	@$(DEPS) build guest venv
	$(PYTHON) tests/bench/event_rate $(KERNELS) $(ARGS)

.PHONY: bench-machine
bench-machine: ## what collection costs the whole machine, paired (KERNELS; half an hour each)
	@$(DEPS) build guest venv
	@for kernel in $(KERNELS); do $(PYTHON) tests/bench/machine_cost $(ARGS) $$kernel; done

.PHONY: lint
lint: ## ruff, mypy, shellcheck
	@$(DEPS) test venv
	$(PYTHON) -m ruff check $(PYTHON_PARTS) $(PYTHON_SCRIPTS)
	$(PYTHON) -m ruff format --check $(PYTHON_PARTS) $(PYTHON_SCRIPTS)
	$(PYTHON) -m mypy $(PYTHON_PARTS)
	$(PYTHON) -m mypy --scripts-are-modules $(PYTHON_SCRIPTS)
	shellcheck $(SHELL_SCRIPTS)

.PHONY: lint-kmod
lint-kmod: ## the module without a warning of gcc (W=1) or sparse, for each kernel of the guest
	@$(DEPS) build guest test
	@guest/image --plain >/dev/null
	@mkdir -p $(BUILD)
	@for kdir in $$(guest/headers); do \
	    $(MAKE) --no-print-directory -j$$(nproc) module KDIR=$$kdir \
	        KFLAGS='W=1 C=2 CHECK="sparse -Wsparse-error" KCFLAGS=-Werror' >$(BUILD)/lint-kmod.log 2>&1 || \
	        { grep -E 'error|warning' $(BUILD)/lint-kmod.log; exit 1; }; done
	@echo "lint-kmod: no warnings"

# Executables carry no suffix: tell them by their first line.
SCRIPTS := $(shell git ls-files -co --exclude-standard 2>/dev/null | grep -v '\.[a-z0-9]*$$')
PYTHON_SCRIPTS = $(shell grep -lE '^\#!/usr/bin/python3|^\#!/usr/bin/env python3' $(SCRIPTS))
SHELL_SCRIPTS = $(shell grep -lE '^\#!/bin/(ba)?sh' $(SCRIPTS)) \
    $(shell git ls-files -co --exclude-standard '*.sh')

# ---- cleaning -------------------------------------------------------------------------------
.PHONY: clean
clean: ## remove build products, keep guest images and the Python environment
	rm -rf $(BUILD)/core $(BUILD)/ebpf $(BUILD)/module

.PHONY: distclean
distclean: ## remove everything that was built or downloaded
	rm -rf $(BUILD)
