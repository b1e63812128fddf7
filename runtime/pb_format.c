/* The forms of texts (quayside.common.v1.Format). */
#include "runtime/pb_private.h"

#include <string.h>

#include "base/uuid.h"

#define LOCAL_PART_MAX 64 /* RFC 5321, 4.5.3.1 */
#define DOMAIN_MAX 253    /* RFC 1035, 2.3.4, without the last dot */
#define LABEL_MAX 63
#define URL_MAX 2048
#define SKU_MAX 40

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_uuid(struct str text)
{
	char copy[UUID_TEXT];

	if (text.len != UUID_TEXT - 1)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return uuid_valid(copy);
}

/* Dots part what is not empty; each character is alphanumeric or one of more. */
static bool is_dotted(struct str text, const char *more)
{
	char before = '.';

	for (size_t i = 0; i < text.len; before = text.data[i++]) {
		const char c = text.data[i];

		if (c == '.' ? before == '.' : !is_alnum(c) && (c == '\0' || strchr(more, c) == NULL))
			return false;
	}
	return before != '.';
}

static bool is_label(struct str label)
{
	return label.len > 0 && label.len <= LABEL_MAX && label.data[0] != '-' && label.data[label.len - 1] != '-';
}

/* A host name (RFC 1123, 2.1) with so many dots at least. */
static bool is_domain(struct str text, size_t dots)
{
	struct str rest = text, label;
	size_t labels = 0;

	if (text.len > DOMAIN_MAX || !is_dotted(text, "-"))
		return false;
	for (; str_cut(&rest, '.', &label); labels++)
		if (!is_label(label))
			return false;
	return labels > dots;
}

/* A dot-atom, an at sign and a domain with a dot: what people have (RFC 5322 allows more). */
static bool is_email(struct str text)
{
	struct str domain = text, local;

	return str_cut(&domain, '@', &local) && domain.data != NULL && local.len <= LOCAL_PART_MAX &&
	       is_dotted(local, "!#$%&'*+-/=?^_`{|}~") && is_domain(domain, 1);
}

static bool is_capitals(struct str text, size_t count)
{
	if (text.len != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!is_upper(text.data[i]))
			return false;
	return true;
}

/* The number in so many digits, or -1. */
static int digits(const char *at, size_t count)
{
	int number = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_digit(at[i]))
			return -1;
		number = number * 10 + (at[i] - '0');
	}
	return number;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool is_date(struct str text)
{
	if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-')
		return false;

	const int year = digits(text.data, 4), month = digits(text.data + 5, 2), day = digits(text.data + 8, 2);

	return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month);
}

/* Printable ASCII that RFC 3986 allows without quoting. */
static bool is_url_text(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~' || strchr("\"<>\\^`{|}", text.data[i]) != NULL)
			return false;
	return true;
}

static bool is_ipv6(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_digit(text.data[i]) && strchr("abcdefABCDEF:.", text.data[i]) == NULL)
			return false;
	return text.len >= 2;
}

static bool is_port(struct str text)
{
	uint64_t port;

	return text.len > 0 && is_digit(text.data[0]) && str_to_uint64(text, &port) && port <= UINT16_MAX;
}

/* Host and port. User names and passwords are not taken (RFC 9110, 4.2.4). */
static bool is_authority(struct str text)
{
	struct str host = text, port = { NULL, 0 };

	if (str_starts(text, "[")) {
		struct str rest = { text.data + 1, text.len - 1 };

		if (!str_cut(&rest, ']', &host) || rest.data == NULL || !is_ipv6(host))
			return false;
		return rest.len == 0 || (rest.data[0] == ':' && is_port((struct str){ rest.data + 1, rest.len - 1 }));
	}
	port = text;
	(void)str_cut(&port, ':', &host);
	return is_domain(host, 0) && (port.data == NULL || is_port(port));
}

static bool is_url(struct str text)
{
	const size_t scheme = str_starts(text, "https://") ? 8 : str_starts(text, "http://") ? 7 : 0;
	size_t end = scheme;

	if (scheme == 0 || text.len > URL_MAX || !is_url_text(text))
		return false;
	while (end < text.len && strchr("/?#", text.data[end]) == NULL)
		end++;
	return is_authority((struct str){ text.data + scheme, end - scheme });
}

static bool is_sku(struct str text)
{
	if (text.len > SKU_MAX || text.len == 0 || !is_alnum(text.data[0]))
		return false;
	for (size_t i = 1; i < text.len; i++)
		if (!is_alnum(text.data[i]) && strchr("._-", text.data[i]) == NULL)
			return false;
	return true;
}

const char *pb_format_violation(enum contract_format format, struct str text)
{
	switch (format) {
	case FORMAT_ANY:
		return NULL;
	case FORMAT_UUID:
		return is_uuid(text) ? NULL : "must be a UUID";
	case FORMAT_EMAIL:
		return is_email(text) ? NULL : "must be an e-mail address";
	case FORMAT_CURRENCY_CODE:
		return is_capitals(text, 3) ? NULL : "must be a currency code of three capital letters (ISO 4217)";
	case FORMAT_COUNTRY_CODE:
		return is_capitals(text, 2) ? NULL : "must be a country code of two capital letters (ISO 3166-1)";
	case FORMAT_DATE:
		return is_date(text) ? NULL : "must be a date, year-month-day, for example 2026-11-21";
	case FORMAT_URL:
		return is_url(text) ? NULL : "must be a web address that begins with http:// or https://";
	case FORMAT_SKU:
		return is_sku(text)
			   ? NULL
			   : "must be a letter or digit, then up to 39 letters, digits, dots, underscores or hyphens";
	}
	return NULL;
}
