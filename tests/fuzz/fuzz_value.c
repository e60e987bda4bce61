// SPDX-License-Identifier: Apache-2.0
/* Lines: the value, the names of values, the unit; then the bounds. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	char *text = take_line(&in), *names = take_line(&in), *unit = take_line(&in);
	struct ainka_bounds bounds = { .values = *names ? names : NULL };
	s64 baseline, present, model, written;
	bool known, has_model, accepted, clamped;
	struct ainka_err err = { 0 };
	struct ainka_value value;
	struct value expected;

	bounds.min = take_value(&in, &known);
	bounds.max = take_value(&in, &known);
	bounds.step = take_value(&in, &known);
	baseline = take_value(&in, &known);
	present = take_value(&in, &known);
	model = take_value(&in, &known);
	has_model = take_u8(&in) & 1;
	accepted = !ainka_value_parse(text, &bounds, *unit ? unit : NULL, has_model, &value, &err);
	CHECK(accepted == value_of_text(text, &bounds, *unit ? unit : NULL, has_model, &expected));
	if (accepted) {
		CHECK(value.op == expected.op && value.arg == expected.arg);
	} else {
		CHECK(err.msg[0] && err.pos + err.len <= strlen(text));
	}
	if (accepted && bounds.min <= bounds.max) {
		written = ainka_value_resolve(&value, &bounds, baseline, present, model, &clamped);
		CHECK(written == value_to_write(&expected, &bounds, baseline, present, model));
		CHECK(written >= bounds.min && written <= bounds.max);
	}
	free(text);
	free(names);
	free(unit);
	return 0;
}
