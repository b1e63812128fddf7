// Addresses of views. They live in the URL's fragment ("#/orders/42?state=OPEN"), so that the server needs to know none of them, and
// everything that a view shows (which record, which filter, which page) can be bookmarked and sent to a colleague.

/** Splits a fragment into its path and its query, an object of texts. */
export function parseFragment(fragment) {
	const [path, query = ''] = fragment.replace(/^#/, '').split(/\?(.*)/s);
	return { path: path || '/', query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The opposite of parseFragment(). Empty values are left out. */
export function href(path, query = {}) {
	const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
	const text = new URLSearchParams(given).toString();
	return `#${path}${text && `?${text}`}`;
}

/** Finds the first [pattern, view] whose pattern ("/orders/:id") fits the whole path. */
export function matchRoute(routes, path) {
	const parts = path.split('/');
	for (const [pattern, view] of routes) {
		const params = matchParts(pattern.split('/'), parts);
		if (params) return { view, params };
	}
	return undefined;
}

function matchParts(pattern, parts) {
	if (pattern.length !== parts.length) return undefined;
	const params = {};
	for (const [index, name] of pattern.entries()) {
		if (name.startsWith(':') && parts[index]) params[name.slice(1)] = decode(parts[index]);
		else if (name !== parts[index]) return undefined;
	}
	return params;
}

function decode(part) {
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}
