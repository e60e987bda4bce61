// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of /proc/ainka:
 *
 *	policy add NAME [subject SUBJECT] [mode MODE] when CONDITION set TUNABLE=VALUE[,…]
 *	policy remove NAME
 *	policy resume NAME
 *	state NAME
 *	undo DECISION
 *	release TUNABLE
 *	reset
 *	debug 0|1
 *	config_update PARAMETER=VALUE
 *
 * A file has no place for an error in words, so they go to the kernel log.
 */
#define pr_fmt(fmt) "ainka: /proc/ainka: " fmt

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "engine.h"
#include "handback.h"
#include "machine_state.h"
#include "params.h"
#include "proc.h"
#include "table.h"
#include "target.h"

#define POLICY_ADD \
	"policy add NAME [subject SUBJECT] [mode MODE] when CONDITION set TUNABLE=VALUE[,…]"

static const char *const mode_names[] = { "observe", "advise", "enforce" };

/* Cut the next word off a line. */
static char *word(char **line)
{
	char *w = skip_spaces(*line), *end = w + strcspn(w, " \t");

	*line = *end ? end + 1 : end;
	*end = '\0';
	return w;
}

/* The rest of a line, up to the last " keyword ", which is cut off. */
static char *until_keyword(char **line, const char *keyword)
{
	char *text = skip_spaces(*line), *at = NULL, *p = text;
	size_t len = strlen(keyword);

	while ((p = strstr(p, keyword))) {
		if (p > text && isspace(p[-1]) && isspace(p[len]))
			at = p;
		p += len;
	}
	if (!at)
		return NULL;
	at[-1] = '\0';
	*line = at + len;
	return strim(text);
}

static int take_actions(char *text, struct ainka_policy_cfg *cfg)
{
	char *pair, *equals;

	while ((pair = strsep(&text, ","))) {
		pair = strim(pair);
		equals = strchr(pair, '=');
		if (!equals || cfg->n_actions == AINKA_MAX_ACTIONS) {
			pr_err("set takes at most %d of TUNABLE=VALUE, separated by commas, not \"%s\"\n",
			       AINKA_MAX_ACTIONS, pair);
			return -EINVAL;
		}
		*equals = '\0';
		cfg->action[cfg->n_actions].tunable = strim(pair);
		cfg->action[cfg->n_actions++].value = strim(equals + 1);
	}
	return 0;
}

static int take_option(struct ainka_policy_cfg *cfg, const char *option, const char *value)
{
	int i;

	if (!strcmp(option, "mode")) {
		i = match_string(mode_names, ARRAY_SIZE(mode_names), value);
		cfg->mode = i;
	} else if (!strcmp(option, "subject")) {
		i = match_string(ainka_subject_names, AINKA_SUBJECT_DEVICE + 1, value);
		cfg->subject = i;
	} else {
		pr_err("\"%s\" is none of subject, mode, when; " POLICY_ADD "\n", option);
		return -EINVAL;
	}
	if (i < 0)
		pr_err("%s \"%s\" is not known\n", option, value);
	return i < 0 ? i : 0;
}

static int policy_add(char *line)
{
	struct ainka_policy_cfg cfg = {
		.mode = AINKA_MODE_ENFORCE,
		.origin = AINKA_ORIGIN_ADMIN,
		.states = AINKA_STATES_DEFAULT,
	};
	struct ainka_policy_err err = { };
	struct ainka_policy *policy;
	char *option;
	u32 id, version;
	int rc;

	cfg.name = word(&line);
	for (;;) {
		option = word(&line);
		if (!strcmp(option, "when"))
			break;
		rc = take_option(&cfg, option, word(&line));
		if (rc)
			return rc;
	}
	cfg.when = until_keyword(&line, "set");
	if (!cfg.when) {
		pr_err(POLICY_ADD "\n");
		return -EINVAL;
	}
	rc = take_actions(line, &cfg);
	if (rc)
		return rc;
	policy = ainka_policy_create(&cfg, &err);
	if (IS_ERR(policy)) {
		rc = PTR_ERR(policy);
	} else {
		rc = ainka_table_add(policy, false, &id, &version, &err);
		if (rc)
			ainka_policy_free(policy);
	}
	if (rc) {
		pr_err("policy %s: at character %u of its part: %s\n", cfg.name,
		       err.err.pos + 1, err.err.msg);
		return rc;
	}
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	return 0;
}

static int policy_remove(char *line)
{
	char *name = word(&line);
	u32 id, active;
	int err;

	err = ainka_table_remove(name, &id, &active);
	if (err) {
		pr_err("there is no policy \"%s\"\n", name);
		return err;
	}
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	return 0;
}

static int said(int rc, const struct ainka_err *err)
{
	if (rc)
		pr_err("%s\n", err->msg[0] ? err->msg : "no memory");
	return rc;
}

static int policy_resume(char *line)
{
	struct ainka_err err = { };
	u32 resumed;

	return said(ainka_resume(word(&line), &resumed, &err), &err);
}

static int do_policy(char *line)
{
	char *verb = word(&line);

	if (!strcmp(verb, "add"))
		return policy_add(line);
	if (!strcmp(verb, "remove"))
		return policy_remove(line);
	if (!strcmp(verb, "resume"))
		return policy_resume(line);
	pr_err("policy takes add, remove or resume, not \"%s\"\n", verb);
	return -EINVAL;
}

static int do_state(char *line)
{
	char *name = word(&line);
	int s = ainka_state_by_name(name);

	if (s < 0) {
		pr_err("state is one of learning, optimizing, predictive_scaling, anomaly_detection, emergency, not \"%s\"\n",
		       name);
		return s;
	}
	ainka_state_event(AINKA_EVENT_ADMIN, s, "set by the administrator");
	ainka_engine_sync(AINKA_REASON_POLICY_REMOVED);
	return 0;
}

static int do_undo(char *line)
{
	struct ainka_err err = { };
	char *number = word(&line);
	u64 id;
	int rc = kstrtou64(number, 10, &id);

	if (rc) {
		pr_err("undo takes the number of a decision, not \"%s\"\n", number);
		return rc;
	}
	return said(ainka_undo(id, &err), &err);
}

static int do_release(char *line)
{
	const struct ainka_which all = { };
	struct ainka_err err = { };
	u32 released;

	return said(ainka_release(word(&line), &all, &released, &err), &err);
}

static int do_reset(char *line)
{
	WRITE_ONCE(ainka_enforce, false);
	ainka_engine_sync(AINKA_REASON_RESET);
	return 0;
}

static int do_debug(char *line)
{
	return ainka_param_set("debug", word(&line));
}

static int do_config_update(char *line)
{
	char *name = word(&line), *equals = strchr(name, '=');
	int err = -EINVAL;

	if (equals) {
		*equals = '\0';
		err = ainka_param_set(name, equals + 1);
	}
	if (!equals || err == -ENOENT)
		pr_err("config_update takes PARAMETER=VALUE of emergency_threshold, tick_us, lease_ms, park_turns, learning_mode, enforce, debug, record, not \"%s\"\n",
		       name);
	return err == -ENOENT ? -EINVAL : err;
}

static const struct {
	const char *name;
	int (*run)(char *line);
} commands[] = {
	{ "policy", do_policy },
	{ "state", do_state },
	{ "undo", do_undo },
	{ "release", do_release },
	{ "reset", do_reset },
	{ "debug", do_debug },
	{ "config_update", do_config_update },
};

/**
 * ainka_proc_command() - carry out a command
 * @line: the command, without white space around it; cut into pieces
 *
 * Return: 0, or a negative errno with the reason in the kernel log.
 */
int ainka_proc_command(char *line)
{
	char *name = word(&line);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(line);
	pr_err("\"%s\" is none of policy, state, undo, release, reset, debug, config_update\n",
	       name);
	return -EINVAL;
}
