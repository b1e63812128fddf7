/* Which texts have which form. */
#include "runtime/pb_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static void check(enum contract_format format, const char *const *good, const char *const *bad)
{
	for (; *good != NULL; good++)
		if (pb_format_violation(format, str_of(*good)) != NULL)
			fail_msg("refused: %s", *good);
	for (; *bad != NULL; bad++)
		if (pb_format_violation(format, str_of(*bad)) == NULL)
			fail_msg("taken: %s", *bad);
}

static void anything_goes(void **state)
{
	(void)state;
	check(FORMAT_ANY, (const char *const[]){ "x", "\xe2\x98\x83", " ", NULL }, (const char *const[]){ NULL });
}

static void uuids(void **state)
{
	(void)state;
	check(FORMAT_UUID,
	      (const char *const[]){ "018f2f6e-0000-7000-8000-000000000001", "018F2F6E-ABCD-7000-8000-00000000000F",
				     "00000000-0000-0000-0000-000000000000", NULL },
	      (const char *const[]){ "018f2f6e-0000-7000-8000-00000000000", "018f2f6e-0000-7000-8000-0000000000011",
				     "018f2f6e00007000800000000000000100000", "018f2f6g-0000-7000-8000-000000000001",
				     "{18f2f6e-0000-7000-8000-00000000000}", "x", NULL });
}

static void emails(void **state)
{
	(void)state;
	check(FORMAT_EMAIL,
	      (const char *const[]){ "ada@example.com", "a@b.de", "first.last+tag@sub.example-shop.co.uk",
				     "o'neil_x@example.com", X60 "1234@example.com", "a@xn--bcher-kva.example", NULL },
	      (const char *const[]){ "ada",
				     "ada@",
				     "@example.com",
				     "ada@example",
				     "ada@@example.com",
				     "a@b@example.com",
				     "a b@example.com",
				     ".ada@example.com",
				     "ada.@example.com",
				     "a..b@example.com",
				     "ada@.example.com",
				     "ada@example.com.",
				     "ada@-example.com",
				     "ada@example-.com",
				     "ada@exa_mple.com",
				     "ada@example..com",
				     "<ada@example.com>",
				     "ada@example.com\n",
				     "\xc3\xa4"
				     "da@example.com",
				     X60 "12345@example.com",
				     "a@" X60 "xxxx.com",
				     "a@" X60 "." X60 "." X60 "." X60 "." X60 ".com",
				     NULL });
}

static void codes(void **state)
{
	(void)state;
	check(FORMAT_CURRENCY_CODE, (const char *const[]){ "EUR", "USD", "XTS", NULL },
	      (const char *const[]){ "eur", "EU", "EURO", "E1R", "   ", "\xc3\x84R", NULL });
	check(FORMAT_COUNTRY_CODE, (const char *const[]){ "DE", "US", NULL },
	      (const char *const[]){ "de", "D", "DEU", "D1", NULL });
}

static void dates(void **state)
{
	(void)state;
	check(FORMAT_DATE,
	      (const char *const[]){ "2026-11-21", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "2026-04-30",
				     NULL },
	      (const char *const[]){ "2026-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-01", "2026-01-00",
				     "2026-1-1", "0000-01-01", "26-01-01", "2026/01/01", "2026-01-01T00:00:00Z",
				     "-026-01-01", "2026-01-0x", NULL });
}

static void urls(void **state)
{
	(void)state;
	check(FORMAT_URL,
	      (const char *const[]){ "http://example.com", "https://example.com/",
				     "https://example.com:8443/a/b?c=d&e=%20#f", "http://localhost:1",
				     "http://127.0.0.1/x", "http://[::1]:80/", "https://track.example.com?n=1", NULL },
	      (const char *const[]){ "example.com", "ftp://example.com", "http://", "https:///path",
				     "http://exa mple.com", "javascript:alert(1)", "http://example.com/<script>",
				     "http://user:secret@example.com/", "http://example.com:99999/",
				     "http://example.com:/", "http://example.com:8a/", "http://[::1", "http://[x]/",
				     "http://-a.com", "HTTP", "http://example.com/\xc3\xa4", "http://example.com/\n",
				     "http://a..b/", NULL });
}

static void urls_end_somewhere(void **state)
{
	char text[2100] = "https://example.com/";

	(void)state;
	memset(text + 20, 'x', sizeof(text) - 20);
	assert_null(pb_format_violation(FORMAT_URL, (struct str){ text, 2048 }));
	assert_non_null(pb_format_violation(FORMAT_URL, (struct str){ text, 2049 }));
}

static void skus(void **state)
{
	(void)state;
	check(FORMAT_SKU,
	      (const char *const[]){ "A", "1", "COFFEE-1KG", "a.b_c-d", "0123456789012345678901234567890123456789",
				     NULL },
	      (const char *const[]){ "-A", ".A", "_A", "A B", "A/B", "\xc3\x84",
				     "01234567890123456789012345678901234567890", NULL });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anything_goes),
		cmocka_unit_test(uuids),
		cmocka_unit_test(emails),
		cmocka_unit_test(codes),
		cmocka_unit_test(dates),
		cmocka_unit_test(urls),
		cmocka_unit_test(urls_end_somewhere),
		cmocka_unit_test(skus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
