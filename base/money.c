/* See money.h. */
#include "base/money.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* Wide enough for any 64-bit amount times any rate. */
__extension__ typedef __int128 wide;

struct money money_of(int64_t minor)
{
	return (struct money){ minor };
}

bool money_add(struct money a, struct money b, struct money *ret_sum)
{
	int64_t minor;

	if (__builtin_add_overflow(a.minor, b.minor, &minor))
		return false;
	ret_sum->minor = minor;
	return true;
}

bool money_subtract(struct money a, struct money b, struct money *ret_difference)
{
	int64_t minor;

	if (__builtin_sub_overflow(a.minor, b.minor, &minor))
		return false;
	ret_difference->minor = minor;
	return true;
}

bool money_times(struct money unit, int64_t quantity, struct money *ret_product)
{
	int64_t minor;

	if (__builtin_mul_overflow(unit.minor, quantity, &minor))
		return false;
	ret_product->minor = minor;
	return true;
}

bool money_tax(struct money net, int32_t basis_points, struct money *ret_tax)
{
	const wide exact = (wide)net.minor * basis_points; /* in 1/10000 of a minor unit */
	const wide rounded = (exact + (exact < 0 ? -5000 : 5000)) / 10000;

	if (rounded < INT64_MIN || rounded > INT64_MAX)
		return false;
	ret_tax->minor = (int64_t)rounded;
	return true;
}

int money_compare(struct money a, struct money b)
{
	return (a.minor > b.minor) - (a.minor < b.minor);
}

/*
 * ISO 4217, the currencies in use (funds codes included; metals, test codes and units of account have no minor unit and
 * are left out). ANG and BGN were withdrawn in 2025 and 2026 and stay, since old amounts must still be shown.
 */
static const struct {
	const char *codes;
	int decimals;
} CURRENCIES[] = {
	{ "EUR USD GBP CHF "
	  "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
	  "CAD CDF CHE CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB FJD FKP GEL GHS GIP GMD GTQ "
	  "GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA "
	  "MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
	  "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY "
	  "TTD TWD TZS UAH USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ",
	  2 },
	{ "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ", 0 },
	{ "BHD IQD JOD KWD LYD OMR TND ", 3 },
	{ "CLF UYW ", 4 },
};

int currency_decimals(const char *code)
{
	if (code == NULL || strlen(code) != 3)
		return -1;
	for (size_t i = 0; i < sizeof(CURRENCIES) / sizeof(CURRENCIES[0]); i++)
		for (const char *at = CURRENCIES[i].codes; *at != '\0'; at += 4)
			if (memcmp(at, code, 3) == 0)
				return CURRENCIES[i].decimals;
	return -1;
}

char *money_format(struct arena *arena, struct money amount, const char *currency_code)
{
	static const uint64_t powers[] = { 1, 10, 100, 1000, 10000 };
	const int known = currency_decimals(currency_code);
	const int decimals = known < 0 ? 2 : known;
	const char *sign = amount.minor < 0 ? "-" : "";
	/* Negated as unsigned: INT64_MIN has no positive counterpart. */
	const uint64_t magnitude = amount.minor < 0 ? 0 - (uint64_t)amount.minor : (uint64_t)amount.minor;

	if (decimals == 0)
		return arena_printf(arena, "%s%" PRIu64, sign, magnitude);
	return arena_printf(arena, "%s%" PRIu64 ".%0*" PRIu64, sign, magnitude / powers[decimals], decimals,
			    magnitude % powers[decimals]);
}
