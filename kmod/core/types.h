/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The integer types of the kernel, in both worlds. */
#ifndef AINKA_CORE_TYPES_H
#define AINKA_CORE_TYPES_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/page.h>

#define AINKA_PAGE_BYTES	PAGE_SIZE
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <linux/types.h>

#define AINKA_PAGE_BYTES	sysconf(_SC_PAGESIZE)

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#endif

#endif
