// SPDX-License-Identifier: GPL-2.0
/*
 * Tunables of TCP that are no plain numbers: the congestion control that new
 * connections get, and the limits up to which their buffers grow.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "choice.h"
#include "kfile.h"
#include "netns.h"
#include "saved.h"
#include "tunable.h"

#define IPV4 "sys/net/ipv4/"

#define COMMON	"reno=0 cubic=1 bbr=2 dctcp=3 westwood=4 vegas=5 htcp=6 bic=7 illinois=8"
#define RARE	"highspeed=9 hybla=10 scalable=11 veno=12 yeah=13 lp=14 nv=15 cdg=16"

/* The kernel's list holds all that are loaded. */
#define CHOICES_LEN 256

/* ---- congestion control ---- */

/*
 * A policy never loads a module, which would stay when the policy is gone.
 * What is not loaded is refused.
 */
static bool congestion_refuses(const struct ainka_tunable *tun, s64 value, char *why)
{
	char word[AINKA_WORD_LEN], offered[CHOICES_LEN];

	if (ainka_netns_read(tun->id, IPV4 "tcp_available_congestion_control", offered,
			     sizeof(offered)))
		return false;
	if (!ainka_choice_word(tun->bounds.values, value, word)) {
		snprintf(why, AINKA_REFUSAL_LEN, "no congestion control has this number");
		return true;
	}
	if (ainka_choice_offered(offered, word))
		return false;
	snprintf(why, AINKA_REFUSAL_LEN,
		 "%s is not available; its module is loaded by: modprobe tcp_%s", word, word);
	return true;
}

static int congestion_read(const struct ainka_tunable *tun, const struct ainka_target *target,
			   s64 *value)
{
	char text[AINKA_KFILE_LEN];
	int err = ainka_sysctl_text(tun, text, sizeof(text));

	if (!err)
		*value = ainka_choice_value(tun->bounds.values, text);
	return err;
}

static int congestion_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			    s64 value)
{
	char word[AINKA_WORD_LEN], why[AINKA_REFUSAL_LEN];

	/* the kernel would load the module */
	if (congestion_refuses(tun, value, why) ||
	    !ainka_choice_word(tun->bounds.values, value, word))
		return -ENOENT;
	return ainka_sysctl_put(tun, word);
}

/* In the initial namespace what is chosen is allowed to everybody from then on. */
static int congestion_save(const struct ainka_tunable *tun, const struct ainka_target *target,
			   char *text)
{
	char value[CHOICES_LEN];
	int err = ainka_sysctl_text(tun, value, sizeof(value));

	text[0] = '\0';
	if (!err)
		err = ainka_saved_put(text, "tcp_congestion_control", value);
	if (err || tun->id != AINKA_NETNS_INITIAL)
		return err;
	return ainka_netns_read(tun->id, IPV4 "tcp_allowed_congestion_control", value,
				sizeof(value)) ?:
	       ainka_saved_put(text, "tcp_allowed_congestion_control", value);
}

static int congestion_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			      const char *text)
{
	char value[CHOICES_LEN];
	int err;

	if (!ainka_saved_get(text, "tcp_congestion_control", value, sizeof(value)))
		return -EINVAL;
	err = ainka_sysctl_put(tun, value);
	if (!err && ainka_saved_get(text, "tcp_allowed_congestion_control", value, sizeof(value)))
		err = ainka_netns_write(tun->id, IPV4 "tcp_allowed_congestion_control", value);
	return err;
}

static const struct ainka_tunable_ops congestion_ops = {
	.read = congestion_read,
	.write = congestion_write,
	.identity = ainka_sysctl_identity,
	.save = congestion_save,
	.restore = congestion_restore,
	.refuses = congestion_refuses,
};

/* ---- buffers: three numbers, of which a policy sets the last ---- */

struct triple {
	s64 min, initial, max;
};

static int triple_read(const struct ainka_tunable *tun, struct triple *triple)
{
	char text[AINKA_KFILE_LEN];
	int err = ainka_sysctl_text(tun, text, sizeof(text));

	if (err)
		return err;
	return sscanf(text, "%lld %lld %lld", &triple->min, &triple->initial,
		      &triple->max) == 3 ? 0 : -EINVAL;
}

static int buffer_read(const struct ainka_tunable *tun, const struct ainka_target *target,
		       s64 *value)
{
	struct triple triple;
	int err = triple_read(tun, &triple);

	if (!err)
		*value = triple.max;
	return err;
}

static int buffer_write(const struct ainka_tunable *tun, const struct ainka_target *target,
			s64 value)
{
	char text[AINKA_KFILE_LEN];
	struct triple triple;
	int err = triple_read(tun, &triple);

	if (err)
		return err;
	/* a new connection begins with the second */
	if (value < triple.initial)
		return -ERANGE;
	snprintf(text, sizeof(text), "%lld %lld %lld\n", triple.min, triple.initial, value);
	return ainka_sysctl_put(tun, text);
}

static int buffer_save(const struct ainka_tunable *tun, const struct ainka_target *target,
		       char *text)
{
	return ainka_sysctl_text(tun, text, AINKA_SAVED_LEN);
}

static int buffer_restore(const struct ainka_tunable *tun, const struct ainka_target *target,
			  const char *text)
{
	return ainka_sysctl_put(tun, text);
}

static bool buffer_refuses(const struct ainka_tunable *tun, s64 value, char *why)
{
	struct triple triple;

	if (triple_read(tun, &triple) || value >= triple.initial)
		return false;
	snprintf(why, AINKA_REFUSAL_LEN, "it cannot be below what connections begin with, %lld",
		 triple.initial);
	return true;
}

static const struct ainka_tunable_ops buffer_ops = {
	.read = buffer_read,
	.write = buffer_write,
	.identity = ainka_sysctl_identity,
	.save = buffer_save,
	.restore = buffer_restore,
	.refuses = buffer_refuses,
};

static const struct ainka_tunable tunables[] = {
	{
		.name = "sysctl.net.ipv4.tcp_congestion_control",
		.unit = "name",
		.arg = IPV4 "tcp_congestion_control",
		.ops = &congestion_ops,
		.bounds = {
			.min = 0,
			.max = 16,
			.values = COMMON " " RARE,
		},
	}, {
		.name = "sysctl.net.ipv4.tcp_rmem_max",
		.unit = "bytes",
		.arg = IPV4 "tcp_rmem",
		.ops = &buffer_ops,
		.bounds = { .min = 65536, .max = 1 << 30 },
	}, {
		.name = "sysctl.net.ipv4.tcp_wmem_max",
		.unit = "bytes",
		.arg = IPV4 "tcp_wmem",
		.ops = &buffer_ops,
		.bounds = { .min = 16384, .max = 1 << 30 },
	},
};

/**
 * ainka_tcp_init() - register these tunables of TCP
 *
 * Return: 0 or a negative errno.
 */
int ainka_tcp_init(void)
{
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(tunables); i++) {
		struct ainka_tunable tun = tunables[i];

		tun.note = AINKA_NOTE_NETNS;
		tun.kind = AINKA_KIND_SYSCTL;
		tun.subject = AINKA_SUBJECT_SYSTEM;
		tun.lane = AINKA_LANE_FAST;
		tun.per_netns = true;
		err = ainka_tunable_probe(&tun, AINKA_LACKS_SYSCTL);
	}
	return err;
}
