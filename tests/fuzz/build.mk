# SPDX-License-Identifier: Apache-2.0
#
# Builds the fuzzers: make -f tests/fuzz/build.mk [OUT=directory] [CORE=directory of kmod/core].
# tests/fuzz/mutants builds them once more, with a mistake in a copy of the core.

OUT ?= build/fuzz
CORE ?= kmod/core
CLANG ?= clang
TARGETS := text program model value times
FLAGS := -g -O1 -std=gnu11 -Wall -Wextra -DAINKA_USERSPACE -DAINKA_COUNT_STEPS \
    -Ikmod/include -Ikmod/include/uapi -I$(CORE) -fno-sanitize-recover=all
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined

CORE_OBJECTS := $(patsubst $(CORE)/%.c,$(OUT)/core/%.o,$(sort $(wildcard $(CORE)/*.c)))
SHARED_OBJECTS := $(patsubst tests/fuzz/%.c,$(OUT)/%.o,tests/fuzz/fuzz.c \
    $(sort $(wildcard tests/fuzz/reference_*.c)))
HEADERS := $(wildcard kmod/core/*.h tests/fuzz/*.h kmod/include/uapi/linux/*.h ebpf/*.h)

all: $(addprefix $(OUT)/fuzz_,$(TARGETS))

$(OUT)/core/%.o: $(CORE)/%.c $(HEADERS) tests/fuzz/build.mk
	@mkdir -p $(@D)
	$(CLANG) $(FLAGS) $(SANITIZE) -c $< -o $@

$(OUT)/%.o: tests/fuzz/%.c $(HEADERS) tests/fuzz/build.mk
	@mkdir -p $(@D)
	$(CLANG) $(FLAGS) $(SANITIZE) -c $< -o $@

$(addprefix $(OUT)/fuzz_,$(TARGETS)): $(OUT)/fuzz_%: $(OUT)/fuzz_%.o $(SHARED_OBJECTS) $(CORE_OBJECTS)
	$(CLANG) $(FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^

.SECONDARY:
