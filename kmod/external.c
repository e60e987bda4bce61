// SPDX-License-Identifier: GPL-2.0
/*
 * External signals: names registered while the module runs, by other kernel
 * modules and through netlink, and the values they are given. A name is never
 * taken back while this module is loaded, because policies, decisions and
 * readers of the ring know it by its number; it only grows stale.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "external.h"
#include "signals.h"

#define AGE_DEFAULT_NS	(5 * NSEC_PER_SEC)
#define AGE_MIN_NS	(1 * NSEC_PER_MSEC)
#define AGE_MAX_NS	(3600ULL * NSEC_PER_SEC)

/**
 * struct external - one external signal
 * @def: what the core knows of it; its name and unit never change
 * @name: its name
 * @owner: the module that reports it, NULL if none does now
 * @leased: what it has comes from the holder of the lease
 */
struct external {
	struct ainka_signal_def def;
	char name[AINKA_SIGNAL_LEN];
	struct module *owner;
	bool leased;
};

/* protects adding signals, and whose they are */
static DEFINE_MUTEX(external_lock);
static struct external externals[AINKA_N_EXTERNAL];
static const struct ainka_signal_def *table[AINKA_N_EXTERNAL];
static u32 n_externals;

/**
 * ainka_external_init() - let policies name external signals
 */
void ainka_external_init(void)
{
	ainka_signals_extend(table);
}

/**
 * ainka_external_exit() - undo it; there are no policies any more
 */
void ainka_external_exit(void)
{
	ainka_signals_extend(NULL);
}

__printf(3, 4)
static int refuse(struct ainka_err *err, int rc, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	return rc;
}

static int find(const char *name)
{
	u32 i;

	for (i = 0; i < n_externals; i++)
		if (!strcmp(externals[i].name, name))
			return i;
	return -ENOENT;
}

static int add(const char *name, struct ainka_err *err)
{
	struct external *ext = &externals[n_externals];
	const char *unit = ainka_external_unit(name, err);

	if (!unit)
		return -EINVAL;
	if (ainka_signal_by_name(name, strlen(name)))
		return refuse(err, -EEXIST, "%s is a signal that the module measures itself", name);
	if (n_externals == AINKA_N_EXTERNAL)
		return refuse(err, -ENOSPC,
			      "the table of external signals is full: %d; names stay until the module is unloaded",
			      AINKA_N_EXTERNAL);
	strscpy(ext->name, name, sizeof(ext->name));
	ext->def = (struct ainka_signal_def) {
		.name = ext->name,
		.unit = unit,
		.source = "external",
		.max_age_ns = AGE_DEFAULT_NS,
		.id = AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST + n_externals),
		.event = true,
	};
	/* pairs with the core's acquire: who sees the entry sees what is in it */
	smp_store_release(&table[n_externals], &ext->def);
	WRITE_ONCE(n_externals, n_externals + 1);
	return n_externals - 1;
}

static int claim(const struct ainka_external_cfg *cfg, struct ainka_err *err)
{
	struct external *ext;
	int i;

	if (cfg->max_age_ns && (cfg->max_age_ns < AGE_MIN_NS || cfg->max_age_ns > AGE_MAX_NS))
		return refuse(err, -ERANGE, "the maximum age is 1 ms to 1 hour");
	i = find(cfg->name);
	if (i < 0)
		i = add(cfg->name, err);
	if (i < 0)
		return i;
	ext = &externals[i];
	if (ext->owner)
		return refuse(err, -EBUSY, "%s is reported by the kernel module %s", cfg->name,
			      module_name(ext->owner));
	ext->owner = cfg->owner;
	ext->leased = cfg->leased;
	WRITE_ONCE(ext->def.source, cfg->owner ? "module" : cfg->leased ? "daemon" : "netlink");
	if (cfg->max_age_ns)
		WRITE_ONCE(ext->def.max_age_ns, cfg->max_age_ns);
	return ext->def.id;
}

/**
 * ainka_external_claim() - register a signal, or take over one that nobody reports
 * @cfg: what is asked for
 * @err: gets why not, in words
 *
 * Context: may sleep.
 *
 * Return: the id of the signal, or a negative errno.
 */
int ainka_external_claim(const struct ainka_external_cfg *cfg, struct ainka_err *err)
{
	int id;

	mutex_lock(&external_lock);
	id = claim(cfg, err);
	mutex_unlock(&external_lock);
	return id;
}

/**
 * ainka_external_push() - claim a signal and give it a value
 * @cfg: what is asked for
 * @value: the value
 * @err: gets why not, in words
 *
 * Context: may sleep.
 *
 * Return: the id of the signal, or a negative errno.
 */
int ainka_external_push(const struct ainka_external_cfg *cfg, s64 value, struct ainka_err *err)
{
	int id;

	mutex_lock(&external_lock);
	id = claim(cfg, err);
	if (id >= 0)
		ainka_signal_set(id, value, ktime_get_ns());
	mutex_unlock(&external_lock);
	return id;
}

static void release(struct external *ext)
{
	ext->owner = NULL;
	ext->leased = false;
	WRITE_ONCE(ext->def.source, "external");
	ainka_signal_forget(ext->def.id);
}

/**
 * ainka_external_release() - its module reports a signal no more: it is stale
 * @id: the signal
 *
 * Context: may sleep.
 */
void ainka_external_release(u16 id)
{
	mutex_lock(&external_lock);
	release(&externals[AINKA_SIG_INDEX(id) - AINKA_EXTERNAL_FIRST]);
	mutex_unlock(&external_lock);
}

/**
 * ainka_external_release_leased() - the lease has ended: what its holder has pushed is stale
 *
 * Context: may sleep.
 */
void ainka_external_release_leased(void)
{
	u32 i;

	mutex_lock(&external_lock);
	for (i = 0; i < n_externals; i++)
		if (externals[i].leased)
			release(&externals[i]);
	mutex_unlock(&external_lock);
}

/**
 * ainka_external_count() - how many external signals there are
 *
 * Return: their number; their ids follow each other.
 */
u32 ainka_external_count(void)
{
	return READ_ONCE(n_externals);
}
