// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
#include "expr_lex.h"

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
	{ ",", AINKA_TOKEN_COMMA, 0, 0 },
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

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool same(const char *name, const char *s, u32 len)
{
	return !strncmp(name, s, len) && !name[len];
}

static int lex_number(const char *text, struct ainka_token *tok, struct ainka_err *err)
{
	struct ainka_literal lit;
	int ret = ainka_literal_read(text, tok->pos, &lit, err);

	tok->kind = AINKA_TOKEN_NUMBER;
	tok->len = lit.len;
	tok->num = lit.num;
	tok->unit = lit.unit;
	return ret;
}

static void lex_word(const char *text, struct ainka_token *tok)
{
	u32 i;

	while (ainka_is_word(text[tok->pos + tok->len]))
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
	if (ainka_is_digit(text[pos]))
		return lex_number(text, tok, err);
	if (ainka_is_word(text[pos]) && text[pos] != '.') {
		lex_word(text, tok);
		return 0;
	}
	return lex_sign(text, tok, err);
}
