/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Private to expr_*.c: the words of a condition's text. */
#ifndef AINKA_CORE_EXPR_LEX_H
#define AINKA_CORE_EXPR_LEX_H

#include "expr.h"
#include "units.h"

enum ainka_token_kind {
	AINKA_TOKEN_END,
	AINKA_TOKEN_NUMBER,
	AINKA_TOKEN_WORD,	/* a signal or "model" */
	AINKA_TOKEN_BINARY,
	AINKA_TOKEN_NOT,
	AINKA_TOKEN_OPEN,
	AINKA_TOKEN_CLOSE,
	AINKA_TOKEN_COMMA,
};

/**
 * struct ainka_token - a word of the text
 * @kind: enum ainka_token_kind
 * @op: of an operator
 * @cmp: of a comparison
 * @pos: where it starts
 * @len: its length
 * @num: of a number, in the smallest unit of its dimension
 * @unit: of a number that has one
 */
struct ainka_token {
	u8 kind;
	u8 op;
	u8 cmp;
	u16 pos;
	u16 len;
	s64 num;
	const struct ainka_unit *unit;
};

int ainka_lex(const char *text, u32 pos, struct ainka_token *tok, struct ainka_err *err);

#endif
