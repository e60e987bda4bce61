// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "text.h"

/**
 * ainka_text_init - start an empty text
 * @t: text
 * @buf: buffer, or NULL to discard everything
 * @size: size of @buf
 */
void ainka_text_init(struct ainka_text *t, char *buf, u32 size)
{
	t->buf = buf;
	t->size = buf ? size : 0;
	t->len = 0;
	t->cut = false;
}

/**
 * ainka_text_put - append characters
 * @t: text
 * @s: characters; what is not printable ASCII becomes a question mark, because
 *     the text may come from a user and end in a log
 * @len: their number
 */
void ainka_text_put(struct ainka_text *t, const char *s, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++) {
		if (t->len + 1 >= t->size) {
			t->cut = true;
			return;
		}
		t->buf[t->len++] = s[i] >= ' ' && s[i] <= '~' ? s[i] : '?';
	}
}

/**
 * ainka_text_str - append a string
 * @t: text
 * @s: NUL-terminated string
 */
void ainka_text_str(struct ainka_text *t, const char *s)
{
	ainka_text_put(t, s, strlen(s));
}

/**
 * ainka_text_num - append a decimal number
 * @t: text
 * @v: number
 */
void ainka_text_num(struct ainka_text *t, s64 v)
{
	u64 rest = v < 0 ? 0 - (u64)v : (u64)v;
	char digits[20];
	u32 n = sizeof(digits);

	do {
		digits[--n] = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	if (v < 0)
		ainka_text_put(t, "-", 1);
	ainka_text_put(t, digits + n, sizeof(digits) - n);
}

/**
 * ainka_text_end - terminate the text
 * @t: text
 *
 * A text that did not fit ends in three dots, so that nobody takes the rest for
 * the whole.
 *
 * Return: its length without the NUL.
 */
u32 ainka_text_end(struct ainka_text *t)
{
	if (!t->size)
		return 0;
	if (t->cut && t->len >= 3)
		memcpy(t->buf + t->len - 3, "...", 3);
	t->buf[t->len] = '\0';
	return t->len;
}

/**
 * ainka_err_start - start the message of an error
 * @t: text to continue and end
 * @err: error, or NULL
 * @pos: offset of the offending input
 * @len: its length
 */
void ainka_err_start(struct ainka_text *t, struct ainka_err *err, u32 pos, u32 len)
{
	ainka_text_init(t, err ? err->msg : NULL, sizeof(err->msg));
	if (!err)
		return;
	err->pos = pos;
	err->len = len;
}

/**
 * ainka_err_say - fill an error
 * @err: error, or NULL
 * @pos: offset of the offending input
 * @len: its length
 * @msg: the message
 *
 * Return: -EINVAL.
 */
int ainka_err_say(struct ainka_err *err, u32 pos, u32 len, const char *msg)
{
	struct ainka_text t;

	ainka_err_start(&t, err, pos, len);
	ainka_text_str(&t, msg);
	ainka_text_end(&t);
	return -EINVAL;
}
