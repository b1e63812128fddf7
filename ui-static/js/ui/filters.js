// What a list is narrowed down by. Filters are kept in the address.
import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { refine } from '../navigation.js';
import { Icon } from './icons.js';

const TYPING_PAUSE_MS = 250;

export const Filters = ({ children }) => html`<search class="filters">${children}</search>`;

/** Free text, taken over when the user stops typing. */
export function Search({ label, value = '' }) {
	const [text, setText] = useState(value);
	const told = useRef(value);
	useEffect(() => {
		if (value !== told.current) setText(value);
		told.current = value;
	}, [value]);
	useEffect(() => {
		if (text === told.current) return undefined;
		const timer = setTimeout(() => refine({ query: (told.current = text) }), TYPING_PAUSE_MS);
		return () => clearTimeout(timer);
	}, [text]);
	return html`
		<label class="search">
			<span class="unseen">${label}</span>
			<${Icon} name="search" />
			<input type="search" placeholder=${label} value=${text} maxlength="100" onInput=${(event) => setText(event.target.value)} />
		</label>`;
}

/** One of the values of an enumeration, or all; `all` is how the address says so. */
export function Choice({ label, name, all = '', value = all, options }) {
	return html`
		<label class="filter">
			<span>${label}</span>
			<select value=${value} onChange=${(event) => refine({ [name]: event.target.value })}>
				<option value=${all}>All</option>
				${options.map((option) => html`<option value=${option.value}>${option.label}</option>`)}
			</select>
		</label>`;
}

export function Switch({ label, name, value = '' }) {
	return html`
		<label class="filter">
			<input type="checkbox" checked=${value !== ''} onChange=${(event) => refine({ [name]: event.target.checked ? 'yes' : '' })} />
			<span>${label}</span>
		</label>`;
}

/** A day; the text is YYYY-MM-DD. */
export function Day({ label, name, value = '' }) {
	return html`
		<label class="filter">
			<span>${label}</span>
			<input type="date" value=${value} onChange=${(event) => refine({ [name]: event.target.value })} />
		</label>`;
}
