// SPDX-License-Identifier: GPL-2.0
/* What other kernel modules can call; <linux/ainka.h> is what they include. */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/ainka.h>
#include <linux/export.h>
#include <linux/printk.h>

#include "anomaly.h"
#include "event.h"
#include "external.h"
#include "forecast.h"
#include "recommend.h"

/*
 * The number of an event: the id of its signal, and how many have reported it
 * before, so that a number that was given back is known.
 */
#define EVENT(id, turn)	((turn) << 16 | (id))
#define EVENT_ID(event)	((event) & 0xffff)
#define EVENT_TURN(event)	((event) >> 16)

/**
 * __ainka_register_event() - see ainka_register_event()
 * @owner: who reports it
 * @name: name of the signal
 * @max_age_ms: age from which it is stale
 *
 * Return: the number of the event, or a negative errno.
 */
int __ainka_register_event(struct module *owner, const char *name, unsigned int max_age_ms)
{
	struct ainka_external_cfg cfg = {
		.name = name,
		.max_age_ns = (u64)max_age_ms * NSEC_PER_MSEC,
		.owner = owner,
	};
	struct ainka_err err = { };
	int id;

	if (!owner || !name)
		return -EINVAL;
	id = max_age_ms ? ainka_external_claim(&cfg, &err) : -ERANGE;
	if (id < 0) {
		pr_err("%s: event %s refused: %s\n", module_name(owner), name,
		       max_age_ms ? err.msg : "the maximum age is 1 ms to 1 hour");
		return id;
	}
	return EVENT(id, ainka_external_turn(id));
}
EXPORT_SYMBOL_GPL(__ainka_register_event);

/* The signal of an event, or -EINVAL for a number that is not, or no longer, one. */
static int event_signal(int event)
{
	u32 turn = ainka_external_turn(EVENT_ID(event));

	return turn && turn == EVENT_TURN(event) ? EVENT_ID(event) : -EINVAL;
}

/**
 * __ainka_unregister_event() - see ainka_unregister_event()
 * @owner: who reported it
 * @event: from ainka_register_event()
 */
void __ainka_unregister_event(struct module *owner, int event)
{
	int id = event_signal(event);

	if (id >= 0)
		ainka_external_release(owner, id);
}
EXPORT_SYMBOL_GPL(__ainka_unregister_event);

/**
 * ainka_report_event() - the signal has this value now
 * @event: from ainka_register_event()
 * @value: the value
 *
 * Policies that read it are evaluated at once, by a thread of ainka.ko; 1 000
 * reports a second of one signal are taken, 64 at once.
 *
 * Context: any; from NMI it is refused.
 *
 * Return: 0; -EINVAL for a number that is no event of a module, -EBUSY from NMI,
 * -EAGAIN above the rate, -ENOSPC when the queue is full.
 */
int ainka_report_event(int event, s64 value)
{
	int id = event_signal(event);

	return id < 0 ? id : ainka_event_post(AINKA_FROM_MODULE, id, 0, 0, value);
}
EXPORT_SYMBOL_GPL(ainka_report_event);

/**
 * ainka_get_recommendation() - what would the policies choose for a tunable now, and why?
 * @tunable: its name, as ainkactl tunables shows it
 * @pid: for a tunable of tasks the task, in the initial pid namespace, else 0
 * @recommendation: gets the answer
 *
 * Policies that only observe are not asked; those that advise are, whether or not
 * they may act in the present state.
 *
 * Context: process context, may sleep for as long as reading the tunable takes.
 *
 * Return: 0; -ENOENT for a tunable that is not known, -ENODEV for one that this
 * machine lacks, -EINVAL for a @pid that does not belong to it, -EOPNOTSUPP for one
 * of cgroups or devices, -ESRCH for a task that is not there, -ENODATA when no policy
 * that is on has a say, or what reading the tunable gives.
 */
int ainka_get_recommendation(const char *tunable, pid_t pid,
			     struct ainka_recommendation *recommendation)
{
	if (!tunable || !recommendation || pid < 0)
		return -EINVAL;
	return ainka_recommend(tunable, pid, recommendation);
}
EXPORT_SYMBOL_GPL(ainka_get_recommendation);

/**
 * ainka_detect_anomaly() - how unusual is a signal of the system now?
 * @signal: its name
 * @anomaly: gets the answer
 *
 * The score is the one that was pushed as anomaly.SIGNAL_permille while that is
 * fresh; else how far the value is from the mean, in thousandths of the mean
 * absolute deviation. Mean and deviation are kept of every signal of the system,
 * with one sample in 100 ms at most and a weight of 1/32 for the newest (see
 * kmod/core/anomaly.c for the formula and where it is from).
 *
 * Context: any but NMI.
 *
 * Return: 0; -ENOENT for a signal that is not known, -ENODATA while it is stale or
 * fewer than 32 values of it are known.
 */
int ainka_detect_anomaly(const char *signal, struct ainka_anomaly *anomaly)
{
	if (!signal || !anomaly)
		return -EINVAL;
	return ainka_anomaly(signal, anomaly);
}
EXPORT_SYMBOL_GPL(ainka_detect_anomaly);

/**
 * ainka_request_prediction() - what is a signal of the system expected to become?
 * @signal: its name
 * @prediction: gets the freshest answer
 *
 * Forecasts are signals that are pushed as forecast.SIGNAL, or with a horizon as
 * forecast_30s.SIGNAL. If there is none, those who listen to the netlink group
 * requests are told that one is wanted, once a second at most.
 *
 * Context: any but NMI.
 *
 * Return: 0; -ENOENT for a signal that is not known, -ENODATA when nobody has
 * pushed a forecast of it, or all of them are stale.
 */
int ainka_request_prediction(const char *signal, struct ainka_prediction *prediction)
{
	if (!signal || !prediction)
		return -EINVAL;
	return ainka_forecast(signal, prediction);
}
EXPORT_SYMBOL_GPL(ainka_request_prediction);
