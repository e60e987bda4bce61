/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AINKA_RECOMMEND_H
#define AINKA_RECOMMEND_H

#include <linux/types.h>

struct ainka_recommendation;

int ainka_recommend(const char *tunable, pid_t pid, struct ainka_recommendation *out);

#endif
