// SPDX-License-Identifier: GPL-2.0
/*
 * Time in interrupts. A hard one is not interrupted by another, a soft one by hard
 * ones only, whose time is not its own.
 */
#include "core_types.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "counters.h"

char LICENSE[] SEC("license") = "GPL";

/* struct irq_cpu - the interrupts one CPU is in, or 0 */
struct irq_cpu {
	u64 hard_since;
	u64 soft_since;
	u64 hard_ns;		/* of all hard ones so far */
	u64 hard_before;	/* of those before the soft one began */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct irq_cpu);
} irq_cpus SEC(".maps");

static __always_inline struct irq_cpu *this_cpu(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&irq_cpus, &zero);
}

static __always_inline int hard_begins(void)
{
	struct irq_cpu *cpu = this_cpu();

	if (cpu)
		cpu->hard_since = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int hard_ends(void)
{
	struct irq_cpu *cpu = this_cpu();
	u64 ns;

	if (!cpu || !cpu->hard_since)
		return 0;
	ns = bpf_ktime_get_ns() - cpu->hard_since;
	cpu->hard_since = 0;
	cpu->hard_ns += ns;
	count_time_alone(AINKA_TIMES_IRQ_HARD, ns);
	return 0;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(handler_begin)
{
	return hard_begins();
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(handler_end)
{
	return hard_ends();
}

/* On x86 the timer of a CPU interrupts by a vector of its own. */
SEC("tp_btf/local_timer_entry")
int BPF_PROG(timer_begin)
{
	return hard_begins();
}

SEC("tp_btf/local_timer_exit")
int BPF_PROG(timer_end)
{
	return hard_ends();
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(soft_begin)
{
	struct irq_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->soft_since = bpf_ktime_get_ns();
	cpu->hard_before = cpu->hard_ns;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(soft_end, unsigned int vector)
{
	struct irq_cpu *cpu = this_cpu();
	u64 ns;

	if (!cpu || !cpu->soft_since)
		return 0;
	ns = bpf_ktime_get_ns() - cpu->soft_since - (cpu->hard_ns - cpu->hard_before);
	cpu->soft_since = 0;
	count_time_alone(AINKA_TIMES_IRQ_SOFT, ns);
	if (vector == NET_RX_SOFTIRQ)
		count_alone(AINKA_COUNTER_IRQ_NET_RX_NS, ns);
	else if (vector == BLOCK_SOFTIRQ)
		count_alone(AINKA_COUNTER_IRQ_BLOCK_NS, ns);
	return 0;
}
