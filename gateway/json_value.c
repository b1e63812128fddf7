/* Numbers of JSON, and the writer. See json.h. */
#include "gateway/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX 1000000 /* far beyond what matters; keeps sums from overflowing */

/* A number taken apart: digits without leading or trailing zeros, times ten to the exponent. */
struct decimal {
	bool negative;
	const char *digits; /* may have a '.' inside */
	const char *end;
	int64_t exponent;
};

static int64_t exponent_of(const char *at, const char *end)
{
	const bool negative = at < end && *at == '-';
	int64_t value = 0;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (; at < end && value < EXPONENT_MAX; at++)
		value = value * 10 + (*at - '0');
	return negative ? -value : value;
}

static struct decimal take_apart(struct str number)
{
	struct decimal d = { .negative = number.data[0] == '-',
			     .digits = number.data,
			     .end = number.data + number.len };
	const char *dot;

	d.digits += d.negative ? 1 : 0;
	for (const char *at = d.digits; at < number.data + number.len; at++)
		if (*at == 'e' || *at == 'E') {
			d.end = at;
			d.exponent = exponent_of(at + 1, number.data + number.len);
			break;
		}
	dot = memchr(d.digits, '.', (size_t)(d.end - d.digits));
	if (dot != NULL)
		d.exponent -= d.end - dot - 1;
	while (d.end > d.digits && (d.end[-1] == '0' || d.end[-1] == '.')) {
		d.exponent += d.end[-1] == '0';
		d.end--;
	}
	while (d.digits < d.end && (*d.digits == '0' || *d.digits == '.'))
		d.digits++;
	return d;
}

bool json_whole(struct str number, bool *ret_negative, uint64_t *ret_magnitude)
{
	const struct decimal d = take_apart(number);
	uint64_t value = 0;

	if (d.digits == d.end) {
		*ret_negative = false;
		*ret_magnitude = 0;
		return true;
	}
	if (d.exponent < 0 || d.exponent > 19)
		return false;
	for (const char *at = d.digits; at < d.end; at++)
		if (*at != '.' && (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
				   __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)))
			return false;
	for (int64_t i = 0; i < d.exponent; i++)
		if (__builtin_mul_overflow(value, UINT64_C(10), &value))
			return false;
	*ret_negative = d.negative;
	*ret_magnitude = value;
	return true;
}

/* strtod(3) follows the locale, which this program never sets. */
bool json_double(struct arena *arena, struct str number, double *ret_value)
{
	const double value = strtod(arena_strndup(arena, number.data, number.len), NULL);

	if (isinf(value))
		return false;
	*ret_value = value;
	return true;
}

bool json_float(struct arena *arena, struct str number, float *ret_value)
{
	const float value = strtof(arena_strndup(arena, number.data, number.len), NULL);

	if (isinf(value))
		return false;
	*ret_value = value;
	return true;
}

static void before_value(struct json_writer *writer)
{
	if (writer->comma)
		buf_byte(writer->out, ',');
	writer->comma = true;
}

void json_open(struct json_writer *writer, char bracket)
{
	before_value(writer);
	buf_byte(writer->out, bracket);
	writer->comma = false;
}

void json_close(struct json_writer *writer, char bracket)
{
	buf_byte(writer->out, bracket);
	writer->comma = true;
}

void json_name(struct json_writer *writer, const char *name)
{
	before_value(writer);
	buf_json(writer->out, name, strlen(name));
	buf_byte(writer->out, ':');
	writer->comma = false;
}

void json_text(struct json_writer *writer, struct str text)
{
	before_value(writer);
	buf_json(writer->out, text.data, text.len);
}

void json_raw(struct json_writer *writer, const char *text)
{
	before_value(writer);
	buf_text(writer->out, text);
}

void json_base64(struct json_writer *writer, struct str bytes)
{
	before_value(writer);
	buf_byte(writer->out, '"');
	buf_base64(writer->out, bytes.data, bytes.len);
	buf_byte(writer->out, '"');
}

void json_int(struct json_writer *writer, int64_t value)
{
	before_value(writer);
	buf_printf(writer->out, "%lld", (long long)value);
}

static const char *special(double value)
{
	if (isnan(value))
		return "\"NaN\"";
	if (isinf(value))
		return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
	return NULL;
}

void json_from_double(struct json_writer *writer, double value)
{
	char text[32];

	if (special(value) != NULL) {
		json_raw(writer, special(value));
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		(void)snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value)
			break;
	}
	json_raw(writer, text);
}

void json_from_float(struct json_writer *writer, float value)
{
	char text[32];

	if (special((double)value) != NULL) {
		json_raw(writer, special((double)value));
		return;
	}
	for (int precision = 6; precision <= 9; precision++) {
		(void)snprintf(text, sizeof(text), "%.*g", precision, (double)value);
		if (strtof(text, NULL) == value)
			break;
	}
	json_raw(writer, text);
}
