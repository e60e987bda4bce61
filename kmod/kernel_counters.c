// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel counts by itself, on each CPU, and modules may read: there is
 * no need of a program that counts it again.
 */
#include <linux/cpumask.h>
#include <linux/kernel_stat.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/tick.h>
#include <linux/vmstat.h>
#include <net/ip.h>
#include <net/net_namespace.h>

#include "counted.h"
#include "ainka_core.h"
#include "kernel_counters.h"

#ifdef CONFIG_VM_EVENT_COUNTERS
static u64 vm_events(int cpu, enum vm_event_item item)
{
	return READ_ONCE(per_cpu(vm_event_states, cpu).event[item]);
}

static u64 add_vm_events(int cpu, u64 *counter)
{
	u64 major = vm_events(cpu, PGMAJFAULT), all = vm_events(cpu, PGFAULT);

	/* by CPU this may be less than nothing: both are counted, but not at once */
	counter[AINKA_COUNTER_KERNEL_VM_MINOR_FAULTS] += all - major;
	counter[AINKA_COUNTER_KERNEL_VM_MAJOR_FAULTS] += major;
	counter[AINKA_COUNTER_KERNEL_VM_OOM_KILLS] += vm_events(cpu, OOM_KILL);
#ifdef CONFIG_SWAP
	counter[AINKA_COUNTER_KERNEL_VM_SWAP_INS] += vm_events(cpu, PSWPIN);
	counter[AINKA_COUNTER_KERNEL_VM_SWAP_OUTS] += vm_events(cpu, PSWPOUT);
#endif
	return BIT_ULL(AINKA_COUNTER_KERNEL_VM_MINOR_FAULTS) |
	       BIT_ULL(AINKA_COUNTER_KERNEL_VM_MAJOR_FAULTS) |
	       BIT_ULL(AINKA_COUNTER_KERNEL_VM_OOM_KILLS) |
	       (IS_ENABLED(CONFIG_SWAP) ? BIT_ULL(AINKA_COUNTER_KERNEL_VM_SWAP_INS) |
					  BIT_ULL(AINKA_COUNTER_KERNEL_VM_SWAP_OUTS) : 0);
}
#else
static u64 add_vm_events(int cpu, u64 *counter)
{
	return 0;
}
#endif

static u64 add_softnet(int cpu, u64 *counter)
{
	counter[AINKA_COUNTER_KERNEL_NET_TIME_SQUEEZES] +=
		READ_ONCE(per_cpu(softnet_data, cpu).time_squeeze);
	return BIT_ULL(AINKA_COUNTER_KERNEL_NET_TIME_SQUEEZES);
}

/* What waits for I/O is not in cpustat where idle CPUs do without a tick; as /proc/stat does. */
static u64 iowait_ns(int cpu, const struct kernel_cpustat *stat)
{
	u64 us = cpu_online(cpu) ? get_cpu_iowait_time_us(cpu, NULL) : -1ULL;

	return us == -1ULL ? stat->cpustat[CPUTIME_IOWAIT] : us * NSEC_PER_USEC;
}

static u64 add_cpustat(int cpu, u64 *counter)
{
	struct kernel_cpustat stat;

	kcpustat_cpu_fetch(&stat, cpu);
	counter[AINKA_COUNTER_KERNEL_CPU_USER_NS] +=
		stat.cpustat[CPUTIME_USER] + stat.cpustat[CPUTIME_NICE];
	counter[AINKA_COUNTER_KERNEL_CPU_SYSTEM_NS] += stat.cpustat[CPUTIME_SYSTEM];
	counter[AINKA_COUNTER_KERNEL_CPU_IOWAIT_NS] += iowait_ns(cpu, &stat);
	return BIT_ULL(AINKA_COUNTER_KERNEL_CPU_USER_NS) |
	       BIT_ULL(AINKA_COUNTER_KERNEL_CPU_SYSTEM_NS) |
	       BIT_ULL(AINKA_COUNTER_KERNEL_CPU_IOWAIT_NS);
}

#ifdef CONFIG_INET
static u64 add_tcp(int cpu, u64 *counter)
{
	counter[AINKA_COUNTER_KERNEL_NET_TCP_DELIVERED] +=
		snmp_get_cpu_field(init_net.mib.net_statistics, cpu, LINUX_MIB_TCPDELIVERED);
	return BIT_ULL(AINKA_COUNTER_KERNEL_NET_TCP_DELIVERED);
}
#else
static u64 add_tcp(int cpu, u64 *counter)
{
	return 0;
}
#endif

/**
 * ainka_kernel_counters() - add up what the CPUs have counted
 * @counter: by enum ainka_counter; those of the kernel are added to
 *
 * Of a CPU that goes offline the kernel hands what it counted to another one.
 *
 * Return: a bit for each counter there is.
 */
u64 ainka_kernel_counters(u64 *counter)
{
	u64 there = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		there |= add_vm_events(cpu, counter) | add_softnet(cpu, counter) |
			 add_cpustat(cpu, counter) | add_tcp(cpu, counter);
	return there;
}
