// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * The windows of one policy: one past of each for the system's signals, and one
 * for each of a bounded number of subjects for theirs.
 */
#include "signals.h"
#include "text.h"
#include "window.h"

static bool of_system(const struct ainka_window_def *def)
{
	return AINKA_SIG_BANK(def->signal) == AINKA_SUBJECT_SYSTEM;
}

/* Memory of the windows over signals of the system, or of one subject. */
static u64 part_bytes(const struct ainka_windows *windows, bool system)
{
	u64 bytes = 0;
	u32 i;

	for (i = 0; i < windows->n; i++)
		if (of_system(&windows->def[i]) == system)
			bytes += ainka_window_bytes(&windows->def[i]);
	return bytes;
}

/**
 * ainka_windows_verify - may a policy have these windows?
 * @windows: windows from an unknown source
 * @subject: what the policy is evaluated for
 * @err: out, position is the number of a window; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_windows_verify(const struct ainka_windows *windows, u32 subject,
			 struct ainka_err *err)
{
	u32 i;

	if (windows->n > AINKA_WINDOWS_MAX)
		return ainka_err_say(err, 0, 0, "a policy has at most 8 windows");
	for (i = 0; i < windows->n; i++) {
		const struct ainka_window_def *def = &windows->def[i];

		if (!ainka_signal_fits(def->signal, subject))
			return ainka_err_say(err, i, 1, "no such signal for this subject");
		if (def->func >= AINKA_N_WINDOW_FUNCS || def->pad)
			return ainka_err_say(err, i, 1, "no such window");
		if (def->length_ms < AINKA_WINDOW_MIN_MS || def->length_ms > AINKA_WINDOW_MAX_MS)
			return ainka_err_say(err, i, 1, "a window is 1s to 30min long");
	}
	return 0;
}

/**
 * ainka_history_bytes - memory that the past of a policy takes
 * @windows: verified windows
 * @places: subjects whose past is kept
 *
 * Return: bytes for ainka_history_init().
 */
u64 ainka_history_bytes(const struct ainka_windows *windows, u32 places)
{
	return sizeof(struct ainka_history) + places * sizeof(struct ainka_place) +
	       part_bytes(windows, true) + places * part_bytes(windows, false);
}

/**
 * ainka_history_init - begin without a past
 * @history: zeroed memory of ainka_history_bytes()
 * @windows: verified windows
 * @places: subjects whose past is kept
 */
void ainka_history_init(struct ainka_history *history, const struct ainka_windows *windows,
			u32 places)
{
	history->windows = *windows;
	history->places = places;
	history->bytes = ainka_history_bytes(windows, places);
}

static u8 *system_part(const struct ainka_history *history)
{
	return (u8 *)&history->place[history->places];
}

static u8 *subject_part(const struct ainka_history *history, u32 place)
{
	return system_part(history) + part_bytes(&history->windows, true) +
	       place * part_bytes(&history->windows, false);
}

/* Bring one part up to date, if it is fed, and show what its windows come to. */
static void pass(const struct ainka_windows *windows, u8 *part, bool system,
		 struct ainka_env *env, bool feed, u64 now_us)
{
	u32 i;

	for (i = 0; i < windows->n; i++) {
		const struct ainka_window_def *def = &windows->def[i];
		struct ainka_window *w = (struct ainka_window *)part;
		u32 slot = AINKA_SLOT_WINDOW + i;
		s64 val;

		if (of_system(def) != system)
			continue;
		part += ainka_window_bytes(def);
		env->fresh[slot] = 0;
		if (!ainka_env_get(env, def->signal, &val))
			continue;
		if (feed)
			ainka_window_feed(w, def, val, now_us);
		env->fresh[slot] = ainka_window_read(w, def, now_us, &env->val[slot]);
	}
}

/* No subject: nothing is known of its windows. */
static void forget(const struct ainka_windows *windows, struct ainka_env *env)
{
	u32 i;

	for (i = 0; i < windows->n; i++)
		if (!of_system(&windows->def[i]))
			env->fresh[AINKA_SLOT_WINDOW + i] = 0;
}

/**
 * ainka_history_system - take in what the system's signals are now
 * @history: the past
 * @env: has the signals; gets the windows over them
 * @now_ns: time
 */
void ainka_history_system(struct ainka_history *history, struct ainka_env *env, u64 now_ns)
{
	env->windows = &history->windows;
	forget(&history->windows, env);
	pass(&history->windows, system_part(history), true, env, true, now_ns / 1000);
}

static u32 find(const struct ainka_history *history, u32 num, u64 id)
{
	u32 i;

	for (i = 0; i < history->places; i++)
		if (history->place[i].num == num && history->place[i].id == id)
			return i;
	return history->places;
}

/*
 * A place for somebody new: a free one, or that of the subject that was not seen
 * for longest. Who was seen in the last walk keeps it: he may come yet.
 */
static u32 take_place(struct ainka_history *history, u64 walk)
{
	u32 i, best = history->places;

	for (i = 0; i < history->places; i++) {
		const struct ainka_place *place = &history->place[i];

		if (!place->num)
			return i;
		if (place->walk + 1 >= walk)
			continue;
		if (best == history->places || place->walk < history->place[best].walk)
			best = i;
	}
	return best;
}

/**
 * ainka_history_subject - take in what a subject's signals are now
 * @history: the past
 * @env: has the signals; gets the windows over them
 * @num: number of the subject, not 0
 * @id: what tells it from others of that number
 * @walk: number of this walk over the subjects
 * @now_ns: time
 */
void ainka_history_subject(struct ainka_history *history, struct ainka_env *env, u32 num,
			   u64 id, u64 walk, u64 now_ns)
{
	u32 i = find(history, num, id);

	env->windows = &history->windows;
	if (!part_bytes(&history->windows, false))
		return;
	if (i == history->places) {
		i = take_place(history, walk);
		if (i == history->places) {
			history->no_place++;
			forget(&history->windows, env);
			return;
		}
		history->place[i].num = num;
		history->place[i].id = id;
		memset(subject_part(history, i), 0, part_bytes(&history->windows, false));
	}
	history->place[i].walk = walk;
	pass(&history->windows, subject_part(history, i), false, env, true, now_ns / 1000);
}

/**
 * ainka_history_show - let an environment see the windows as they are
 * @history: the past
 * @env: has the signals; gets the windows
 * @num: number of the subject, 0 for none
 * @id: what tells it from others of that number
 * @now_ns: time
 */
void ainka_history_show(const struct ainka_history *history, struct ainka_env *env, u32 num,
			u64 id, u64 now_ns)
{
	u32 i = num ? find(history, num, id) : history->places;

	env->windows = &history->windows;
	forget(&history->windows, env);
	pass(&history->windows, system_part(history), true, env, false, now_ns / 1000);
	if (i < history->places)
		pass(&history->windows, subject_part(history, i), false, env, false,
		     now_ns / 1000);
}
