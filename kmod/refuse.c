// SPDX-License-Identifier: GPL-2.0
/*
 * Saying no: an errno for programs, words for people.
 */
#include <linux/kernel.h>

#include "policy.h"
#include "refuse.h"

__printf(2, 0)
static void word(struct ainka_err *err, const char *fmt, va_list args)
{
	vsnprintf(err->msg, sizeof(err->msg), fmt, args);
}

/**
 * ainka_deny() - say why something is not done
 * @err: gets it
 * @rc: negative errno
 * @fmt: what is wrong and what is allowed
 *
 * Return: @rc.
 */
int ainka_deny(struct ainka_err *err, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	word(err, fmt, args);
	va_end(args);
	return rc;
}

/**
 * ainka_refuse() - say why a policy is refused
 * @err: gets it
 * @field: which part of the policy it is about
 * @rc: negative errno
 * @fmt: what is wrong and what is allowed
 *
 * Return: @rc.
 */
int ainka_refuse(struct ainka_policy_err *err, enum ainka_field field, int rc,
		 const char *fmt, ...)
{
	va_list args;

	err->field = field;
	err->err.pos = 0;
	err->err.len = 0;
	va_start(args, fmt);
	word(&err->err, fmt, args);
	va_end(args);
	return rc;
}
