// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes on purpose: insmod ainka_faulty.ko fault=NAME commits one and fails to
 * load. The test of the debug kernel expects that each is reported.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/timer.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "which mistake to make");

/* Mistakes that the compiler must not see through. */
static volatile unsigned int thirty_two = 32, sixty_four = 64;
static volatile unsigned int sink;

static void leak(void)
{
	char *lost = kmalloc(200, GFP_KERNEL);

	if (lost)
		strscpy(lost, "nobody knows where this is", 200);
}

static void out_of_bounds(void)
{
	char *p = kmalloc(thirty_two, GFP_KERNEL);

	if (!p)
		return;
	p[thirty_two] = 1;
	kfree(p);
}

static void use_after_free(void)
{
	char *p = kmalloc(thirty_two, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	sink = ((volatile char *)p)[3];
}

static void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);	/* protects nothing: it is only held */

	spin_lock(&lock);
	might_sleep();	/* that it may is the mistake; to do it would leave no kernel to go on with */
	spin_unlock(&lock);
}

static void inverted_locks(void)
{
	static DEFINE_MUTEX(a);		/* protect nothing: the order is what matters */
	static DEFINE_MUTEX(b);

	mutex_lock(&a);
	mutex_lock(&b);
	mutex_unlock(&b);
	mutex_unlock(&a);

	mutex_lock(&b);
	mutex_lock(&a);
	mutex_unlock(&a);
	mutex_unlock(&b);
}

static void rcu_without_lock(void)
{
	static int value = 1;
	static int __rcu *pointer;

	rcu_assign_pointer(pointer, &value);
	sink = *rcu_dereference(pointer);
}

static void shift_too_far(void)
{
	sink = 1U << sixty_four;
}

static void ring(struct timer_list *timer)
{
}

static void free_armed_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, ring, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void preemptible_cpu(void)
{
	sink = smp_processor_id();
}

static void nothing(struct rcu_head *head)
{
}

static void stall(void)
{
	static struct rcu_head head;

	/* somebody has to wait for this CPU */
	call_rcu(&head, nothing);
	preempt_disable();
	mdelay(9000);
	preempt_enable();
	rcu_barrier();
}

static const struct {
	const char *name;
	void (*commit)(void);
} faults[] = {
	{ "leak", leak },
	{ "out_of_bounds", out_of_bounds },
	{ "use_after_free", use_after_free },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "inverted_locks", inverted_locks },
	{ "rcu_without_lock", rcu_without_lock },
	{ "shift_too_far", shift_too_far },
	{ "free_armed_timer", free_armed_timer },
	{ "preemptible_cpu", preemptible_cpu },
	{ "stall", stall },
};

static int __init faulty_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(faults[i].name, fault))
			continue;
		faults[i].commit();
		return -ECANCELED;
	}
	return -EINVAL;
}

module_init(faulty_init);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The AINKA authors");
MODULE_DESCRIPTION("Commits mistakes that the debug kernel has to report");
