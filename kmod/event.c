// SPDX-License-Identifier: GPL-2.0
/*
 * Events on their way to the fast worker. Whoever posts one may be in an
 * interrupt, or hold the lock of a run queue, where nobody can be woken: so it
 * is put into the queue of its CPU, and an interrupt of our own wakes the
 * worker a moment later.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/hardirq.h>
#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/timekeeping.h>

#include "ainka_core.h"
#include "event.h"
#include "external.h"
#include "react.h"

#define QUEUE_LEN	128	/* a power of two */

/* Events a second of one signal, and of one source; and how many at once. */
#define SIGNAL_PERIOD_NS	(NSEC_PER_SEC / 1000)
#define SIGNAL_BURST_NS		(64 * SIGNAL_PERIOD_NS)
#define SOURCE_PERIOD_NS	(NSEC_PER_SEC / 4000)
#define SOURCE_BURST_NS		(256 * SOURCE_PERIOD_NS)

/* Buckets of signals: those of the list, then the external ones. */
#define N_BUCKETS	(AINKA_N_SIGNALS + AINKA_N_EXTERNAL)

/**
 * struct queue - events posted on one CPU
 * @head: events ever put in; written with interrupts off
 * @tail: events ever taken out; written by the fast worker
 * @posting: somebody is at it on this CPU
 * @work: wakes the worker
 * @counts: what became of the events
 * @event: the last ones
 */
struct queue {
	u32 head;
	u32 tail;
	bool posting;
	struct irq_work work;
	struct ainka_event_counts counts;
	struct ainka_posted event[QUEUE_LEN];
};

static struct queue __percpu *queues;

/* When the next event would be in time, see within_rate(). */
static atomic64_t signal_due[AINKA_N_SOURCES][N_BUCKETS];
static atomic64_t source_due[AINKA_N_SOURCES];

static void on_work(struct irq_work *work)
{
	ainka_react();
}

/**
 * ainka_events_init() - open the queues
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_events_init(void)
{
	struct queue __percpu *new = alloc_percpu(struct queue);
	int cpu;

	if (!new)
		return -ENOMEM;
	for_each_possible_cpu(cpu)
		init_irq_work(&per_cpu_ptr(new, cpu)->work, on_work);
	queues = new;
	return 0;
}

/**
 * ainka_events_exit() - close them; nobody posts any more, the engine still runs
 */
void ainka_events_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu_ptr(queues, cpu)->work);
}

/**
 * ainka_events_free() - free the queues, when the engine has stopped
 */
void ainka_events_free(void)
{
	free_percpu(queues);
}

/*
 * A token bucket without a lock, as a clock (the "virtual scheduling" form of
 * the generic cell rate algorithm, ITU-T I.371): @due is when the next event
 * would come if they came evenly; one that is early by more than the burst is
 * too much.
 */
static bool within_rate(atomic64_t *due, u64 now_ns, u64 period_ns, u64 burst_ns)
{
	s64 then = atomic64_read(due);
	int attempt;

	for (attempt = 0; attempt < 4; attempt++) {
		if (then > (s64)(now_ns + burst_ns))
			return false;
		if (atomic64_try_cmpxchg(due, &then, max_t(s64, then, now_ns) + period_ns))
			return true;
	}
	/* so many others at once are too much, too */
	return false;
}

static u32 bucket(const struct ainka_signal_def *def)
{
	u32 index = AINKA_SIG_INDEX(def->id);

	if (!AINKA_SIG_BANK(def->id) && index >= AINKA_EXTERNAL_FIRST)
		return AINKA_N_SIGNALS + index - AINKA_EXTERNAL_FIRST;
	return def - ainka_signals;
}

/* May this source post this signal about this subject? */
static bool may_post(enum ainka_source source, const struct ainka_signal_def *def, u32 pid)
{
	if (!def || !pid != !AINKA_SIG_BANK(def->id) ||
	    AINKA_SIG_BANK(def->id) > AINKA_SUBJECT_TASK)
		return false;
	return source != AINKA_FROM_BPF || (def->event && !ainka_external_turn(def->id));
}

static int put(struct queue *queue, enum ainka_source source, const struct ainka_posted *event)
{
	const struct ainka_signal_def *def = ainka_signal_by_id(event->signal);
	u32 head = queue->head;

	if (!may_post(source, def, event->pid)) {
		this_cpu_inc(queues->counts.refused);
		return -EINVAL;
	}
	if (!within_rate(&signal_due[source][bucket(def)], event->time_ns,
			 SIGNAL_PERIOD_NS, SIGNAL_BURST_NS) ||
	    !within_rate(&source_due[source], event->time_ns, SOURCE_PERIOD_NS,
			 SOURCE_BURST_NS)) {
		queue->counts.limited++;
		return -EAGAIN;
	}
	/* pairs with the release in take(): the place is free */
	if (head - smp_load_acquire(&queue->tail) == QUEUE_LEN) {
		queue->counts.no_room++;
		return -ENOSPC;
	}
	queue->event[head % QUEUE_LEN] = *event;
	queue->counts.taken[source]++;
	/* pairs with the acquire in take() */
	smp_store_release(&queue->head, head + 1);
	irq_work_queue(&queue->work);
	return 0;
}

/**
 * ainka_event_post() - say that a signal has a value now
 * @source: who says so
 * @signal: id of the signal
 * @pid: the task it is about, 0 for a signal of the system
 * @start_ns: start time of the task, or 0
 * @value: the value
 *
 * Context: any; from NMI it is refused.
 *
 * Return: 0; -EBUSY from NMI or from within another post on this CPU, -EINVAL
 * for a signal that this source may not post, -EAGAIN above the rate, -ENOSPC
 * when the queue is full.
 */
int ainka_event_post(enum ainka_source source, u16 signal, u32 pid, u64 start_ns, s64 value)
{
	struct ainka_posted event = {
		/* unlike ktime_get_ns(), safe wherever a BPF program can be attached */
		.time_ns = ktime_get_mono_fast_ns(),
		.value = value,
		.start_ns = start_ns,
		.pid = pid,
		.signal = signal,
	};
	unsigned long flags;
	struct queue *queue;
	int err = -EBUSY;

	if (in_nmi()) {
		this_cpu_inc(queues->counts.refused);
		return -EBUSY;
	}
	local_irq_save(flags);
	queue = this_cpu_ptr(queues);
	/* a BPF program may hang on something that is called below */
	if (!queue->posting) {
		queue->posting = true;
		barrier(); /* such a program runs on this CPU */
		err = put(queue, source, &event);
		barrier();
		queue->posting = false;
	} else {
		this_cpu_inc(queues->counts.refused);
	}
	local_irq_restore(flags);
	return err;
}

static bool take(struct queue *queue, struct ainka_posted *event)
{
	u32 tail = queue->tail;

	/* pairs with the release in put() */
	if (tail == smp_load_acquire(&queue->head))
		return false;
	*event = queue->event[tail % QUEUE_LEN];
	/* pairs with the acquire in put() */
	smp_store_release(&queue->tail, tail + 1);
	return true;
}

/**
 * ainka_event_next() - take an event out of the queues
 * @event: gets it
 *
 * Events of one CPU come in their order, one CPU after the other.
 *
 * Context: the fast worker.
 *
 * Return: false if there is none.
 */
bool ainka_event_next(struct ainka_posted *event)
{
	static int cpu = -1;
	unsigned int n;

	for (n = 0; n < num_possible_cpus(); n++) {
		cpu = cpumask_next(cpu, cpu_possible_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_possible_mask);
		if (take(per_cpu_ptr(queues, cpu), event))
			return true;
	}
	return false;
}

/**
 * ainka_event_counts() - read the counters
 * @counts: gets their sums over the CPUs
 */
void ainka_event_counts(struct ainka_event_counts *counts)
{
	int cpu, i;

	memset(counts, 0, sizeof(*counts));
	for_each_possible_cpu(cpu) {
		const struct ainka_event_counts *one = &per_cpu_ptr(queues, cpu)->counts;

		for (i = 0; i < AINKA_N_SOURCES; i++)
			counts->taken[i] += READ_ONCE(one->taken[i]);
		counts->limited += READ_ONCE(one->limited);
		counts->no_room += READ_ONCE(one->no_room);
		counts->refused += READ_ONCE(one->refused);
	}
}

/**
 * ainka_events_bytes() - memory of the queues
 *
 * Return: bytes.
 */
u64 ainka_events_bytes(void)
{
	return (u64)num_possible_cpus() * sizeof(struct queue) + sizeof(signal_due);
}
