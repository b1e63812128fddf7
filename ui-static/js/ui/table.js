// Tables, and the pages of a list.
import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { href } from '../router.js';
import { Empty } from './page.js';
import { Money } from './values.js';

/**
 * `columns`: { label, cell(row), end (numbers: aligned at the end), fixed (never broken), minor (left out on narrow screens) }; the first one
 * names the row.
 * `stale`: other rows are on their way. `empty`: what to say without rows. `keyOf(row)` tells rows apart.
 */
export function Table({ caption, columns, rows, keyOf, stale, empty }) {
	if (!rows.length) return html`<${Empty}>${empty}<//>`;
	return html`
		<${Frame} label=${caption} stale=${stale}>
			<table>
				<caption class="unseen">${caption}</caption>
				<thead><tr>${columns.map((column) => html`<th scope="col" class=${look(column)}>${column.label}</th>`)}</tr></thead>
				<tbody>${rows.map((row) => html`<${Row} key=${keyOf(row)} columns=${columns} row=${row} />`)}</tbody>
			</table>
		<//>`;
}

/** Scrolls sideways where its content is too wide, and only then takes part in the order of the Tab key. */
function Frame({ label, stale, children }) {
	const frame = useRef();
	const [wide, setWide] = useState(false);
	useEffect(() => {
		const element = frame.current;
		const observer = new ResizeObserver(() => setWide(element.scrollWidth > element.clientWidth));
		observer.observe(element);
		observer.observe(element.firstElementChild);
		return () => observer.disconnect();
	}, []);
	const reachable = wide ? { tabindex: 0, role: 'region', 'aria-label': label } : {};
	return html`<div class="table-frame ${stale ? 'stale' : ''}" ref=${frame} ...${reachable}>${children}</div>`;
}

function Row({ columns: [first, ...others], row }) {
	return html`
		<tr>
			<th scope="row" class=${look(first)}>${first.cell(row)}</th>
			${others.map((column) => html`<td class=${look(column)}>${column.cell(row)}</td>`)}
		</tr>`;
}

const look = ({ end, fixed, minor }) => [end && 'end', fixed && 'fixed', minor && 'minor'].filter(Boolean).join(' ');

/** What the rows above come to: a list of [label, money], of which the last one is the sum. */
export function Totals({ of: rows }) {
	return html`<dl class="totals">${rows.map(([label, money]) => html`<div><dt>${label}</dt><dd><${Money} value=${money} /></dd></div>`)}</dl>`;
}

/** Links to the first and the next page. Lists are read by position in them, not by number, so there is no "page 7 of 9". */
export function Pager({ path, query, next }) {
	if (!query.page && !next) return null;
	return html`
		<nav class="pager" aria-label="Pages">
			${query.page && html`<a class="button" href=${href(path, { ...query, page: '' })}>First page</a>`}
			${next && html`<a class="button" href=${href(path, { ...query, page: next })}>Next page</a>`}
		</nav>`;
}
