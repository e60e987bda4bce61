/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_TUNABLE_BLOCK_H
#define AINKA_TUNABLE_BLOCK_H

#include "tunable.h"

extern const struct ainka_tunable_ops ainka_readahead_ops;
extern const struct ainka_tunable_ops ainka_scheduler_ops;

/* NULL, or why a disk takes no I/O scheduler */
const char *ainka_scheduler_absent(const char *disk);

#endif
