// SPDX-License-Identifier: GPL-2.0
/* What is usual of each signal of the system, and how unusual its value is. */
#include <linux/ainka.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "ainka_core.h"
#include "anomaly.h"
#include "external.h"
#include "signals.h"

/* Protects norms; taken in any context. */
static DEFINE_RAW_SPINLOCK(norms_lock);

/**
 * struct usual - what is usual of a signal
 * @norm: mean and deviation
 * @time_ns: when the value that was taken in last was set
 * @score: what that value scored before it was
 * @known: @score means something
 */
struct usual {
	struct ainka_norm norm;
	u64 time_ns;
	s64 score;
	bool known;
};

static struct usual norms[AINKA_BANK_MAX];

static void sample(u16 index, u64 now_ns)
{
	u64 age_ns, time_ns;
	unsigned long flags;
	s64 value;

	if (!ainka_signal_get(AINKA_SIG(AINKA_SUBJECT_SYSTEM, index), now_ns, &value, &age_ns))
		return;
	time_ns = now_ns - age_ns;
	raw_spin_lock_irqsave(&norms_lock, flags);
	if (time_ns != norms[index].time_ns) {
		norms[index].known = ainka_norm_score(&norms[index].norm, value,
						      &norms[index].score);
		norms[index].time_ns = time_ns;
		ainka_norm_feed(&norms[index].norm, value);
	}
	raw_spin_unlock_irqrestore(&norms_lock, flags);
}

/**
 * ainka_anomaly_sample() - take in the signals that have a new value
 * @now_ns: the present
 *
 * Context: the fast worker, ten times a second.
 */
void ainka_anomaly_sample(u64 now_ns)
{
	u32 n = ainka_external_count();
	u16 i;

	for (i = 0; i < AINKA_N_SYSTEM_SIGNALS; i++)
		sample(i, now_ns);
	for (i = AINKA_EXTERNAL_FIRST; i < AINKA_EXTERNAL_FIRST + n; i++)
		sample(i, now_ns);
}

/* What the daemon says of a signal, while it is fresh. */
static bool pushed(const char *signal, u64 now_ns, s64 *score)
{
	const struct ainka_signal_def *def;
	char name[AINKA_SIGNAL_LEN];
	u64 age_ns;

	if (snprintf(name, sizeof(name), "anomaly.%s_permille", signal) >= sizeof(name))
		return false;
	def = ainka_signal_by_name(name, strlen(name));
	return def && ainka_signal_get(def->id, now_ns, score, &age_ns);
}

/**
 * ainka_anomaly() - how unusual is a signal now?
 * @signal: name of a signal of the system
 * @anomaly: gets the answer
 *
 * Context: any but NMI.
 *
 * Return: 0, -ENOENT or -ENODATA.
 */
int ainka_anomaly(const char *signal, struct ainka_anomaly *anomaly)
{
	const struct ainka_signal_def *def = ainka_signal_by_name(signal, strlen(signal));
	u64 now_ns = ktime_get_mono_fast_ns(), age_ns;
	unsigned long flags;
	bool known;
	u32 index;

	memset(anomaly, 0, sizeof(*anomaly));
	if (!def || AINKA_SIG_BANK(def->id) != AINKA_SUBJECT_SYSTEM)
		return -ENOENT;
	if (!ainka_signal_get(def->id, now_ns, &anomaly->value, &age_ns))
		return -ENODATA;
	if (pushed(signal, now_ns, &anomaly->score)) {
		anomaly->pushed = true;
		return 0;
	}
	index = AINKA_SIG_INDEX(def->id);
	raw_spin_lock_irqsave(&norms_lock, flags);
	/* a value that has been taken in is judged by what was usual before it */
	if (norms[index].time_ns == now_ns - age_ns) {
		known = norms[index].known;
		anomaly->score = norms[index].score;
	} else {
		known = ainka_norm_score(&norms[index].norm, anomaly->value, &anomaly->score);
	}
	anomaly->mean = ainka_norm_mean(&norms[index].norm);
	anomaly->deviation = ainka_norm_deviation(&norms[index].norm);
	raw_spin_unlock_irqrestore(&norms_lock, flags);
	return known ? 0 : -ENODATA;
}

/**
 * ainka_anomaly_bytes() - memory of what is usual
 *
 * Return: bytes.
 */
u64 ainka_anomaly_bytes(void)
{
	return sizeof(norms);
}
