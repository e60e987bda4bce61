/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_REFUSE_H
#define AINKA_REFUSE_H

#include "ainka_core.h"

__printf(3, 4)
int ainka_deny(struct ainka_err *err, int rc, const char *fmt, ...);

#endif
