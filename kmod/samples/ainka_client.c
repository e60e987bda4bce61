// SPDX-License-Identifier: GPL-2.0
/*
 * A module that uses what AINKA exports: it registers an event, reports its
 * parameter "value" from a timer, and says once a second what AINKA recommends,
 * how unusual its signal is and what it is expected to become.
 *
 *	insmod ainka_client.ko value=5 period_ms=100
 *	ainkactl policy add sample --when 'sample.queue_count > 100' \
 *		--set sysctl.vm.swappiness=10
 *	echo 500 > /sys/module/ainka_client/parameters/value
 *	dmesg | tail
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ainka.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

static char *signal = "sample.queue_count";
module_param(signal, charp, 0444);
MODULE_PARM_DESC(signal, "name of the signal it reports");

static char *tunable = "sysctl.vm.swappiness";
module_param(tunable, charp, 0444);
MODULE_PARM_DESC(tunable, "what it asks a recommendation for");

static long value;
module_param(value, long, 0644);
MODULE_PARM_DESC(value, "what it reports");

static unsigned int period_ms = 100;
module_param(period_ms, uint, 0444);
MODULE_PARM_DESC(period_ms, "how often it reports");

static int event;
static struct hrtimer timer;
static ktime_t period;

/* In an interrupt: ainka_report_event() may be called there. */
static enum hrtimer_restart on_timer(struct hrtimer *t)
{
	ainka_report_event(event, READ_ONCE(value));
	hrtimer_forward_now(t, period);
	return HRTIMER_RESTART;
}

static void ask(struct work_struct *work);
static DECLARE_DELAYED_WORK(ask_work, ask);

static void ask(struct work_struct *work)
{
	struct ainka_recommendation *rec = kzalloc(sizeof(*rec), GFP_KERNEL);
	struct ainka_prediction prediction;
	struct ainka_anomaly anomaly;
	int err;

	if (!rec)
		return;
	err = ainka_get_recommendation(tunable, 0, rec);
	if (err)
		pr_info("no recommendation for %s: %d\n", tunable, err);
	else
		pr_info("recommendation for %s: %lld (now %lld) by policy %s version %u: %s\n",
			tunable, rec->value, rec->present, rec->policy, rec->policy_version,
			rec->when);
	kfree(rec);
	err = ainka_detect_anomaly(signal, &anomaly);
	if (err)
		pr_info("no score of %s: %d\n", signal, err);
	else
		pr_info("score of %s: %lld (value %lld, mean %lld, deviation %lld, %s)\n", signal,
			anomaly.score, anomaly.value, anomaly.mean, anomaly.deviation,
			anomaly.pushed ? "pushed" : "measured");
	err = ainka_request_prediction(signal, &prediction);
	if (err)
		pr_info("no prediction of %s: %d\n", signal, err);
	else
		pr_info("prediction of %s: %lld in %u ms\n", signal, prediction.value,
			prediction.horizon_ms);
	schedule_delayed_work(&ask_work, msecs_to_jiffies(1000));
}

static int __init client_init(void)
{
	if (!period_ms)
		return -EINVAL;
	event = ainka_register_event(signal, 2000);
	if (event < 0)
		return event;
	period = ms_to_ktime(period_ms);
#ifdef AINKA_HAVE_HRTIMER_SETUP
	hrtimer_setup(&timer, on_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer.function = on_timer;
#endif
	hrtimer_start(&timer, period, HRTIMER_MODE_REL);
	schedule_delayed_work(&ask_work, 0);
	return 0;
}

static void __exit client_exit(void)
{
	/* first stop reporting, then give the event back */
	hrtimer_cancel(&timer);
	cancel_delayed_work_sync(&ask_work);
	ainka_unregister_event(event);
}

module_init(client_init);
module_exit(client_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The AINKA authors");
MODULE_DESCRIPTION("Sample user of the functions that ainka.ko exports");
