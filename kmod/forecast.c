// SPDX-License-Identifier: GPL-2.0
/*
 * Forecasts of signals: external signals whose name says of what, and how far
 * ahead. Who asks for one that is not there has the daemon told of it.
 */
#include <linux/ainka.h>
#include <linux/bitmap.h>
#include <linux/ctype.h>
#include <linux/irq_work.h>
#include <linux/kstrtox.h>
#include <linux/ktime.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "ainka_core.h"
#include "external.h"
#include "forecast.h"
#include "netlink.h"
#include "signals.h"

#define PREFIX "forecast"

/* How often listeners are told that a forecast of one signal is wanted. */
#define ASK_NS NSEC_PER_SEC

/* Signals of which one is wanted and nobody has been told yet, and when that was last. */
static DECLARE_BITMAP(wanted, AINKA_BANK_MAX);
static u64 asked_ns[AINKA_BANK_MAX];

static void tell(struct work_struct *work);
static DECLARE_WORK(tell_work, tell);

static void tell(struct work_struct *work)
{
	u32 index;

	for_each_set_bit(index, wanted, AINKA_BANK_MAX)
		if (test_and_clear_bit(index, wanted))
			ainka_netlink_forecast(ainka_signal_by_id(index)->name);
}

/* Whoever asks may be where nobody can be woken. */
static void on_irq_work(struct irq_work *work)
{
	schedule_work(&tell_work);
}

static struct irq_work ask_work = IRQ_WORK_INIT(on_irq_work);

static void ask(u16 index, u64 now_ns)
{
	u64 last_ns = READ_ONCE(asked_ns[index]);

	if ((last_ns && now_ns - last_ns < ASK_NS) ||
	    cmpxchg64(&asked_ns[index], last_ns, now_ns) != last_ns)
		return;
	set_bit(index, wanted);
	irq_work_queue(&ask_work);
}

/**
 * ainka_forecast_exit() - nobody asks any more
 */
void ainka_forecast_exit(void)
{
	irq_work_sync(&ask_work);
	cancel_work_sync(&tell_work);
}

/* _30s, _500ms or _2min behind the prefix; *rest is what follows. */
static bool parse_horizon(const char *text, u32 *ms, const char **rest)
{
	static const struct {
		const char *name;
		u32 ms;
	} units[] = { { "ms.", 1 }, { "s.", 1000 }, { "min.", 60000 }, { "h.", 3600000 } };
	size_t digits = strspn(text + 1, "0123456789");
	char number[8];
	u32 i, n;

	if (text[0] != '_' || !digits || digits >= sizeof(number))
		return false;
	memcpy(number, text + 1, digits);
	number[digits] = '\0';
	if (kstrtou32(number, 10, &n))
		return false;
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		*rest = text + 1 + digits + strlen(units[i].name);
		if (!strncmp(text + 1 + digits, units[i].name, strlen(units[i].name)))
			return !check_mul_overflow(n, units[i].ms, ms);
	}
	return false;
}

/* Does this name say that it is a forecast of a signal? */
static bool forecasts(const char *name, const char *signal, u32 *horizon_ms)
{
	const char *rest;

	if (strncmp(name, PREFIX, strlen(PREFIX)))
		return false;
	name += strlen(PREFIX);
	*horizon_ms = 0;
	if (*name == '.')
		rest = name + 1;
	else if (!parse_horizon(name, horizon_ms, &rest))
		return false;
	return !strcmp(rest, signal);
}

/**
 * ainka_forecast() - what is a signal expected to become?
 * @signal: name of a signal of the system
 * @prediction: gets the freshest answer
 *
 * Context: any but NMI.
 *
 * Return: 0, -ENOENT or -ENODATA.
 */
int ainka_forecast(const char *signal, struct ainka_prediction *prediction)
{
	const struct ainka_signal_def *def = ainka_signal_by_name(signal, strlen(signal));
	u64 now_ns = ktime_get_mono_fast_ns(), age_ns;
	u32 n = ainka_external_count(), i, horizon_ms;
	bool found = false;
	s64 value;

	memset(prediction, 0, sizeof(*prediction));
	if (!def || AINKA_SIG_BANK(def->id) != AINKA_SUBJECT_SYSTEM)
		return -ENOENT;
	for (i = 0; i < n; i++) {
		u16 id = AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST + i);

		if (!forecasts(ainka_signal_by_id(id)->name, signal, &horizon_ms) ||
		    !ainka_signal_get(id, now_ns, &value, &age_ns) ||
		    (found && age_ns >= prediction->age_ns))
			continue;
		found = true;
		prediction->value = value;
		prediction->age_ns = age_ns;
		prediction->horizon_ms = horizon_ms;
	}
	if (found)
		return 0;
	ask(AINKA_SIG_INDEX(def->id), now_ns);
	return -ENODATA;
}
