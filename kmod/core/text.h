/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Text of bounded length. The core writes its own because it may call neither
 * the kernel's printf nor libc's, and both must say the same.
 */
#ifndef AINKA_CORE_TEXT_H
#define AINKA_CORE_TEXT_H

#include "ainka_core.h"

/**
 * struct ainka_text - a buffer that is being written
 * @buf: the buffer, NULL to discard everything
 * @size: its size
 * @len: characters in it, without the NUL
 * @cut: something did not fit
 */
struct ainka_text {
	char *buf;
	u32 size;
	u32 len;
	bool cut;
};

void ainka_text_init(struct ainka_text *t, char *buf, u32 size);
void ainka_text_put(struct ainka_text *t, const char *s, u32 len);
void ainka_text_str(struct ainka_text *t, const char *s);
void ainka_text_num(struct ainka_text *t, s64 v);
u32 ainka_text_end(struct ainka_text *t);

/* Start the message of an error; @err may be NULL when nobody wants to know. */
void ainka_err_start(struct ainka_text *t, struct ainka_err *err, u32 pos, u32 len);
/* The same with the whole message; returns -EINVAL. */
int ainka_err_say(struct ainka_err *err, u32 pos, u32 len, const char *msg);

#endif
