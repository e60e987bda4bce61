// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* rate(signal, 5s) and its like: windows that a condition reads as if they were signals. */
#include "expr_emit.h"
#include "window.h"

#define NS_PER_MS	1000000

static u8 func_of(const struct ainka_emit *e, const struct ainka_token *tok)
{
	u8 func;

	for (func = 0; func < AINKA_N_WINDOW_FUNCS; func++) {
		const char *name = ainka_window_name(func);

		if (!strncmp(name, e->text + tok->pos, tok->len) && !name[tok->len])
			break;
	}
	return func;
}

/**
 * ainka_is_window - does this word begin a window?
 * @e: program
 * @tok: the word
 *
 * Return: true for the name of a function.
 */
bool ainka_is_window(const struct ainka_emit *e, const struct ainka_token *tok)
{
	return func_of(e, tok) < AINKA_N_WINDOW_FUNCS;
}

/* The next word, which must be of this kind. */
static int expect(struct ainka_emit *e, struct ainka_token *tok, u8 kind, const char *msg)
{
	int ret = ainka_lex(e->text, tok->pos + tok->len, tok, e->err);

	if (ret || tok->kind == kind)
		return ret;
	return ainka_err_say(e->err, tok->pos, tok->len, msg);
}

static int length_of(struct ainka_emit *e, const struct ainka_token *tok, u32 *length_ms)
{
	if (!tok->unit || tok->unit->dim != AINKA_DIM_TIME)
		return ainka_err_say(e->err, tok->pos, tok->len,
				     "the length of a window is a time, such as 5s");
	if (tok->num < (s64)AINKA_WINDOW_MIN_MS * NS_PER_MS ||
	    tok->num > (s64)AINKA_WINDOW_MAX_MS * NS_PER_MS)
		return ainka_err_say(e->err, tok->pos, tok->len, "a window is 1s to 30min long");
	if (tok->num % NS_PER_MS)
		return ainka_err_say(e->err, tok->pos, tok->len,
				     "the length of a window is whole milliseconds");
	*length_ms = tok->num / NS_PER_MS;
	return 0;
}

/* The number of a window, which may be there already. */
static int number_of(struct ainka_emit *e, const struct ainka_window_def *def, u32 pos, u32 end,
		     u32 *number)
{
	struct ainka_windows *windows = e->windows;
	u32 i;

	for (i = 0; i < windows->n; i++)
		if (windows->def[i].signal == def->signal && windows->def[i].func == def->func &&
		    windows->def[i].length_ms == def->length_ms)
			break;
	if (i == AINKA_WINDOWS_MAX)
		return ainka_err_say(e->err, pos, end - pos, "a policy has at most 8 windows");
	if (i == windows->n)
		windows->def[windows->n++] = *def;
	*number = i;
	return 0;
}

/**
 * ainka_emit_window - emit the reading of a window
 * @e: program
 * @tok: the name of its function; afterwards the whole call
 * @subject: what the policy is evaluated for
 *
 * Return: 0, or -EINVAL.
 */
int ainka_emit_window(struct ainka_emit *e, struct ainka_token *tok, u32 subject)
{
	struct ainka_window_def def = { .func = func_of(e, tok) };
	const struct ainka_signal_def *signal;
	struct ainka_token next = *tok;
	u32 end, number = 0;
	int ret;

	if (!e->windows)
		return ainka_err_say(e->err, tok->pos, tok->len, "windows are not possible here");
	ret = expect(e, &next, AINKA_TOKEN_OPEN, "a window is written rate(signal, 5s)");
	if (!ret)
		ret = expect(e, &next, AINKA_TOKEN_WORD,
			     "a window looks at a signal: rate(signal, 5s)");
	if (ret)
		return ret;
	signal = ainka_emit_signal(e, &next, subject);
	if (!signal)
		return -EINVAL;
	def.signal = signal->id;
	ret = expect(e, &next, AINKA_TOKEN_COMMA,
		     "a window looks at one signal, then comes its length: rate(signal, 5s)");
	if (!ret)
		ret = expect(e, &next, AINKA_TOKEN_NUMBER,
			     "the length of a window is a time, such as 5s");
	if (!ret)
		ret = length_of(e, &next, &def.length_ms);
	if (!ret)
		ret = expect(e, &next, AINKA_TOKEN_CLOSE, "a window ends here, with )");
	if (ret)
		return ret;
	end = next.pos + next.len;
	ret = number_of(e, &def, tok->pos, end, &number);
	if (ret)
		return ret;
	tok->len = end - tok->pos;
	return ainka_emit_read(e, AINKA_SIG(AINKA_BANK_WINDOW, number), signal, tok->pos, end);
}
