// The frame of a view: heading, actions, and what to say while there is nothing to show.
import { html, useEffect, useRef } from '../../vendor/htm-preact.js';
import { Link } from './values.js';

const pages = { shown: 0 };

/**
 * A view. `parent` is [label, path] of the list that it belongs to. With `live` (from useLive or useOnce), `children` is a function of the
 * data, called once there is some. The heading takes the focus when the user has come from another view.
 */
export function Page({ title, parent, status, actions, live, children }) {
	const heading = useRef();
	useEffect(() => {
		if (pages.shown++) heading.current.focus();
	}, []);
	useEffect(() => {
		document.title = `${title} · Quayside`;
	}, [title]);
	return html`
		<header class="page-head">
			${parent && html`<p class="parent"><${Link} to=${parent[1]}>${parent[0]}<//></p>`}
			<div class="page-title">
				<h1 tabindex="-1" ref=${heading}>${title}</h1>
				${status}
			</div>
			${actions && html`<div class="actions">${actions}</div>`}
		</header>
		${live ? html`<${Live} of=${live} show=${children} />` : children}`;
}

/** What was read, or why there is nothing. */
export function Live({ of: { data, problem, again }, show }) {
	if (data !== undefined) return show(data);
	return problem ? html`<${Failure} problem=${problem} again=${again} />` : html`<${Loading} />`;
}

export const Loading = () => html`<p class="loading" role="status">Loading…</p>`;

export function Failure({ problem, again }) {
	const title = problem.status === 404 ? 'Nothing is here' : problem.title || 'Something went wrong';
	return html`
		<div class="notice notice-bad" role="alert">
			<h2>${title}</h2>
			<p>${problem.message}</p>
			${again && html`<button type="button" onClick=${again}>Try again</button>`}
		</div>`;
}

/** Says why a list is empty, and what to do about it. */
export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;

export function Card({ title, actions, children, plain = false }) {
	return html`
		<section class="card">
			<div class="card-head"><h2>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</div>
			<div class=${plain ? '' : 'card-body'}>${children}</div>
		</section>`;
}

/** A list of [term, description]; entries that are false are left out. */
export function Facts({ of }) {
	const given = of.filter(Boolean);
	return html`<dl class="facts">${given.map(([term, description]) => html`<div><dt>${term}</dt><dd>${description}</dd></div>`)}</dl>`;
}
