// Why a request failed, as the server told it in a problem document (RFC 9457), or as we found out ourselves. No DOM in here.

export class Problem extends Error {
	constructor({ status = 0, title = '', detail = '', code = '', reason = '', metadata = {}, violations = [] }) {
		super(detail || title);
		this.name = 'Problem';
		Object.assign(this, { status, title, detail, code, reason, metadata, violations });
	}

	/** Somebody else changed the record since it was read. */
	get isConflict() {
		return this.status === 412;
	}

	/** Nobody can tell whether the request was carried out: asking again with the same key is safe, with another key is not. */
	get isUnknown() {
		return this.status === 0 || this.status === 429 || this.status >= 500 || this.reason === 'KEY_IN_PROGRESS';
	}
}

/** What the user is told where the server speaks to programmers. */
const IN_OTHER_WORDS = {
	KEY_REUSED: {
		title: 'An earlier try was saved after all',
		detail: 'Its answer was lost on the way, and the entries have been changed since. Look at what was saved before you save again.',
		violations: [],
	},
};

/** The problem of a request that got no answer. */
export function unreachable() {
	return new Problem({ title: 'The server cannot be reached', detail: 'Check the connection and try again. Nothing is done twice.' });
}

/** The problem of an answer; `text` is its body. */
export function problemOf(status, text) {
	const told = parse(text);
	if (told) return new Problem({ ...told, ...IN_OTHER_WORDS[told.reason], status });
	return new Problem({ status, title: 'The server gave an answer that cannot be read', detail: `HTTP status ${status}.` });
}

function parse(text) {
	try {
		const value = JSON.parse(text);
		return value !== null && typeof value === 'object' ? value : undefined;
	} catch {
		return undefined;
	}
}

/**
 * Sorts violations by the names of a form's fields, in the order of the names. A violation belongs to the field of its path, or else to the field
 * that its path lies in ("unitPrice.minorUnits" to "unitPrice"), or else to the one that its path ends with ("lines[0].quantity", which another
 * service named, to "quantity"). What belongs to no field is in `others`.
 */
export function sortViolations(violations, names) {
	const found = new Map();
	const others = [];
	for (const violation of violations) {
		const name = ownerOf(violation.field, names);
		if (!name) others.push(violation);
		else if (!found.has(name)) found.set(name, violation.description);
	}
	const byField = names.filter((name) => found.has(name)).map((name) => [name, found.get(name)]);
	return { byField: Object.fromEntries(byField), others };
}

function ownerOf(path, names) {
	return names.find((name) => path === name)
		?? names.find((name) => path.startsWith(`${name}.`) || path.startsWith(`${name}[`))
		?? names.find((name) => path.endsWith(`.${name}`));
}
