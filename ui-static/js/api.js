// Talks to the gateway: JSON in, JSON out, failures as Problem.
import { problemOf, unreachable } from './problem.js';
import { createStore } from './store.js';

/** Whether the last request got any answer. */
export const connected = createStore(true);

/** Counts what has changed on the server, by this page or by others; live views read again when it moves. */
export const changes = createStore(0);

/** A new idempotency key: 128 random bits. (crypto.randomUUID() is not there on pages without TLS.) */
export function newKey() {
	return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Reads. Undefined and empty query values are left out; a list makes a repeated parameter. */
export function get(path, query, signal) {
	return request('GET', path + queryText(query), { signal });
}

/**
 * Changes something. `key` makes the same request again harmless; `etag` is the version that the user has seen: if there is a newer one,
 * nothing is changed and the problem's isConflict is true.
 */
export async function send(method, path, { key, etag, body }) {
	const headers = { 'Idempotency-Key': key };
	if (etag) headers['If-Match'] = `"${etag}"`;
	if (body) headers['Content-Type'] = 'application/json';
	const answer = await request(method, path, { headers, body: body && JSON.stringify(body) });
	changes.set(changes.get() + 1);
	return answer;
}

/** One segment of a path. */
export const segment = encodeURIComponent;

export function queryText(query = {}) {
	const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
	const given = pairs.filter(([, value]) => value !== undefined && value !== '' && value !== false);
	return given.length ? `?${new URLSearchParams(given)}` : '';
}

async function request(method, path, options) {
	let response, text;
	try {
		response = await fetch(path, { method, ...options });
		text = await response.text();
	} catch (error) {
		if (error.name === 'AbortError') throw error;
		connected.set(false);
		throw unreachable();
	}
	connected.set(true);
	if (!response.ok) throw problemOf(response.status, text);
	return JSON.parse(text);
}
