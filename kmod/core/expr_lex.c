// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr_lex.h"

static const struct ainka_unit units[] = {
	{ "us", AINKA_DIM_TIME, 1 },
	{ "ms", AINKA_DIM_TIME, 1000 },
	{ "s", AINKA_DIM_TIME, 1000000 },
	{ "min", AINKA_DIM_TIME, 60000000 },
	{ "bytes", AINKA_DIM_SIZE, 1 },
	{ "KiB", AINKA_DIM_SIZE, 1 << 10 },
	{ "MiB", AINKA_DIM_SIZE, 1 << 20 },
	{ "GiB", AINKA_DIM_SIZE, 1 << 30 },
	{ "permille", AINKA_DIM_SHARE, 1 },
	{ "%", AINKA_DIM_SHARE, 10 },
	{ "hz", AINKA_DIM_RATE, 1 },
};

/* Longer signs first, so that "<=" is not read as "<". */
static const struct {
	const char *sign;
	u8 kind;
	u8 op;
	u8 cmp;
} signs[] = {
	{ "<=", AINKA_TOKEN_BINARY, AINKA_OP_CMP, AINKA_CMP_LE },
	{ ">=", AINKA_TOKEN_BINARY, AINKA_OP_CMP, AINKA_CMP_GE },
	{ "==", AINKA_TOKEN_BINARY, AINKA_OP_CMP, AINKA_CMP_EQ },
	{ "!=", AINKA_TOKEN_BINARY, AINKA_OP_CMP, AINKA_CMP_NE },
	{ "||", AINKA_TOKEN_BINARY, AINKA_OP_OR, 0 },
	{ "&&", AINKA_TOKEN_BINARY, AINKA_OP_AND, 0 },
	{ "<", AINKA_TOKEN_BINARY, AINKA_OP_CMP, AINKA_CMP_LT },
	{ ">", AINKA_TOKEN_BINARY, AINKA_OP_CMP, AINKA_CMP_GT },
	{ "!", AINKA_TOKEN_NOT, AINKA_OP_NOT, 0 },
	{ "(", AINKA_TOKEN_OPEN, 0, 0 },
	{ ")", AINKA_TOKEN_CLOSE, 0, 0 },
	{ "+", AINKA_TOKEN_BINARY, AINKA_OP_ADD, 0 },
	{ "-", AINKA_TOKEN_BINARY, AINKA_OP_SUB, 0 },
	{ "*", AINKA_TOKEN_BINARY, AINKA_OP_MUL, 0 },
	{ "/", AINKA_TOKEN_BINARY, AINKA_OP_DIV, 0 },
	{ "%", AINKA_TOKEN_BINARY, AINKA_OP_MOD, 0 },
};

static const struct {
	const char *word;
	u8 kind;
	u8 op;
} words[] = {
	{ "or", AINKA_TOKEN_BINARY, AINKA_OP_OR },
	{ "and", AINKA_TOKEN_BINARY, AINKA_OP_AND },
	{ "not", AINKA_TOKEN_NOT, AINKA_OP_NOT },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c) || c == '.';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool same(const char *name, const char *s, u32 len)
{
	return !strncmp(name, s, len) && !name[len];
}

/**
 * ainka_unit_by_name - find a unit
 * @name: how it is written, need not be terminated
 * @len: its length
 *
 * Return: the unit, or NULL for a plain number ("count") and for what is unknown.
 */
const struct ainka_unit *ainka_unit_by_name(const char *name, u32 len)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (same(units[i].name, name, len))
			return &units[i];
	return NULL;
}

static int too_large(const struct ainka_token *tok, struct ainka_err *err)
{
	return ainka_err_say(err, tok->pos, tok->len,
			     "the number is larger than 9223372036854775807");
}

static int lex_unit(const char *text, u32 end, struct ainka_token *tok, struct ainka_err *err)
{
	struct ainka_text t;
	u32 len = text[end] == '%';

	if (!len)
		while (is_word(text[end + len]))
			len++;
	tok->len += len;
	if (!len)
		return 0;
	if (text[end] == '.')
		return ainka_err_say(err, tok->pos, tok->len,
				     "numbers are whole: take a smaller unit, such as 1500us");
	tok->unit = ainka_unit_by_name(text + end, len);
	if (tok->unit) {
		if (__builtin_mul_overflow(tok->num, tok->unit->factor, &tok->num))
			return too_large(tok, err);
		return 0;
	}
	ainka_err_start(&t, err, end, len);
	ainka_text_str(&t, "unknown unit ");
	ainka_text_put(&t, text + end, len < 24 ? len : 24);
	ainka_text_str(&t, ": us ms s min bytes KiB MiB GiB permille % hz are known");
	ainka_text_end(&t);
	return -EINVAL;
}

static int lex_number(const char *text, struct ainka_token *tok, struct ainka_err *err)
{
	bool overflow = false;
	u32 i = tok->pos;

	tok->kind = AINKA_TOKEN_NUMBER;
	/* 1_000_000: a separator stands between digits only, so that 5_ is no number. */
	while (is_digit(text[i]) || (text[i] == '_' && is_digit(text[i + 1]))) {
		if (text[i] != '_')
			overflow |= __builtin_mul_overflow(tok->num, 10, &tok->num) ||
				    __builtin_add_overflow(tok->num, text[i] - '0', &tok->num);
		i++;
	}
	tok->len = i - tok->pos;
	if (overflow)
		return too_large(tok, err);
	return lex_unit(text, i, tok, err);
}

static void lex_word(const char *text, struct ainka_token *tok)
{
	u32 i;

	while (is_word(text[tok->pos + tok->len]))
		tok->len++;
	tok->kind = AINKA_TOKEN_WORD;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (!same(words[i].word, text + tok->pos, tok->len))
			continue;
		tok->kind = words[i].kind;
		tok->op = words[i].op;
	}
}

static int lex_sign(const char *text, struct ainka_token *tok, struct ainka_err *err)
{
	const char *s = text + tok->pos;
	struct ainka_text t;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(signs); i++) {
		u32 len = strlen(signs[i].sign);

		if (strncmp(signs[i].sign, s, len))
			continue;
		tok->kind = signs[i].kind;
		tok->op = signs[i].op;
		tok->cmp = signs[i].cmp;
		tok->len = len;
		return 0;
	}
	ainka_err_start(&t, err, tok->pos, 1);
	ainka_text_str(&t, "unexpected character '");
	ainka_text_put(&t, s, 1);
	ainka_text_str(&t, *s == '=' ? "': comparisons are < <= > >= == !=" :
		       *s == '&' || *s == '|' ? "': write and, or" : "'");
	ainka_text_end(&t);
	return -EINVAL;
}

/**
 * ainka_lex - read one word
 * @text: NUL-terminated text
 * @pos: where to start
 * @tok: out, the word; the next one starts behind it
 * @err: out; may be NULL
 *
 * Return: 0, or -EINVAL.
 */
int ainka_lex(const char *text, u32 pos, struct ainka_token *tok, struct ainka_err *err)
{
	memset(tok, 0, sizeof(*tok));
	while (is_blank(text[pos]))
		pos++;
	tok->pos = pos;
	if (!text[pos])
		return 0;
	if (is_digit(text[pos]))
		return lex_number(text, tok, err);
	if (is_letter(text[pos])) {
		lex_word(text, tok);
		return 0;
	}
	return lex_sign(text, tok, err);
}
