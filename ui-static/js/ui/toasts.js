// Short messages that something was done. They go by themselves, and nothing is lost with them.
import { html } from '../../vendor/htm-preact.js';
import { createStore, useStore } from '../store.js';

const SHOWN_MS = 6000;
const toasts = createStore([]);
let count = 0;

export function toast(text) {
	const mine = { id: ++count, text };
	toasts.set([...toasts.get(), mine]);
	setTimeout(() => toasts.set(toasts.get().filter((one) => one !== mine)), SHOWN_MS);
}

export function Toasts() {
	const shown = useStore(toasts);
	return html`<div class="toasts" role="status" aria-live="polite">${shown.map(({ id, text }) => html`<p key=${id}>${text}</p>`)}</div>`;
}
