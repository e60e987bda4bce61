// SPDX-License-Identifier: GPL-2.0
/* /proc/ainka: a page for people to read, and the documented commands to echo. */
#define pr_fmt(fmt) "ainka: " fmt

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "kfunc.h"
#include "params.h"
#include "proc.h"
#include "status.h"
#include "table.h"

/* The longest command: a policy with its condition. */
#define COMMAND_LEN 1024

static const char *const modes[] = { "observe", "advise", "enforce" };
static const char *const origins[] = { "admin", "learner", "experiment" };

static void show_policies(struct seq_file *m)
{
	const struct ainka_table *t;
	u32 i, j;

	mutex_lock(&ainka_table_lock);
	t = ainka_table();
	for (i = 0; i < t->n; i++) {
		const struct ainka_policy *p = t->policy[i];

		seq_printf(m, "policy %s: %s, %s, subject %s, on for %u, turned on %llu, applied %llu, refused %llu, parked %u\n",
			   p->name, modes[p->mode], origins[p->origin],
			   ainka_subject_names[p->subject], p->active, p->turned_on,
			   p->applied, p->refused, ainka_park_count(p));
		seq_printf(m, "\twhen %s\n", p->when_text);
		if (p->until)
			seq_printf(m, "\tuntil %s\n", p->until_text);
		for (j = 0; j < p->n_actions; j++)
			seq_printf(m, "\tset %s=%s\n", p->action[j].tun->name, p->action[j].text);
	}
	mutex_unlock(&ainka_table_lock);
}

static void show_events(struct seq_file *m, const struct ainka_status *s)
{
	const struct ainka_event_counts *e = &s->events;
	const char *no_kfunc = ainka_kfunc_absent();

	seq_printf(m, "events: %llu of probes, %llu of BPF programs, %llu of modules; dropped %llu above the rate, %llu without room, %llu refused, %llu of subjects gone\n",
		   e->taken[AINKA_FROM_PROBE], e->taken[AINKA_FROM_BPF],
		   e->taken[AINKA_FROM_MODULE], e->limited, e->no_room, e->refused,
		   s->react.lost);
	seq_printf(m, "events that changed something: %llu, median %llu ns, p99 %llu ns\n",
		   s->react.changed, s->react.p50_ns, s->react.p99_ns);
	if (no_kfunc)
		seq_printf(m, "functions for BPF programs: none, %s\n", no_kfunc);
	else
		seq_puts(m, "functions for BPF programs: bpf_ainka_event\n");
}

static int proc_show(struct seq_file *m, void *v)
{
	struct ainka_status *s = kmalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	ainka_status_get(s);
	seq_printf(m, "AINKA %s, loaded for %llu s\n", AINKA_VERSION,
		   div_u64(s->uptime_ns, NSEC_PER_SEC));
	seq_printf(m, "state: %s for %llu s (%s)\n", ainka_state_names[s->state.state],
		   div_u64(ktime_get_ns() - s->state.since_ns, NSEC_PER_SEC), s->state.why);
	seq_printf(m, "enforce: %s\n", READ_ONCE(ainka_enforce) ? "yes" : "no");
	seq_printf(m, "learning: %s\n", READ_ONCE(ainka_learning_mode) ? "yes" : "no");
	if (s->lease_ms)
		seq_printf(m, "daemon: lease for %u ms\n", s->lease_ms);
	else
		seq_puts(m, "daemon: none\n");
	seq_printf(m, "policies: %u of %u\n", s->policies, ainka_max_policies);
	seq_printf(m, "decisions: %llu (applied %llu, restored %llu, refused %llu)\n",
		   s->decisions.total, s->decisions.applied, s->decisions.restored,
		   s->decisions.refused);
	seq_printf(m, "away from baseline: %u, the admin's: %u, parked: %u\n", s->held, s->yielded,
		   s->parked);
	seq_printf(m, "evaluations: %llu, min %llu ns, median %llu ns, p99 %llu ns\n",
		   s->engine.rounds, s->engine.min_ns, s->engine.p50_ns, s->engine.p99_ns);
	show_events(m, s);
	seq_printf(m, "lost: %llu ring records, %llu events, %llu children\n", s->ring_drops,
		   s->event_drops, s->lost_children);
	seq_printf(m, "memory: %llu bytes beside the ring\n", s->memory_bytes);
	kfree(s);
	show_policies(m);
	return 0;
}

static int proc_open(struct inode *inode, struct file *file)
{
	return single_open(file, proc_show, NULL);
}

static ssize_t proc_write(struct file *file, const char __user *user, size_t size, loff_t *pos)
{
	char *line;
	int err;

	/* who opened it counts, not whom the open file was passed to */
	if (!file_ns_capable(file, &init_user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (!size || size >= COMMAND_LEN) {
		pr_err("/proc/ainka: a command has 1 to %d characters\n", COMMAND_LEN - 1);
		return size ? -E2BIG : -EINVAL;
	}
	line = memdup_user_nul(user, size);
	if (IS_ERR(line))
		return PTR_ERR(line);
	if (strlen(line) != size)
		err = -EINVAL;
	else
		err = ainka_proc_command(strim(line));
	kfree(line);
	return err ? err : size;
}

static const struct proc_ops proc_ops = {
	.proc_open = proc_open,
	.proc_read = seq_read,
	.proc_write = proc_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

/**
 * ainka_proc_init() - make /proc/ainka
 *
 * Return: 0 or -ENOMEM.
 */
int ainka_proc_init(void)
{
	return proc_create("ainka", 0644, NULL, &proc_ops) ? 0 : -ENOMEM;
}

/**
 * ainka_proc_exit() - remove it; readers and writers under way have ended on return
 */
void ainka_proc_exit(void)
{
	remove_proc_entry("ainka", NULL);
}
