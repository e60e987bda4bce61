// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "rerun.h"

#ifndef __KERNEL__

struct slot {
	u32 num;
	u64 id;
	u64 seen;
	struct ainka_hyst hyst;
};

/**
 * struct ainka_rerun - a policy and what it thinks of its subjects
 * @subject: enum ainka_subject
 * @when: what turns it on
 * @until: what turns it off, or NULL
 * @model: its model, or NULL
 * @cfg: its times
 * @system: of a policy of the system
 * @slot: subjects that it is on for or waiting to be
 * @walk: number of walks so far
 * @has_windows: there is something in @history
 * @env: what the evaluation sees
 * @history: the past, last because it has no fixed size
 */
struct ainka_rerun {
	u32 subject;
	const struct ainka_prog *when;
	const struct ainka_prog *until;
	const struct ainka_model *model;
	struct ainka_hyst_cfg cfg;
	struct slot system;
	struct slot slot[AINKA_RERUN_SUBJECTS];
	u64 walk;
	bool has_windows;
	struct ainka_env env;
	struct ainka_history history;
};

/**
 * ainka_rerun_bytes - room that a policy needs
 * @windows: those of its conditions
 *
 * Return: bytes, zeroed and aligned to 8.
 */
u64 ainka_rerun_bytes(const struct ainka_windows *windows)
{
	return sizeof(struct ainka_rerun) +
	       ainka_history_bytes(windows, AINKA_RERUN_SUBJECTS);
}

/**
 * ainka_rerun_init - begin, off for everybody
 * @rerun: zeroed memory of ainka_rerun_bytes()
 * @subject: enum ainka_subject
 * @when: verified condition that turns it on; stays the caller's, as what follows
 * @until: the one that turns it off, or NULL
 * @windows: those of both
 * @model: the model, or NULL
 */
void ainka_rerun_init(struct ainka_rerun *rerun, u32 subject, const struct ainka_prog *when,
		      const struct ainka_prog *until, const struct ainka_windows *windows,
		      const struct ainka_model *model)
{
	rerun->subject = subject;
	rerun->when = when;
	rerun->until = until;
	rerun->model = model;
	rerun->has_windows = windows->n;
	ainka_history_init(&rerun->history, windows,
			   subject == AINKA_SUBJECT_SYSTEM ? 0 : AINKA_RERUN_SUBJECTS);
}

/**
 * ainka_rerun_times - the times of its hysteresis
 * @rerun: the policy
 * @for_ns: true this long before it turns on
 * @hold_ns: minimum time on
 * @cooldown_ns: minimum time off
 */
void ainka_rerun_times(struct ainka_rerun *rerun, u64 for_ns, u64 hold_ns, u64 cooldown_ns)
{
	rerun->cfg = (struct ainka_hyst_cfg){ for_ns, hold_ns, cooldown_ns };
}

static u64 longer(u64 a, u64 b)
{
	return a > b ? a : b;
}

/**
 * ainka_rerun_memory_ns - how long what was before the first frame may matter
 * @rerun: the policy
 *
 * A window's first sample may be one that it would not have taken, had it begun
 * earlier, and is in it for its length; the extreme it has seen since the sample
 * before, one sample longer.
 *
 * Return: the longest of its windows, with a quarter more, and its times.
 */
u64 ainka_rerun_memory_ns(const struct ainka_rerun *rerun)
{
	const struct ainka_windows *windows = &rerun->history.windows;
	u64 ns = longer(rerun->cfg.for_ns, longer(rerun->cfg.hold_ns, rerun->cfg.cooldown_ns));
	u32 i;

	for (i = 0; i < windows->n; i++)
		ns = longer(ns, windows->def[i].length_ms * 1250000ULL);
	return ns;
}

/* The system's signals and the external ones of a frame. */
static void see_system(struct ainka_rerun *rerun, const struct ainka_frame *frame)
{
	ainka_env_init(&rerun->env);
	ainka_env_system(&rerun->env, frame->val, frame->fresh);
	ainka_env_external(&rerun->env, frame->val + AINKA_N_SYSTEM_SIGNALS,
			   frame->fresh + AINKA_N_SYSTEM_SIGNALS);
	rerun->env.model = rerun->model;
}

static struct slot *find(struct ainka_rerun *rerun, u32 num, u64 id)
{
	u32 i;

	for (i = 0; i < AINKA_RERUN_SUBJECTS; i++)
		if (rerun->slot[i].num == num && rerun->slot[i].id == id)
			return &rerun->slot[i];
	return NULL;
}

static struct slot *new_slot(struct ainka_rerun *rerun, u32 num, u64 id)
{
	u32 i;

	for (i = 0; i < AINKA_RERUN_SUBJECTS; i++) {
		struct slot *slot = &rerun->slot[i];

		if (slot->num)
			continue;
		memset(slot, 0, sizeof(*slot));
		slot->num = num;
		slot->id = id;
		return slot;
	}
	return NULL;
}

/* Evaluate it for what the environment shows; true when it turned on or off. */
static bool evaluate(struct ainka_rerun *rerun, struct slot *slot, u32 num, u64 id, u64 now_ns,
		     u8 *on)
{
	enum ainka_truth when = ainka_prog_eval(rerun->when, &rerun->env), until = AINKA_FALSE;

	if (rerun->until)
		until = ainka_prog_eval(rerun->until, &rerun->env);
	if (!slot) {
		if (when != AINKA_TRUE)
			return false;
		slot = new_slot(rerun, num, id);
		if (!slot)
			return false;
	}
	slot->seen = rerun->walk;
	if (!ainka_hyst_step(&slot->hyst, &rerun->cfg, when, until, rerun->until, now_ns))
		return false;
	*on = slot->hyst.on;
	return true;
}

/* Subjects that were not seen in this walk turn off; those done with give up their slots. */
static u32 end_walk(struct ainka_rerun *rerun, u64 now_ns, u32 n, u32 *num, u64 *id, u8 *on)
{
	u32 i;

	for (i = 0; i < AINKA_RERUN_SUBJECTS; i++) {
		struct slot *slot = &rerun->slot[i];

		if (!slot->num)
			continue;
		if (slot->seen != rerun->walk) {
			if (slot->hyst.on) {
				num[n] = slot->num;
				id[n] = slot->id;
				on[n++] = 0;
			}
			slot->num = 0;
		} else if (!slot->hyst.on && !slot->hyst.pending &&
			   now_ns - slot->hyst.changed_ns >= rerun->cfg.cooldown_ns) {
			slot->num = 0;
		}
	}
	return n;
}

/**
 * ainka_rerun_frame - evaluate it for the next frame
 * @rerun: the policy
 * @frame: the frame
 * @num: out, of the subjects it has turned on or off for; AINKA_RERUN_CHANGES entries, as below
 * @id: out, what tells them from others of that number
 * @on: out, 1 on, 0 off
 *
 * Return: how many.
 */
u32 ainka_rerun_frame(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 *num,
		      u64 *id, u8 *on)
{
	struct ainka_history *history = rerun->has_windows ? &rerun->history : NULL;
	u64 now_ns = frame->time_ns;
	u32 i, n = 0;

	see_system(rerun, frame);
	if (history)
		ainka_history_system(history, &rerun->env, now_ns);
	if (rerun->subject == AINKA_SUBJECT_SYSTEM) {
		num[0] = 0;
		id[0] = 0;
		return evaluate(rerun, &rerun->system, 0, 0, now_ns, &on[0]);
	}
	if (!(frame->flags & AINKA_FRAME_WALKED))
		return 0;
	rerun->walk++;
	for (i = 0; i < frame->n_subjects; i++) {
		const struct ainka_frame_subject *s = &frame->subject[i];

		if (s->subject != rerun->subject)
			continue;
		ainka_env_subject(&rerun->env, s->val, s->fresh, ainka_signals_of(s->subject));
		if (history)
			ainka_history_subject(history, &rerun->env, s->num, s->id, rerun->walk,
					      now_ns);
		num[n] = s->num;
		id[n] = s->id;
		/* at most one for each slot, and end_walk() adds those that are not here */
		n += evaluate(rerun, find(rerun, s->num, s->id), s->num, s->id, now_ns, &on[n]);
	}
	return end_walk(rerun, now_ns, n, num, id, on);
}

/* Let the environment be what the policy sees of a subject; false when the subject is gone. */
static bool see(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num, u64 id)
{
	u32 i;

	see_system(rerun, frame);
	if (rerun->subject != AINKA_SUBJECT_SYSTEM) {
		for (i = 0; i < frame->n_subjects; i++)
			if (frame->subject[i].subject == rerun->subject &&
			    frame->subject[i].num == num && frame->subject[i].id == id)
				break;
		if (i == frame->n_subjects)
			return false;
		ainka_env_subject(&rerun->env, frame->subject[i].val, frame->subject[i].fresh,
				  ainka_signals_of(rerun->subject));
	}
	if (rerun->has_windows)
		ainka_history_show(&rerun->history, &rerun->env, num, id, frame->time_ns);
	return true;
}

static const struct ainka_prog *condition(const struct ainka_rerun *rerun, u32 until)
{
	return until && rerun->until ? rerun->until : rerun->when;
}

/**
 * ainka_rerun_causes - the signals that a condition reads, and their values
 * @rerun: the policy
 * @frame: the frame it was evaluated for last
 * @num: the subject
 * @id: what tells it from others of that number
 * @until: of the condition that turns it off, where there is one
 * @signal: out, ids, AINKA_MAX_CAUSES of them
 * @value: out, likewise
 *
 * Return: how many of them are fresh.
 */
u32 ainka_rerun_causes(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num,
		       u64 id, u32 until, u16 *signal, s64 *value)
{
	const struct ainka_prog *prog = condition(rerun, until);
	u32 i, n = 0;

	if (!see(rerun, frame, num, id))
		return 0;
	for (i = 0; i < prog->signals && i < AINKA_MAX_CAUSES; i++) {
		if (!ainka_env_get(&rerun->env, prog->signal[i], &value[n]))
			continue;
		signal[n++] = prog->signal[i];
	}
	return n;
}

/**
 * ainka_rerun_render - a condition with the values it compared, ainka_prog_render()
 * @rerun: the policy
 * @frame: the frame it was evaluated for last
 * @num: the subject
 * @id: what tells it from others of that number
 * @until: the condition that turns it off, where there is one
 * @buf: out
 * @size: its size, not 0
 *
 * Return: length of the text, 0 when the subject is gone.
 */
u32 ainka_rerun_render(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num,
		       u64 id, u32 until, char *buf, u32 size)
{
	buf[0] = '\0';
	if (!see(rerun, frame, num, id))
		return 0;
	return ainka_prog_render(condition(rerun, until), &rerun->env, buf, size);
}

/**
 * ainka_rerun_model - what the policy's model says of a subject
 * @rerun: the policy
 * @frame: the frame it was evaluated for last
 * @num: the subject
 * @id: what tells it from others of that number
 * @value: out
 *
 * Return: false without a model, or without a fresh signal that it needs.
 */
bool ainka_rerun_model(struct ainka_rerun *rerun, const struct ainka_frame *frame, u32 num,
		       u64 id, s64 *value)
{
	u32 leaf;

	return rerun->model && see(rerun, frame, num, id) &&
	       ainka_model_eval(rerun->model, &rerun->env, value, &leaf);
}

#endif
