// Values as people read and write them, in the browser's language. 64-bit numbers come as texts and stay BigInt: nothing is rounded. No DOM in here.

/** "1,234.56 €" for { currencyCode: 'EUR', minorUnits: '123456' }. */
export function formatMoney(money, locale) {
	const format = currencyFormat(money.currencyCode, locale);
	const units = BigInt(money.minorUnits ?? 0);
	const { whole, fraction } = splitUnits(units, decimalsOf(money.currencyCode));
	const amount = units < 0n ? (whole === 0n ? -0 : -whole) : whole;
	return format.formatToParts(amount).map((part) => (part.type === 'fraction' ? fraction : part.value)).join('');
}

/** The amount alone, as a form shows and parseDecimal() reads it: "1234.50". */
export function moneyInput(money) {
	if (!money?.currencyCode) return '';
	const units = BigInt(money.minorUnits ?? 0);
	const { whole, fraction } = splitUnits(units, decimalsOf(money.currencyCode));
	return `${units < 0n ? '-' : ''}${whole}${fraction && `.${fraction}`}`;
}

/** How many decimals a currency has (ISO 4217). */
export function decimalsOf(currencyCode) {
	return currencyFormat(currencyCode).resolvedOptions().maximumFractionDigits;
}

const GROUPED = /^-?\d{1,3}(?:(?:,\d{3})+\.|(?:\.\d{3})+,)/;

/**
 * Reads a number with at most `decimals` decimals into whole units of its last decimal: "12.5" with two is 1250n. Point and comma both serve as
 * decimal sign, and as thousands signs where there are both. Undefined if the text is no such number.
 */
export function parseDecimal(text, decimals) {
	const compact = text.replace(/[\s'’]/g, '');
	const plain = GROUPED.test(compact) ? compact.replace(/[.,](?=.*[.,])/g, '') : compact;
	const match = /^(-?)(\d+)(?:[.,](\d+))?$/.exec(plain);
	if (!match || (match[3]?.length ?? 0) > decimals) return undefined;
	const units = BigInt(match[2] + (match[3] ?? '').padEnd(decimals, '0'));
	return match[1] ? -units : units;
}

/** "1,234" for '1234'. */
export function formatQuantity(quantity, locale) {
	return new Intl.NumberFormat(locale).format(BigInt(quantity ?? 0));
}

/** "19" for 1900, "7.25" for 725: the rate as a form shows and parseDecimal() reads it. */
export function taxRateInput(basisPoints = 0) {
	return String(basisPoints / 100);
}

/** "19%" for 1900. */
export function formatTaxRate(basisPoints, locale) {
	return new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 2 }).format((basisPoints ?? 0) / 10000);
}

/** A moment, to the minute. */
export function formatTime(time, locale) {
	return time ? new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time)) : '';
}

/** A calendar date, which has no time zone. */
export function formatDate(date, locale) {
	return date ? new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`)) : '';
}

const AGES = [['day', 86400], ['hour', 3600], ['minute', 60]];

/** "3 hours ago", measured from `now` in milliseconds. */
export function formatAge(time, now = Date.now(), locale) {
	if (!time) return '';
	const seconds = Math.round((Date.parse(time) - now) / 1000);
	const [unit, length] = AGES.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
	return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(Math.trunc(seconds / length), unit);
}

/** "Germany" for "DE"; the code itself if it names no country. */
export function countryName(code, locale) {
	if (!/^[A-Z]{2}$/.test(code ?? '')) return code ?? '';
	return new Intl.DisplayNames(locale, { type: 'region' }).of(code);
}

/** "Place order" for "PlaceOrder". */
export function formatAction(action) {
	const spaced = action.replace(/([a-z])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`).replace(/[-_]/g, ' ');
	return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** "Out of stock" for "OUT_OF_STOCK"; what people wrote stays as it is. */
export function formatReason(reason = '') {
	if (!/^[A-Z]+(_[A-Z]+)+$/.test(reason)) return reason;
	return reason.charAt(0) + reason.slice(1).toLowerCase().replaceAll('_', ' ');
}

/** The name that a customer goes by. */
export function customerName({ firstName = '', lastName = '', company } = {}) {
	return company || `${firstName} ${lastName}`.trim() || 'Customer without a name';
}

function currencyFormat(currency, locale) {
	try {
		return new Intl.NumberFormat(locale, { style: 'currency', currency });
	} catch {
		return new Intl.NumberFormat(locale, { minimumFractionDigits: 2 });
	}
}

function splitUnits(units, decimals) {
	const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, '0');
	return { whole: BigInt(digits.slice(0, digits.length - decimals)), fraction: decimals ? digits.slice(-decimals) : '' };
}
