/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_OPEN_FILES_H
#define AINKA_OPEN_FILES_H

#include <linux/types.h>

/**
 * struct ainka_files - what a walk over the open files met
 * @tasks: tasks looked at
 * @files: open files and mapped ones looked at, some of them more than once
 * @changed: files that were changed
 * @skipped: address spaces that were busy for too long
 */
struct ainka_files {
	u32 tasks;
	u32 files;
	u32 changed;
	u32 skipped;
};

void ainka_files_readahead(u32 devt, u32 from, u32 to, struct ainka_files *met);

#endif
