/* See wellknown.h. */
#include "gateway/wellknown.h"

#include <string.h>

#include "base/clock.h"
#include "gateway/packer.h"

#define SECONDS_PER_DAY INT64_C(86400)
#define NANOS_PER_SECOND INT64_C(1000000000)
#define TIMESTAMP_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_MAX INT64_C(315576000000)

static const char NO_TIME[] = "must be a time like 2026-11-21T11:38:44Z";
static const char NO_DURATION[] = "must be a duration like 1.5s";
static const char NO_MASK[] = "must be names of fields in lowerCamelCase, joined by commas";

enum wellknown wellknown_of(const struct contract_message *message)
{
	static const struct {
		const char *name;
		enum wellknown kind;
	} kinds[] = {
		{ "Timestamp", WELLKNOWN_TIMESTAMP },
		{ "Duration", WELLKNOWN_DURATION },
		{ "FieldMask", WELLKNOWN_FIELD_MASK },
		{ "Any", WELLKNOWN_ANY },
	};
	static const char package[] = "google.protobuf.";

	if (strncmp(message->full_name, package, sizeof(package) - 1) != 0)
		return WELLKNOWN_NONE;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(message->full_name + sizeof(package) - 1, kinds[i].name) == 0)
			return kinds[i].kind;
	return WELLKNOWN_NONE;
}

bool wellknown_is_text(enum wellknown kind)
{
	return kind == WELLKNOWN_TIMESTAMP || kind == WELLKNOWN_DURATION || kind == WELLKNOWN_FIELD_MASK;
}

/* Takes one byte off the front if it is this one. */
static bool take(struct str *rest, char byte)
{
	if (rest->len == 0 || rest->data[0] != byte)
		return false;
	rest->data++;
	rest->len--;
	return true;
}

/* Takes exactly `count` digits. */
static bool take_digits(struct str *rest, size_t count, int64_t *ret_value)
{
	int64_t value = 0;

	if (rest->len < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (rest->data[i] < '0' || rest->data[i] > '9')
			return false;
		value = value * 10 + (rest->data[i] - '0');
	}
	*rest = (struct str){ rest->data + count, rest->len - count };
	*ret_value = value;
	return true;
}

static size_t count_digits(struct str text)
{
	size_t count = 0;

	while (count < text.len && text.data[count] >= '0' && text.data[count] <= '9')
		count++;
	return count;
}

/* An optional point with one to nine digits, in nanoseconds. */
static bool take_fraction(struct str *rest, int64_t *ret_nanos)
{
	int64_t nanos = 0;

	if (take(rest, '.')) {
		const size_t count = count_digits(*rest);

		if (count < 1 || count > 9 || !take_digits(rest, count, &nanos))
			return false;
		for (size_t i = count; i < 9; i++)
			nanos *= 10;
	}
	*ret_nanos = nanos;
	return true;
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to this date; the year is from 1 on. */
static int64_t days_since_epoch(int64_t year, int64_t month, int64_t day)
{
	const int64_t before = year - 1;
	int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;

	for (int64_t m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1;
}

static bool take_date(struct str *rest, int64_t *ret_days)
{
	int64_t year;
	int64_t month;
	int64_t day;

	if (!take_digits(rest, 4, &year) || !take(rest, '-') || !take_digits(rest, 2, &month) || !take(rest, '-') ||
	    !take_digits(rest, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	*ret_days = days_since_epoch(year, month, day);
	return true;
}

static bool take_clock(struct str *rest, int64_t *ret_seconds)
{
	int64_t hour;
	int64_t minute;
	int64_t second;

	if (!take_digits(rest, 2, &hour) || !take(rest, ':') || !take_digits(rest, 2, &minute) || !take(rest, ':') ||
	    !take_digits(rest, 2, &second) || hour > 23 || minute > 59 || second > 59)
		return false;
	*ret_seconds = (hour * 60 + minute) * 60 + second;
	return true;
}

/* "Z", "+02:00" or "-02:00", in seconds to the east. */
static bool take_offset(struct str *rest, int64_t *ret_seconds)
{
	int64_t hour;
	int64_t minute;

	if (take(rest, 'Z')) {
		*ret_seconds = 0;
		return true;
	}

	const int64_t sign = take(rest, '+') ? 1 : take(rest, '-') ? -1 : 0;

	if (sign == 0 || !take_digits(rest, 2, &hour) || !take(rest, ':') || !take_digits(rest, 2, &minute) ||
	    hour > 23 || minute > 59)
		return false;
	*ret_seconds = sign * (hour * 60 + minute) * 60;
	return true;
}

static void pack_time(struct buf *buf, int64_t seconds, int64_t nanos)
{
	if (seconds != 0) {
		pack_tag(buf, 1, WIRE_VARINT);
		pack_varint(buf, (uint64_t)seconds);
	}
	if (nanos != 0) {
		pack_tag(buf, 2, WIRE_VARINT);
		pack_varint(buf, (uint64_t)nanos);
	}
}

static const char *pack_timestamp(struct buf *buf, struct str text)
{
	int64_t days;
	int64_t clock;
	int64_t nanos;
	int64_t offset;

	if (!take_date(&text, &days) || !take(&text, 'T') || !take_clock(&text, &clock) ||
	    !take_fraction(&text, &nanos) || !take_offset(&text, &offset) || text.len != 0)
		return NO_TIME;

	const int64_t seconds = days * SECONDS_PER_DAY + clock - offset;

	if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX)
		return "is out of range";
	pack_time(buf, seconds, nanos);
	return NULL;
}

static const char *pack_duration(struct buf *buf, struct str text)
{
	const int64_t sign = take(&text, '-') ? -1 : 1;
	const size_t count = count_digits(text);
	int64_t seconds;
	int64_t nanos;

	if (count < 1 || count > 18 || !take_digits(&text, count, &seconds) || !take_fraction(&text, &nanos) ||
	    !take(&text, 's') || text.len != 0)
		return NO_DURATION;
	if (seconds > DURATION_MAX || (seconds == DURATION_MAX && nanos > 0))
		return "is out of range";
	pack_time(buf, sign * seconds, sign * nanos);
	return NULL;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

bool wellknown_snake(struct buf *buf, struct str camel)
{
	for (size_t i = 0; i < camel.len; i++) {
		const char c = camel.data[i];

		if (c == '_')
			return false;
		if (is_upper(c))
			buf_byte(buf, '_');
		buf_byte(buf, is_upper(c) ? (char)(c - 'A' + 'a') : c);
	}
	return camel.len > 0;
}

bool wellknown_camel(struct buf *buf, struct str snake)
{
	for (size_t i = 0; i < snake.len; i++) {
		const char c = snake.data[i];

		if (is_upper(c))
			return false;
		if (c != '_') {
			buf_byte(buf, c);
			continue;
		}
		i++;
		if (i == snake.len || !is_lower(snake.data[i]))
			return false;
		buf_byte(buf, (char)(snake.data[i] - 'a' + 'A'));
	}
	return snake.len > 0;
}

static const char *pack_mask(struct buf *buf, struct str text)
{
	struct str path;

	while (text.len > 0 && str_cut(&text, ',', &path)) {
		const size_t mark = pack_open(buf, 1);

		if (!wellknown_snake(buf, path))
			return NO_MASK;
		pack_close(buf, mark);
		if (text.data != NULL && text.len == 0)
			return NO_MASK;
	}
	return NULL;
}

const char *wellknown_pack(struct buf *buf, enum wellknown kind, struct str text)
{
	switch (kind) {
	case WELLKNOWN_TIMESTAMP:
		return pack_timestamp(buf, text);
	case WELLKNOWN_DURATION:
		return pack_duration(buf, text);
	case WELLKNOWN_FIELD_MASK:
		return pack_mask(buf, text);
	case WELLKNOWN_NONE:
	case WELLKNOWN_ANY:
		break;
	}
	return "cannot be given here";
}

static bool unpack_time(struct str content, int64_t *ret_seconds, int64_t *ret_nanos)
{
	struct wire_field field;

	*ret_seconds = 0;
	*ret_nanos = 0;
	while (content.len > 0) {
		if (!wire_next(&content, &field))
			return false;
		if (field.number == 1 && field.type == WIRE_VARINT)
			*ret_seconds = (int64_t)field.value;
		if (field.number == 2 && field.type == WIRE_VARINT)
			*ret_nanos = (int32_t)field.value;
	}
	return true;
}

/* No digits for a whole second, else three, six or nine. */
static void fraction_text(struct buf *buf, int64_t nanos)
{
	if (nanos == 0)
		return;
	if (nanos % 1000000 == 0)
		buf_printf(buf, ".%03d", (int)(nanos / 1000000));
	else if (nanos % 1000 == 0)
		buf_printf(buf, ".%06d", (int)(nanos / 1000));
	else
		buf_printf(buf, ".%09d", (int)nanos);
}

static bool timestamp_text(struct buf *buf, int64_t seconds, int64_t nanos)
{
	if (seconds < TIMESTAMP_MIN || seconds > TIMESTAMP_MAX || nanos < 0 || nanos >= NANOS_PER_SECOND)
		return false;

	const struct date date = clock_date(seconds * CLOCK_SECOND);
	const int of_day = (int)((seconds % SECONDS_PER_DAY + SECONDS_PER_DAY) % SECONDS_PER_DAY);

	buf_printf(buf, "%04d-%02d-%02dT%02d:%02d:%02d", date.year, date.month, date.day, of_day / 3600,
		   of_day / 60 % 60, of_day % 60);
	fraction_text(buf, nanos);
	buf_byte(buf, 'Z');
	return true;
}

static bool duration_text(struct buf *buf, int64_t seconds, int64_t nanos)
{
	if (seconds < -DURATION_MAX || seconds > DURATION_MAX || nanos <= -NANOS_PER_SECOND ||
	    nanos >= NANOS_PER_SECOND)
		return false;
	if ((seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0))
		return false;
	buf_text(buf, seconds < 0 || nanos < 0 ? "-" : "");
	buf_printf(buf, "%lld", (long long)(seconds < 0 ? -seconds : seconds));
	fraction_text(buf, nanos < 0 ? -nanos : nanos);
	buf_byte(buf, 's');
	return true;
}

static bool mask_text(struct buf *buf, struct str content)
{
	struct wire_field field;
	bool first = true;

	while (content.len > 0) {
		if (!wire_next(&content, &field))
			return false;
		if (field.number != 1 || field.type != WIRE_BYTES)
			continue;
		buf_text(buf, first ? "" : ",");
		first = false;
		if (!wellknown_camel(buf, field.bytes))
			return false;
	}
	return true;
}

bool wellknown_text(struct buf *buf, enum wellknown kind, struct str content)
{
	int64_t seconds;
	int64_t nanos;

	switch (kind) {
	case WELLKNOWN_TIMESTAMP:
		return unpack_time(content, &seconds, &nanos) && timestamp_text(buf, seconds, nanos);
	case WELLKNOWN_DURATION:
		return unpack_time(content, &seconds, &nanos) && duration_text(buf, seconds, nanos);
	case WELLKNOWN_FIELD_MASK:
		return mask_text(buf, content);
	case WELLKNOWN_NONE:
	case WELLKNOWN_ANY:
		break;
	}
	return false;
}
