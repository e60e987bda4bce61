/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_HANDBACK_H
#define AINKA_HANDBACK_H

#include "ainka_core.h"

/* struct ainka_which - of which subjects: all where both are 0 */
struct ainka_which {
	u32 pid;
	u64 subject_id;
};

int ainka_undo(u64 id, struct ainka_err *err);
int ainka_release(const char *name, const struct ainka_which *which, u32 *released,
		  struct ainka_err *err);
int ainka_resume(const char *name, u32 *resumed, struct ainka_err *err);

#endif
