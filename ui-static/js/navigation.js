// Where the user is. The one place that touches the browser's location.
import { href, parseFragment } from './router.js';
import { createStore } from './store.js';

export const place = createStore(parseFragment(location.hash));
addEventListener('hashchange', () => place.set(parseFragment(location.hash)));

/** Goes to another view, as if a link had been followed. */
export function go(path, query) {
	location.hash = href(path, query);
}

/** Changes the filters of the view that is shown, without a new entry in the browser's history; a filter given as '' is dropped. */
export function refine(changes) {
	const { path, query } = place.get();
	history.replaceState(null, '', href(path, { ...query, page: '', ...changes }));
	place.set(parseFragment(location.hash));
}
