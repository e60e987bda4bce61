/* SPDX-License-Identifier: GPL-2.0 */
/* Shims over what differs between supported kernels; the probes are in Kbuild. */
#ifndef AINKA_COMPAT_H
#define AINKA_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nsproxy.h>

#ifdef AINKA_HAVE_QUOTED_NS
#define AINKA_IMPORT_NS(ns) MODULE_IMPORT_NS(#ns)
#else
#define AINKA_IMPORT_NS(ns) MODULE_IMPORT_NS(ns)
#endif

static inline void ainka_vma_clear_maywrite(struct vm_area_struct *vma)
{
#ifdef AINKA_HAVE_VM_FLAGS_CLEAR
	vm_flags_clear(vma, VM_MAYWRITE);
#else
	vma->vm_flags &= ~VM_MAYWRITE;
#endif
}

static inline void ainka_hrtimer_setup(struct hrtimer *timer,
				       enum hrtimer_restart (*fn)(struct hrtimer *))
{
#ifdef AINKA_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = fn;
#endif
}

static inline struct kthread_worker *ainka_kthread_worker(const char *name)
{
#ifdef AINKA_HAVE_KTHREAD_RUN_WORKER
	return kthread_run_worker(0, "%s", name);
#else
	return kthread_create_worker(0, "%s", name);
#endif
}

static inline void ainka_nsproxy_set_count(struct nsproxy *proxy, int n)
{
#ifdef AINKA_HAVE_NSPROXY_REFCOUNT
	refcount_set(&proxy->count, n);
#else
	atomic_set(&proxy->count, n);
#endif
}

static inline int ainka_nsproxy_count(const struct nsproxy *proxy)
{
#ifdef AINKA_HAVE_NSPROXY_REFCOUNT
	return refcount_read(&proxy->count);
#else
	return atomic_read(&proxy->count);
#endif
}

#endif
