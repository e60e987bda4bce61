// SPDX-License-Identifier: GPL-2.0
/* One policy: made from a request, and turned on and off by its conditions. */
#include <linux/ctype.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "policy.h"
#include "subjects.h"

static int check_name(const char *name, struct ainka_policy_err *err)
{
	const char *p;

	if (!name || !*name)
		return ainka_refuse(err, AINKA_FIELD_NAME, -EINVAL, "a policy needs a name");
	if (strlen(name) >= AINKA_NAME_LEN)
		return ainka_refuse(err, AINKA_FIELD_NAME, -ENAMETOOLONG,
			      "the name is longer than %d characters", AINKA_NAME_LEN - 1);
	for (p = name; *p; p++)
		if (!isascii(*p) || !(isalnum(*p) || strchr(".-_", *p)))
			return ainka_refuse(err, AINKA_FIELD_NAME, -EINVAL,
				      "the name may have letters, digits, dot, dash, underscore");
	return 0;
}

static int compile(const char *text, struct ainka_policy *policy, bool has_model,
		   enum ainka_field field, char *copy, struct ainka_prog **out,
		   struct ainka_policy_err *err)
{
	struct ainka_prog *scratch;
	int rc;

	if (!text || !*text)
		return ainka_refuse(err, field, -EINVAL, "a condition is needed");
	if (strscpy(copy, text, AINKA_EXPR_LEN) < 0)
		return ainka_refuse(err, field, -E2BIG,
				    "the condition is longer than %d characters",
			      AINKA_EXPR_LEN - 1);
	scratch = kzalloc(sizeof(*scratch), GFP_KERNEL);
	if (!scratch)
		return -ENOMEM;
	err->field = field;
	rc = ainka_expr_compile(text, policy->subject, has_model, &policy->windows, scratch,
				&err->err);
	/* the compiler is trusted no more than a stranger */
	if (!rc)
		rc = ainka_windows_verify(&policy->windows, policy->subject, &err->err);
	if (!rc)
		rc = ainka_prog_verify(scratch, policy->subject, has_model, &policy->windows,
				       &err->err);
	if (!rc) {
		*out = kmemdup(scratch, ainka_prog_bytes(scratch), GFP_KERNEL);
		rc = *out ? 0 : -ENOMEM;
	}
	kfree(scratch);
	return rc;
}

static int take_model(struct ainka_policy *policy, const struct ainka_policy_cfg *cfg,
		      struct ainka_policy_err *err)
{
	u64 size;
	int rc;

	if (!cfg->model)
		return 0;
	err->field = AINKA_FIELD_MODEL;
	if (cfg->model_bytes > AINKA_MODEL_LEN)
		return ainka_refuse(err, AINKA_FIELD_MODEL, -E2BIG,
				    "the model is larger than %d bytes",
			      AINKA_MODEL_LEN);
	/* verified after the copy: nobody can change it any more */
	policy->blob = kvmalloc(cfg->model_bytes, GFP_KERNEL);
	if (!policy->blob)
		return -ENOMEM;
	memcpy(policy->blob, cfg->model, cfg->model_bytes);
	policy->blob_bytes = cfg->model_bytes;
	rc = ainka_model_size(policy->blob, policy->blob_bytes, &size, &err->err);
	if (rc)
		return rc;
	policy->model = kvzalloc(size, GFP_KERNEL);
	if (!policy->model)
		return -ENOMEM;
	return ainka_model_load(policy->blob, policy->blob_bytes, cfg->subject, policy->model,
				&err->err);
}

/* Room for the past that windows look at; an evaluation allocates nothing. */
static int make_history(struct ainka_policy *policy)
{
	u32 places = policy->subject == AINKA_SUBJECT_SYSTEM ? 0 : AINKA_POLICY_SUBJECTS;

	if (!policy->windows.n)
		return 0;
	policy->history = kvzalloc(ainka_history_bytes(&policy->windows, places), GFP_KERNEL);
	if (!policy->history)
		return -ENOMEM;
	ainka_history_init(policy->history, &policy->windows, places);
	return 0;
}

/* A value within the bounds that this machine does not offer is better refused now. */
static int check_possible(const char *name, const struct ainka_action *action,
			  struct ainka_policy_err *err)
{
	const struct ainka_tunable *tun = action->tun;
	char why[AINKA_REFUSAL_LEN];

	if (action->value.op != AINKA_VALUE_ABS || !tun->ops->refuses ||
	    !tun->ops->refuses(tun, action->value.arg, why))
		return 0;
	return ainka_refuse(err, AINKA_FIELD_ACTION, -ENODEV, "%s: %s", name, why);
}

static int take_actions(struct ainka_policy *policy, const struct ainka_policy_cfg *cfg,
			struct ainka_policy_err *err)
{
	u32 i, j;
	int rc;

	if (!cfg->n_actions)
		return ainka_refuse(err, AINKA_FIELD_ACTION, -EINVAL,
				    "a policy sets at least one tunable");
	for (i = 0; i < cfg->n_actions; i++) {
		struct ainka_action *action = &policy->action[i];
		const char *name = cfg->action[i].tunable;

		err->action = i;
		action->tun = name ? ainka_tunable_find(name) : NULL;
		if (!action->tun)
			return ainka_refuse(err, AINKA_FIELD_ACTION, -ENOENT,
				      "no tunable %s; tunable-get lists them", name ?: "(none)");
		if (action->tun->absent)
			return ainka_refuse(err, AINKA_FIELD_ACTION, -ENODEV,
					    "%s is absent: %s", name,
				      action->tun->absent);
		if (action->tun->subject != cfg->subject)
			return ainka_refuse(err, AINKA_FIELD_ACTION, -EINVAL,
					    "%s needs a policy of subject %s", name,
					    ainka_subject_names[action->tun->subject]);
		for (j = 0; j < i; j++)
			if (policy->action[j].tun == action->tun)
				return ainka_refuse(err, AINKA_FIELD_ACTION, -EINVAL,
						    "%s is set twice",
					      name);
		if (!cfg->action[i].value)
			return ainka_refuse(err, AINKA_FIELD_ACTION, -EINVAL,
					    "%s gets no value", name);
		err->field = AINKA_FIELD_ACTION;
		rc = ainka_value_parse(cfg->action[i].value, &action->tun->bounds,
				       action->tun->unit, cfg->model, &action->value, &err->err);
		if (!rc)
			rc = check_possible(name, action, err);
		if (rc)
			return rc;
		strscpy(action->text, cfg->action[i].value, sizeof(action->text));
	}
	policy->n_actions = cfg->n_actions;
	return 0;
}

static int check_numbers(const struct ainka_policy_cfg *cfg, struct ainka_policy_err *err)
{
	const u64 day_ns = 24ULL * 3600 * NSEC_PER_SEC;

	if (!ainka_subjects_known(cfg->subject))
		return ainka_refuse(err, AINKA_FIELD_SUBJECT, -EOPNOTSUPP,
			      "the subject is system, task, cgroup or device");
	if (cfg->mode > AINKA_MODE_ENFORCE)
		return ainka_refuse(err, AINKA_FIELD_NONE, -EINVAL,
			      "the mode is observe, advise or enforce");
	if (cfg->origin > AINKA_ORIGIN_EXPERIMENT)
		return ainka_refuse(err, AINKA_FIELD_ORIGIN, -EINVAL,
			      "the origin is admin, learner or experiment");
	if (cfg->priority < -1000 || cfg->priority > 1000)
		return ainka_refuse(err, AINKA_FIELD_PRIORITY, -ERANGE,
			      "the priority is a number from -1000 to 1000");
	if (!cfg->states || cfg->states & ~AINKA_STATES_ALL)
		return ainka_refuse(err, AINKA_FIELD_STATES, -EINVAL,
			      "states is a mask of the five states, not empty");
	if (cfg->hyst.for_ns > day_ns || cfg->hyst.hold_ns > day_ns ||
	    cfg->hyst.cooldown_ns > day_ns)
		return ainka_refuse(err, AINKA_FIELD_TIME, -ERANGE,
			      "for, hold and cooldown are at most a day");
	return 0;
}

/**
 * ainka_policy_create() - make a policy from what a door received
 * @cfg: the request
 * @err: gets what is wrong with it, in words
 *
 * Everything is verified here, so that an evaluation cannot fail.
 *
 * Return: the policy, or an error pointer; -ENOMEM leaves @err untouched.
 */
struct ainka_policy *ainka_policy_create(const struct ainka_policy_cfg *cfg,
					 struct ainka_policy_err *err)
{
	struct ainka_policy *policy;
	int rc;

	rc = check_name(cfg->name, err);
	if (!rc)
		rc = check_numbers(cfg, err);
	if (rc)
		return ERR_PTR(rc);
	policy = kzalloc(sizeof(*policy), GFP_KERNEL);
	if (!policy)
		return ERR_PTR(-ENOMEM);
	strscpy(policy->name, cfg->name, sizeof(policy->name));
	policy->subject = cfg->subject;
	policy->mode = cfg->mode;
	policy->origin = cfg->origin;
	policy->states = cfg->states;
	policy->rate_per_min = cfg->rate_per_min ?: AINKA_RATE_DEFAULT;
	policy->priority = cfg->priority;
	policy->hyst_cfg = cfg->hyst;
	policy->created_ns = ktime_get_ns();
	rc = compile(cfg->when, policy, cfg->model, AINKA_FIELD_WHEN, policy->when_text,
		     &policy->when, err);
	if (!rc && cfg->until)
		rc = compile(cfg->until, policy, cfg->model, AINKA_FIELD_UNTIL,
			     policy->until_text, &policy->until, err);
	if (!rc)
		rc = take_model(policy, cfg, err);
	if (!rc)
		rc = take_actions(policy, cfg, err);
	if (!rc && cfg->subject != AINKA_SUBJECT_SYSTEM) {
		policy->slot = kcalloc(AINKA_POLICY_SUBJECTS, sizeof(*policy->slot), GFP_KERNEL);
		rc = policy->slot ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = make_history(policy);
	if (!rc) {
		policy->watch = kcalloc(ainka_park_entries(cfg->subject), sizeof(*policy->watch),
					GFP_KERNEL);
		rc = policy->watch ? 0 : -ENOMEM;
	}
	if (rc) {
		ainka_policy_free(policy);
		return ERR_PTR(rc);
	}
	policy->bytes = sizeof(*policy) + ainka_prog_bytes(policy->when) +
			(policy->model ? policy->model->bytes + policy->blob_bytes : 0) +
			(policy->until ? ainka_prog_bytes(policy->until) : 0) +
			ainka_park_entries(cfg->subject) * sizeof(*policy->watch) +
			(policy->slot ? AINKA_POLICY_SUBJECTS * sizeof(*policy->slot) : 0) +
			(policy->history ? policy->history->bytes : 0);
	return policy;
}

/**
 * ainka_policy_free() - free a policy that nobody can see any more
 * @policy: the policy or NULL
 */
void ainka_policy_free(struct ainka_policy *policy)
{
	if (!policy)
		return;
	kfree(policy->when);
	kfree(policy->until);
	kvfree(policy->model);
	kvfree(policy->blob);
	kfree(policy->slot);
	kvfree(policy->history);
	kfree(policy->watch);
	kfree(policy);
}

/**
 * ainka_policy_slot() - where a policy keeps what it thinks of a subject
 * @policy: the policy
 * @key: the subject, ignored by a policy of the system
 *
 * Return: the slot, or NULL if the policy is not on for it nor about to be.
 */
struct ainka_slot *ainka_policy_slot(struct ainka_policy *policy, const struct ainka_key *key)
{
	u32 i;

	if (policy->subject == AINKA_SUBJECT_SYSTEM)
		return &policy->system;
	for (i = 0; i < AINKA_POLICY_SUBJECTS; i++)
		if (ainka_key_same(&policy->slot[i].key, key))
			return &policy->slot[i];
	return NULL;
}

static struct ainka_slot *new_slot(struct ainka_policy *policy, const struct ainka_key *key)
{
	u32 i;

	for (i = 0; i < AINKA_POLICY_SUBJECTS; i++) {
		struct ainka_slot *slot = &policy->slot[i];

		if (slot->key.num)
			continue;
		memset(slot, 0, sizeof(*slot));
		slot->key = *key;
		return slot;
	}
	policy->no_slot++;
	return NULL;
}

static void step(struct ainka_policy *policy, struct ainka_slot *slot, enum ainka_truth when,
		 enum ainka_truth until, u64 now_ns)
{
	if (!ainka_hyst_step(&slot->hyst, &policy->hyst_cfg, when, until, policy->until, now_ns))
		return;
	policy->changed = true;
	slot->told = false;
	slot->refused = 0;
	if (slot->hyst.on) {
		policy->active++;
		policy->turned_on++;
	} else {
		policy->active--;
	}
}

/**
 * ainka_policy_begin() - begin a round of evaluations
 * @policy: the policy
 * @env: the system's signals; gets the policy's windows over them
 * @now_ns: the present
 */
void ainka_policy_begin(struct ainka_policy *policy, struct ainka_env *env, u64 now_ns)
{
	policy->changed = false;
	if (policy->history)
		ainka_history_system(policy->history, env, now_ns);
}

/**
 * ainka_policy_eval() - evaluate a policy for one subject
 * @policy: the policy
 * @env: the signals; its model and its windows are set here
 * @key: the subject, ignored by a policy of the system
 * @walk: number of this walk over the subjects
 * @now_ns: the present
 *
 * Takes no lock and allocates nothing.
 */
void ainka_policy_eval(struct ainka_policy *policy, struct ainka_env *env,
		       const struct ainka_key *key, u64 walk, u64 now_ns)
{
	struct ainka_slot *slot = ainka_policy_slot(policy, key);
	enum ainka_truth when, until = AINKA_FALSE;

	env->model = policy->model;
	if (policy->history && policy->subject != AINKA_SUBJECT_SYSTEM)
		ainka_history_subject(policy->history, env, key->num, key->id, walk, now_ns);
	when = ainka_prog_eval(policy->when, env);
	if (policy->until)
		until = ainka_prog_eval(policy->until, env);
	if (!slot) {
		if (when != AINKA_TRUE)
			return;
		slot = new_slot(policy, key);
		if (!slot)
			return;
	}
	slot->seen = walk;
	step(policy, slot, when, until, now_ns);
}

/**
 * ainka_policy_end() - end a round: subjects that are gone turn off
 * @policy: the policy, not of subject system
 * @walk: number of the walk that has just been evaluated
 * @now_ns: the present
 */
void ainka_policy_end(struct ainka_policy *policy, u64 walk, u64 now_ns)
{
	u32 i;

	for (i = 0; i < AINKA_POLICY_SUBJECTS; i++) {
		struct ainka_slot *slot = &policy->slot[i];

		if (!slot->key.num)
			continue;
		if (slot->seen != walk) {
			/* exited, or its record is gone with the programs */
			if (slot->hyst.on) {
				policy->active--;
				policy->changed = true;
			}
			slot->key.num = 0;
		} else if (!slot->hyst.on && !slot->hyst.pending &&
			   now_ns - slot->hyst.changed_ns >= policy->hyst_cfg.cooldown_ns) {
			slot->key.num = 0;
		}
	}
}
