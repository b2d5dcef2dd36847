# SPDX-License-Identifier: MIT
#
# The everyday commands: `make help` lists them. CMakeLists.txt knows how things are built; this file only says in
# which directory and with which options:
#
#   build/        what users get: -O2, link-time optimization, asserts off; `make test` tests this
#   build-check/  -O2, asserts on, warnings are errors
#   build-asan/   AddressSanitizer and UndefinedBehaviorSanitizer, asserts on
#   build-tsan/   ThreadSanitizer, asserts on; for models with threads and the default
#   build-clang/  clang++-19, -O0, asserts on, warnings are errors; clang-tidy reads it
#   build-fuzz/   clang++-19 with libFuzzer

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
# Most tests wait more than they compute.
TEST_JOBS ?= $(shell echo $$((2 * $$(nproc))))
WERROR ?= OFF
# Further arguments of ctest: make test CTEST_ARGS='-R conformance -V'
CTEST_ARGS ?=
# ThreadSanitizer does not follow fork(2) from a process with threads, and may hold a signal back where a model has but
# one thread. Of the loops, which share their threads' code, it sees the default.
TSAN_EXCLUDE ?= [/<](process|prefork|iterative|polling|select|poll|epoll.level)($$|>)|[Ff]ork
# Which suites it sees: those of the library; `make nightly` takes all.
TSAN_SUITES ?= ^(conformance|faults|unit)$$
TSAN_TARGETS ?= conformance_tests faults_tests unit_tests
# ASan and UBSan see all; .ci/run, which has not the time, those of the library.
ASAN_SUITES ?= .
ASAN_TARGETS ?= all
FUZZ_SECONDS ?= 60
NIGHTLY_FUZZ_SECONDS ?= 600
# Multiplies every time limit of the tests; `make nightly` raises it.
PATIENCE ?= 1

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# $(call build_in,DIRECTORY,TARGET,OPTIONS...)
define build_in
	echo "== building $(2) in $(1)/"
	cmake -S . -B $(1) -G Ninja --log-level=WARNING -DHEADRACE_TEST_PATIENCE=$(PATIENCE) $(3) >/dev/null
	cmake --build $(1) -j $(JOBS) --target $(2)
endef

# $(call test_in,DIRECTORY,ARGUMENTS): after the build. Sanitizers stop at the first thing they find. Without
# randomized addresses, where that may be asked for: GCC 12's ThreadSanitizer cannot start with 32 random bits.
define test_in
	echo "== testing in $(1)/"
	unrandomized=; if [ $(1) = build-tsan ] && setarch -R true 2>/dev/null; then unrandomized="setarch -R"; fi
	export ASAN_OPTIONS="$${ASAN_OPTIONS:-strict_string_checks=1:check_initialization_order=1}"
	export UBSAN_OPTIONS="$${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
	export TSAN_OPTIONS="$${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"
	$$unrandomized ctest --test-dir $(1) -j $(TEST_JOBS) --output-on-failure --no-label-summary --no-tests=error $(2) $(CTEST_ARGS)
endef
.ONESHELL:

.PHONY: help
help: ## Show this list
	@echo 'headrace: one network service, every I/O model. The commands:'
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	echo 'Variables: ARGS (run), DEMO (demo), CTEST_ARGS (test), JOBS, TEST_JOBS, WERROR=ON, PREFIX and DESTDIR (install), FUZZ_SECONDS'

.PHONY: build
build: ## Build the library and the program, build/headrace
	@scripts/install-packages.sh build
	$(call build_in,build,product,-DHEADRACE_WERROR=$(WERROR))

.PHONY: run
run: build ## Serve echo on 127.0.0.1:7788, or ARGS="serve echo --model thread"
	@$(if $(ARGS),exec build/headrace $(ARGS),:)
	echo '== build/headrace serve echo --listen tcp://127.0.0.1:7788'
	echo 'Try it from another terminal (Ctrl-C here stops it):'
	echo '  nc 127.0.0.1 7788'
	echo "  python3 -c \"import socket; s = socket.create_connection(('127.0.0.1', 7788)); s.sendall(b'hello'); print(s.recv(100))\""
	exec build/headrace serve echo --listen tcp://127.0.0.1:7788

.PHONY: test
test: ## Build everything and run the tests
	@scripts/install-packages.sh build tests
	$(call build_in,build,all,-DHEADRACE_WERROR=$(WERROR))
	$(call test_in,build,)

.PHONY: bench
bench: build ## Measure: system calls, instructions, memory, rates (never part of the tests)
	@if [ ! -x bench/run.sh ]; then echo 'bench: there is no bench/run.sh here'; exit 1; fi
	scripts/install-packages.sh bench || echo 'bench: what is missing is left out'
	bench/run.sh

# Fewer than 5 rounds cannot tell a difference from noise. Small differences need more and longer ones.
DEMO ?= --compare=connections,churn --rounds 5 --within 80s

.PHONY: demo
demo: build ## Compare the models live, within two minutes; the report is build/report.html
	@echo '== build/headrace bench $(DEMO) --html build/report.html'
	build/headrace bench $(DEMO) --html build/report.html
	echo 'Open build/report.html in a browser.'

.PHONY: format
format: ## Format every source with clang-format-19
	@scripts/install-packages.sh checks
	echo '== formatting'
	scripts/format.sh

.PHONY: format-check
format-check: ## Say what `make format` would change
	@scripts/install-packages.sh checks
	echo '== checking the format'
	scripts/format.sh --check

.PHONY: clang
clang: ## Build all with clang++-19 at -O0, warnings are errors, and run the unit tests
	@scripts/install-packages.sh build tests checks
	export CXX=clang++-19
	$(call build_in,build-clang,all,-DCMAKE_BUILD_TYPE=Debug -DHEADRACE_WERROR=ON)
	$(call test_in,build-clang,-L unit)

.PHONY: tidy
tidy: ## Run clang-tidy-19 on src, tools and examples (TIDY=--changed: on what differs from the last commit)
	@scripts/install-packages.sh build tests checks
	echo '== clang-tidy-19'
	export CXX=clang++-19
	cmake -S . -B build-clang -G Ninja --log-level=WARNING -DCMAKE_BUILD_TYPE=Debug -DHEADRACE_WERROR=ON >/dev/null
	JOBS=$(JOBS) scripts/tidy.sh build-clang $(TIDY)

.PHONY: strict
strict: ## Build with asserts on and warnings as errors, and run the tests
	@scripts/install-packages.sh build tests
	$(call build_in,build-check,all,-DHEADRACE_WERROR=ON -DHEADRACE_ASSERTS=ON -DHEADRACE_LTO=OFF)
	$(call test_in,build-check,)

.PHONY: asan
asan: ## Run the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/install-packages.sh build tests
	$(call build_in,build-asan,$(ASAN_TARGETS),-DHEADRACE_SANITIZE=address$(comma)undefined)
	$(call test_in,build-asan,-L '$(ASAN_SUITES)')

.PHONY: tsan
tsan: ## Run the tests under ThreadSanitizer, for the models with threads and the default (TSAN_EXCLUDE)
	@scripts/install-packages.sh build tests
	$(call build_in,build-tsan,$(TSAN_TARGETS),-DHEADRACE_SANITIZE=thread)
	$(call test_in,build-tsan,-L '$(TSAN_SUITES)' -E '$(TSAN_EXCLUDE)')

.PHONY: fuzz
fuzz: ## Run every fuzzer of tests/fuzz for FUZZ_SECONDS
	@if ! compgen -G 'tests/fuzz/*_fuzz.cpp' >/dev/null; then
	  echo 'fuzz: there is no fuzzer in tests/fuzz yet'
	  exit
	fi
	scripts/install-packages.sh build checks
	export CXX=clang++-19
	$(call build_in,build-fuzz,fuzzers,-DHEADRACE_FUZZ=ON -DHEADRACE_PROGRAM=OFF -DHEADRACE_SANITIZE=address$(comma)undefined$(comma)fuzzer-no-link)
	fuzz_one() {
	  local name=$${1##*/} known=
	  echo "== fuzzing $$name for $(FUZZ_SECONDS) s"
	  mkdir -p build-fuzz/corpus/$$name
	  if [ -d tests/fuzz/corpus/$$name ]; then known=tests/fuzz/corpus/$$name; fi
	  $$1 -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix=build-fuzz/corpus/$$name. build-fuzz/corpus/$$name $$known
	}
	export -f fuzz_one
	printf '%s\0' build-fuzz/fuzz/* | xargs -0 -n 1 -P $(JOBS) bash -euo pipefail -c 'fuzz_one "$$0"'

.PHONY: readme
readme: build ## Run the commands that the README tells people to type
	@scripts/install-packages.sh tests  # nc and python3, which the blocks use
	echo '== running the documents'
	scripts/check-readme.sh build README.md README.zh-CN.md CONTRIBUTING.md

.PHONY: check
check: format-check tidy strict asan tsan ## Before you push: format, clang-tidy, strict build, tests, sanitizers
	@echo 'check: all good'

.PHONY: nightly
nightly: export HEADRACE_NIGHTLY := 1
nightly: ## Everything that takes long: the tests read HEADRACE_NIGHTLY=1 and do more
	@echo '== nightly: this takes hours'
	scripts/install-packages.sh nightly
	$(MAKE) test PATIENCE=20
	$(MAKE) asan PATIENCE=20
	$(MAKE) tsan PATIENCE=20 TSAN_SUITES=. TSAN_TARGETS=all
	$(MAKE) clang PATIENCE=20
	$(MAKE) tidy
	$(MAKE) fuzz FUZZ_SECONDS=$(NIGHTLY_FUZZ_SECONDS)

# What is there is installed as it is. Not by $(MAKE) in the recipe of install, which `make -n` would then carry out.
build/headrace:
	@$(MAKE) build

.PHONY: install
install: | build/headrace ## Install into DESTDIR and PREFIX (/usr/local)
	@echo '== installing into $(DESTDIR)$(PREFIX)'
	DESTDIR='$(DESTDIR)' cmake --install build --prefix '$(PREFIX)'
	if [ -n '$(DESTDIR)' ]; then exit; fi
	library=$$(grep -m 1 '/libheadrace\.so' build/install_manifest.txt || true)
	case '$(PREFIX)' in
	  /usr | /usr/local) echo 'The shared library is found after: ldconfig' ;;
	  *) if [ -n "$$library" ]; then
	       echo "The shared library is found with LD_LIBRARY_PATH=$${library%/*}, or by programs linked with -Wl,-rpath,$${library%/*}"
	     fi ;;
	esac

.PHONY: clean
clean: ## Remove every build directory
	@echo '== removing build/ and build-*/'
	rm -rf build build-asan build-check build-clang build-fuzz build-tsan

comma := ,
