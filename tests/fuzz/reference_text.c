// SPDX-License-Identifier: Apache-2.0
/*
 * A condition, evaluated while it is read, by recursive descent. What is wrong is
 * only noted; the caller asks in the end.
 */
#include "reference.h"

enum { NUMBER, CONDITION };

struct unit {
	bool there;
	int kind;
	s64 size;
};

/* An operand: what it is, what it comes to, and in which unit. */
struct operand {
	int type;
	struct number number;
	enum truth truth;
	struct unit unit;
	bool constant;	/* known from the text alone */
	bool pending;	/* a constant with a unit, still in the smallest of its kind */
};

struct reader {
	const char *text;
	const char *at;
	u32 subject;
	bool has_model;
	struct number model;
	const struct trace *trace;
	bool wrong;
};

static struct operand disjunction(struct reader *r);

static struct operand fail(struct reader *r)
{
	r->wrong = true;
	return (struct operand){ 0 };
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
	       (c >= '0' && c <= '9');
}

static void blanks(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
		r->at++;
}

/* Is this what comes next? A word must end there. */
static bool next(struct reader *r, const char *what)
{
	size_t len = strlen(what);

	blanks(r);
	if (strncmp(r->at, what, len) || (letter(what[0]) && letter(r->at[len])))
		return false;
	r->at += len;
	return true;
}

static bool word(struct reader *r, char *to, size_t size)
{
	size_t n = 0;

	blanks(r);
	if (!letter(*r->at) || *r->at == '.' || (*r->at >= '0' && *r->at <= '9'))
		return false;
	while (letter(r->at[n])) {
		if (n + 1 < size)
			to[n] = r->at[n];
		n++;
	}
	to[n < size ? n : size - 1] = '\0';
	r->at += n;
	return true;
}

static const struct ainka_signal_def *signal_called(struct reader *r, const char *name)
{
	for (u32 i = 0; i < SIGNALS; i++)
		if (!strcmp(signal_at(i)->name, name))
			return may_read(signal_at(i)->id, r->subject) ? signal_at(i) : NULL;
	return NULL;
}

static struct operand reading(const struct ainka_signal_def *def, struct number value)
{
	struct operand o = { .number = value };

	o.unit.there = unit_of(def->unit, &o.unit.kind, &o.unit.size);
	return o;
}

static struct operand window(struct reader *r, u32 func)
{
	const struct ainka_signal_def *def;
	struct literal length;
	char name[64];

	if (!next(r, "(") || !word(r, name, sizeof(name)))
		return fail(r);
	def = signal_called(r, name);
	if (!def || !next(r, ","))
		return fail(r);
	blanks(r);
	if (*r->at < '0' || *r->at > '9' || !read_literal(r->at, &length) || length.kind != 0)
		return fail(r);
	r->at += length.len;
	if (length.number < 1000000000LL || length.number > 1800000000000LL ||
	    length.number % 1000000 || !next(r, ")"))
		return fail(r);
	return reading(def, window_now(r->trace, def->id, func, length.number / 1000000));
}

static struct operand named(struct reader *r)
{
	static const char * const func[] = { "rate", "delta", "avg", "min", "max" };
	const struct ainka_signal_def *def;
	char name[64];

	if (!word(r, name, sizeof(name)))
		return fail(r);
	if (!strcmp(name, "and") || !strcmp(name, "or") || !strcmp(name, "not"))
		return fail(r);
	for (u32 i = 0; i < ARRAY_SIZE(func); i++)
		if (!strcmp(name, func[i]))
			return window(r, i);
	if (!strcmp(name, "model"))
		return r->has_model ? (struct operand){ .number = r->model } : fail(r);
	def = signal_called(r, name);
	if (!def)
		return fail(r);
	return reading(def, signal_now(&r->trace->moment[r->trace->n - 1], def->id));
}

static struct operand literal(struct reader *r)
{
	struct operand o = { .constant = true, .number.known = true };
	struct literal lit;

	if (!read_literal(r->at, &lit))
		return fail(r);
	r->at += lit.len;
	o.number.value = lit.number;
	if (lit.kind >= 0) {
		o.pending = true;
		o.unit = (struct unit){ true, lit.kind, lit.size };
	}
	return o;
}

static struct operand primary(struct reader *r)
{
	struct operand o;

	blanks(r);
	if (next(r, "-")) {
		const struct number zero = { true, 0 };

		o = primary(r);
		if (o.type != NUMBER)
			return fail(r);
		o.number = arithmetic('-', zero, o.number);
		return o;
	}
	if (next(r, "(")) {
		o = disjunction(r);
		if (!next(r, ")"))
			return fail(r);
		return o;
	}
	if (*r->at >= '0' && *r->at <= '9')
		return literal(r);
	return named(r);
}

/* A constant takes the unit of what is beside it, exactly or not at all. */
static void settle(struct reader *r, struct operand *constant, const struct operand *other)
{
	if (!other->unit.there || other->unit.kind != constant->unit.kind ||
	    constant->number.value % other->unit.size) {
		r->wrong = true;
		return;
	}
	constant->number.value /= other->unit.size;
	constant->unit = other->unit;
	constant->pending = false;
}

static bool same_unit(struct unit a, struct unit b)
{
	return a.there == b.there && (!a.there || (a.kind == b.kind && a.size == b.size));
}

static bool plain(const struct operand *o)
{
	return o->constant && !o->unit.there;
}

/* The unit of a result; operands may be converted. */
static struct operand units(struct reader *r, char sign, struct operand *a, struct operand *b)
{
	struct operand result = { .constant = a->constant && b->constant };

	if (a->pending && b->pending && sign != '*') {
		if (a->unit.kind != b->unit.kind)
			r->wrong = true;
		if (sign != '/') {
			result.unit = a->unit;
			result.pending = true;
		}
		return result;
	}
	if (sign == '*' && (plain(a) || plain(b))) {
		result.unit = plain(a) ? b->unit : a->unit;
		result.pending = plain(a) ? b->pending : a->pending;
		return result;
	}
	if (sign == '/' && plain(b)) {
		result.unit = a->unit;
		result.pending = a->pending;
		return result;
	}
	if (sign == '*' && (a->pending || b->pending))
		r->wrong = true;
	else if (a->pending)
		settle(r, a, b);
	else if (b->pending)
		settle(r, b, a);
	if (sign == '*' || sign == '/')
		return result;
	if (plain(a))
		result.unit = b->unit;
	else if (plain(b) || same_unit(a->unit, b->unit))
		result.unit = a->unit;
	return result;
}

static struct operand combine(struct reader *r, char sign, struct operand a, struct operand b)
{
	struct operand result;

	if (a.type != NUMBER || b.type != NUMBER)
		return fail(r);
	result = units(r, sign, &a, &b);
	result.number = arithmetic(sign, a.number, b.number);
	/* nothing is known from the text of a division by zero */
	if (result.constant && !result.number.known)
		result.constant = false;
	if (!result.constant)
		result.pending = false;
	return result;
}

static struct operand product(struct reader *r)
{
	struct operand a = primary(r);

	for (;;) {
		if (next(r, "*"))
			a = combine(r, '*', a, primary(r));
		else if (next(r, "/"))
			a = combine(r, '/', a, primary(r));
		else if (next(r, "%"))
			a = combine(r, '%', a, primary(r));
		else
			return a;
		if (r->wrong)
			return a;
	}
}

static struct operand sum(struct reader *r)
{
	struct operand a = product(r);

	for (;;) {
		if (next(r, "+"))
			a = combine(r, '+', a, product(r));
		else if (next(r, "-"))
			a = combine(r, '-', a, product(r));
		else
			return a;
		if (r->wrong)
			return a;
	}
}

static const char *comparison_sign(struct reader *r)
{
	static const char * const sign[] = { "<=", ">=", "==", "!=", "<", ">" };

	for (u32 i = 0; i < ARRAY_SIZE(sign); i++)
		if (next(r, sign[i]))
			return sign[i];
	return NULL;
}

static struct operand comparison(struct reader *r)
{
	struct operand a = sum(r), b, result = { .type = CONDITION };
	const char *sign = comparison_sign(r);

	if (!sign)
		return a;
	b = sum(r);
	if (r->wrong || a.type != NUMBER || b.type != NUMBER)
		return fail(r);
	if (units(r, '<', &a, &b).pending || comparison_sign(r))
		return fail(r);
	result.truth = compare(sign, a.number, b.number);
	return result;
}

static struct operand negation(struct reader *r)
{
	struct operand o;

	blanks(r);
	if (!next(r, "not") && !(r->at[0] == '!' && r->at[1] != '=' && next(r, "!")))
		return comparison(r);
	o = negation(r);
	if (o.type != CONDITION)
		return fail(r);
	o.truth = o.truth == YES ? NO : o.truth == NO ? YES : UNKNOWN;
	return o;
}

static struct operand conjunction(struct reader *r)
{
	struct operand a = negation(r), b;

	while (!r->wrong && (next(r, "and") || next(r, "&&"))) {
		b = negation(r);
		if (a.type != CONDITION || b.type != CONDITION)
			return fail(r);
		if (a.truth == NO || b.truth == NO)
			a.truth = NO;
		else if (a.truth == UNKNOWN || b.truth == UNKNOWN)
			a.truth = UNKNOWN;
	}
	return a;
}

static struct operand disjunction(struct reader *r)
{
	struct operand a = conjunction(r), b;

	while (!r->wrong && (next(r, "or") || next(r, "||"))) {
		b = conjunction(r);
		if (a.type != CONDITION || b.type != CONDITION)
			return fail(r);
		if (a.truth == YES || b.truth == YES)
			a.truth = YES;
		else if (a.truth == UNKNOWN || b.truth == UNKNOWN)
			a.truth = UNKNOWN;
	}
	return a;
}

bool text_truth(const char *text, u32 subject, bool has_model, struct number model,
		const struct trace *trace, enum truth *result)
{
	struct reader r = {
		.text = text,
		.at = text,
		.subject = subject,
		.has_model = has_model,
		.model = model,
		.trace = trace,
	};
	struct operand o = disjunction(&r);

	blanks(&r);
	if (r.wrong || *r.at || o.type != CONDITION)
		return false;
	*result = o.truth;
	return true;
}
