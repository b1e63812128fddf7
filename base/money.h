/*
 * money: an amount in minor units (cents) of one currency, and arithmetic that cannot overflow silently.
 *
 * Invariants
 * - 64-bit integers only, never floating point. Amounts of different currencies never meet: the callers' rules check
 *   that.
 * - Every operation returns false on overflow and leaves its output untouched.
 * - Taxes are given in basis points (1 % = 100) and rounded half away from zero, once per line.
 *
 * Usage
 *     struct money net, tax, gross;
 *     if (!money_times(unit, quantity, &net) || !money_tax(net, 1900, &tax) || !money_add(net, tax, &gross))
 *             return status_of(&AMOUNT_TOO_LARGE);
 */
#ifndef QUAYSIDE_BASE_MONEY_H
#define QUAYSIDE_BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct money {
	int64_t minor;
};

#define MONEY_ZERO ((struct money){ 0 })

struct money money_of(int64_t minor);
bool money_add(struct money a, struct money b, struct money *ret_sum) MUST_USE;
bool money_subtract(struct money a, struct money b, struct money *ret_difference) MUST_USE;
bool money_times(struct money unit, int64_t quantity, struct money *ret_product) MUST_USE;

/* The tax on a net amount at a rate in basis points, rounded half away from zero. */
bool money_tax(struct money net, int32_t basis_points, struct money *ret_tax) MUST_USE;

/* -1, 0 or 1. */
int money_compare(struct money a, struct money b);

/* How many decimals the currency has (ISO 4217: JPY 0, EUR 2, KWD 3); -1 when the code is not in the list. */
int currency_decimals(const char *code);

/*
 * "1234.56" for 123456 and a currency with two decimals; the code itself is not added. Unknown currencies count as two
 * decimals.
 */
char *money_format(struct arena *arena, struct money amount, const char *currency_code);

#endif
