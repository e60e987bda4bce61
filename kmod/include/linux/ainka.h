/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AINKA for other kernel modules: report events that policies act on, and ask
 * what the policies would choose, how unusual a signal is, what it is expected
 * to become.
 *
 * Nothing here hands out a pointer into the module, and everything it takes is
 * copied. A module that uses one of these symbols holds ainka.ko, so that they
 * cannot go away under it: unload the user first. docs/kernel-api.md has an
 * example, kmod/samples/ainka_client.c a module that uses all of them.
 */
#ifndef _LINUX_AINKA_H
#define _LINUX_AINKA_H

#include <uapi/linux/ainka.h>

#ifdef __KERNEL__

#include <linux/module.h>
#include <linux/types.h>

/**
 * struct ainka_recommendation - what the policies would choose for a tunable
 * @value: the value
 * @present: the value it has
 * @policy_version: version of the policy that chooses it
 * @mode: enum ainka_mode of that policy; AINKA_MODE_ENFORCE: it does so by itself
 * @policy: its name, NUL-terminated
 * @when: the condition that holds, NUL-terminated
 */
struct ainka_recommendation {
	s64 value;
	s64 present;
	u32 policy_version;
	u32 mode;
	char policy[AINKA_NAME_LEN];
	char when[AINKA_EXPR_LEN];
};

/**
 * struct ainka_anomaly - how unusual a signal is
 * @value: its value
 * @score: thousandths of its mean absolute deviation, negative below the mean
 * @mean: its mean; of a score that was pushed 0
 * @deviation: its mean absolute deviation; of a score that was pushed 0
 * @pushed: the daemon has judged, not the module
 */
struct ainka_anomaly {
	s64 value;
	s64 score;
	s64 mean;
	s64 deviation;
	bool pushed;
};

/**
 * struct ainka_prediction - what a signal is expected to become
 * @value: the value, in the unit of the signal
 * @age_ns: when that was said
 * @horizon_ms: for how long after that; 0 if that was not said
 */
struct ainka_prediction {
	s64 value;
	u64 age_ns;
	u32 horizon_ms;
};

/**
 * ainka_register_event() - let policies name a signal that this module reports
 * @name: such as mydriver.queue_count: lower-case words joined by dots, its unit last
 *	(_us, _ms, _hz, _permille, _bytes, _count), at most 63 characters; copied
 * @max_age_ms: time after which a value says nothing any more, 1 to 3600000
 *
 * The name stays known until ainka.ko is unloaded, so that policies may go on to
 * name it while the reporter is not there; the signal is stale then. A module that
 * goes without ainka_unregister_event() is taken to have called it.
 *
 * Context: process context, may sleep.
 *
 * Return: the number of the event, not negative; -EINVAL for a name that cannot be,
 * -ERANGE for @max_age_ms, -EEXIST for a signal of ainka.ko's own, -EBUSY while
 * another module reports it, -ENOSPC when there are too many. The reason is in the
 * kernel log.
 */
#define ainka_register_event(name, max_age_ms) \
	__ainka_register_event(THIS_MODULE, name, max_age_ms)

/**
 * ainka_unregister_event() - report a signal no more: it is stale at once
 * @event: from ainka_register_event(); another number does nothing
 *
 * Nobody may be in ainka_report_event() for this event any more.
 *
 * Context: process context, may sleep.
 */
#define ainka_unregister_event(event) __ainka_unregister_event(THIS_MODULE, event)

int __ainka_register_event(struct module *owner, const char *name, unsigned int max_age_ms);
void __ainka_unregister_event(struct module *owner, int event);
int ainka_report_event(int event, s64 value);

int ainka_get_recommendation(const char *tunable, pid_t pid,
			     struct ainka_recommendation *recommendation);
int ainka_detect_anomaly(const char *signal, struct ainka_anomaly *anomaly);
int ainka_request_prediction(const char *signal, struct ainka_prediction *prediction);

#endif
#endif
