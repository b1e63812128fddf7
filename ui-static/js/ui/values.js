// Single values, each shown in one way everywhere.
import { html } from '../../vendor/htm-preact.js';
import { countryName, formatAge, formatDate, formatMoney, formatQuantity, formatTime } from '../format.js';
import { href } from '../router.js';

export const Link = ({ to, query, children, ...rest }) => html`<a href=${href(to, query)} ...${rest}>${children}</a>`;

/** A state, by the enumeration that it belongs to. */
export const State = ({ of, value }) => html`<span class="badge badge-${of.tone(value)}">${of.label(value)}</span>`;

export const Badge = ({ tone, children }) => html`<span class="badge badge-${tone}">${children}</span>`;

export const Money = ({ value }) => (value?.currencyCode ? html`<span class="number">${formatMoney(value)}</span>` : html`<${Maybe} />`);

export const Quantity = ({ value }) => html`<span class="number">${formatQuantity(value)}</span>`;

export const Time = ({ value }) => value && html`<time datetime=${value}>${formatTime(value)}</time>`;

export const Age = ({ value }) => value && html`<time datetime=${value} title=${formatTime(value)}>${formatAge(value)}</time>`;

export const CalendarDate = ({ value }) => value && html`<time datetime=${value}>${formatDate(value)}</time>`;

/** A value that may be missing. */
export const Maybe = ({ children }) => {
	const empty = [children].flat().every((child) => child === undefined || child === null || child === '');
	return empty ? html`<span class="none">–</span>` : children;
};

export function Address({ value }) {
	if (!value) return html`<${Maybe} />`;
	const town = [value.postalCode, value.city].filter(Boolean).join(' ');
	const lines = [value.recipient, value.line1, value.line2, town, value.region, countryName(value.countryCode)];
	return html`<address>${lines.filter(Boolean).map((line) => html`<span>${line}</span>`)}</address>`;
}
