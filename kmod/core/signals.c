// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "signals.h"

/* Longest name that is compared for likeness. */
#define NAME_MAX_LEN	63

/* What ainka_signals_extend() was given. */
static const struct ainka_signal_def *const *external;

/**
 * ainka_signals_extend - hand in the signals that are registered at run time
 * @table: AINKA_N_EXTERNAL entries, NULL where there is none; NULL for no table
 *
 * Entry n has the id AINKA_SIG(AINKA_SUBJECT_SYSTEM, AINKA_EXTERNAL_FIRST + n).
 * Entries may appear at any time, published with release order; one that is
 * there stays, so that whoever has found it needs no lock.
 */
void ainka_signals_extend(const struct ainka_signal_def *const *table)
{
	external = table;
}

static const struct ainka_signal_def *external_at(u32 i)
{
	return external ? __atomic_load_n(&external[i], __ATOMIC_ACQUIRE) : NULL;
}

static bool is_named(const struct ainka_signal_def *def, const char *name, u32 len)
{
	return !strncmp(def->name, name, len) && !def->name[len];
}

/**
 * ainka_subject_name - name of a subject
 * @subject: enum ainka_subject
 *
 * Return: its name, or "?".
 */
const char *ainka_subject_name(u32 subject)
{
	static const char * const name[] = {
		[AINKA_SUBJECT_SYSTEM] = "system",
		[AINKA_SUBJECT_TASK] = "task",
		[AINKA_SUBJECT_CGROUP] = "cgroup",
		[AINKA_SUBJECT_DEVICE] = "device",
	};

	return subject < ARRAY_SIZE(name) ? name[subject] : "?";
}

/**
 * ainka_signal_by_name - find a signal by its name
 * @name: name, need not be terminated
 * @len: its length
 *
 * Return: the signal, or NULL.
 */
const struct ainka_signal_def *ainka_signal_by_name(const char *name, u32 len)
{
	u32 i;

	for (i = 0; i < AINKA_N_SIGNALS; i++)
		if (is_named(&ainka_signals[i], name, len))
			return &ainka_signals[i];
	for (i = 0; i < AINKA_N_EXTERNAL; i++) {
		const struct ainka_signal_def *def = external_at(i);

		if (def && is_named(def, name, len))
			return def;
	}
	return NULL;
}

/**
 * ainka_signals_of - how many signals a subject has of its own
 * @subject: enum ainka_subject
 *
 * Return: their number.
 */
u32 ainka_signals_of(u32 subject)
{
	/* by enum ainka_subject */
	static const u32 size[] = {
		AINKA_N_SYSTEM_SIGNALS, AINKA_N_TASK_SIGNALS,
		AINKA_N_CGROUP_SIGNALS, AINKA_N_DEVICE_SIGNALS,
	};

	return subject < ARRAY_SIZE(size) ? size[subject] : 0;
}

/**
 * ainka_signal_by_id - find a signal by its id
 * @id: AINKA_SIG()
 *
 * Return: the signal, or NULL.
 */
const struct ainka_signal_def *ainka_signal_by_id(u16 id)
{
	u32 bank = AINKA_SIG_BANK(id), index = AINKA_SIG_INDEX(id), i;

	if (!bank && index >= AINKA_EXTERNAL_FIRST)
		return external_at(index - AINKA_EXTERNAL_FIRST);
	if (index >= ainka_signals_of(bank))
		return NULL;
	/* the table is sorted by id: the subjects one after the other */
	for (i = 0; i < bank; i++)
		index += ainka_signals_of(i);
	return &ainka_signals[index];
}

/**
 * ainka_signal_fits - may a policy read this signal?
 * @id: AINKA_SIG()
 * @subject: what the policy is evaluated for
 *
 * Return: true for the system's signals and for those of the subject.
 */
bool ainka_signal_fits(u16 id, u32 subject)
{
	u32 bank = AINKA_SIG_BANK(id);

	return ainka_signal_by_id(id) && (bank == AINKA_SUBJECT_SYSTEM || bank == subject);
}

/* Edits (insert, delete, replace) that make one name of the other. */
static u32 distance(const char *a, u32 a_len, const char *b, u32 b_len)
{
	u8 row[NAME_MAX_LEN + 1];
	u32 i, j;

	for (j = 0; j <= b_len; j++)
		row[j] = j;
	for (i = 1; i <= a_len; i++) {
		u32 diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= b_len; j++) {
			u32 best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1u < best)
				best = row[j] + 1u;
			if (row[j - 1] + 1u < best)
				best = row[j - 1] + 1u;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_len];
}

/**
 * ainka_signal_nearest - the signal somebody may have meant
 * @name: what was written
 * @len: its length
 * @subject: only signals that a policy of this subject may read
 *
 * Return: the signal with the fewest edits, or NULL when none is alike.
 */
const struct ainka_signal_def *ainka_signal_nearest(const char *name, u32 len, u32 subject)
{
	const struct ainka_signal_def *nearest = NULL;
	u32 best, i;

	if (len > NAME_MAX_LEN)
		return NULL;
	/* More than a third wrong is another name, not a slip. */
	best = len / 3 + 2;
	for (i = 0; i < AINKA_N_SIGNALS + AINKA_N_EXTERNAL; i++) {
		const struct ainka_signal_def *def = i < AINKA_N_SIGNALS ? &ainka_signals[i] :
						     external_at(i - AINKA_N_SIGNALS);
		u32 def_len, d;

		if (!def)
			continue;
		def_len = strlen(def->name);
		if (def_len > NAME_MAX_LEN || !ainka_signal_fits(def->id, subject))
			continue;
		d = distance(name, len, def->name, def_len);
		if (d < best) {
			best = d;
			nearest = def;
		}
	}
	return nearest;
}
