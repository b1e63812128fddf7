// Hears of changes on the server as they happen, and has the views that are shown read again. Only a hint: they read every now and then anyway.
import { changes } from './api.js';

const CHANGES = '/v1/orders:watch';
const GATHER = 100; // ms: what comes together is read together
const PAUSE = 2000; // ms between two readings, so that on a busy day one comes to its end before the next
const RETRY = 10_000; // ms until a stream is asked for again that was refused

/** Listens while the page is seen: browsers grant few connections, and nobody looks at the others. */
export function watchChanges() {
	let source, retry, hint, told = -PAUSE;
	document.addEventListener('visibilitychange', attend);
	attend();

	function attend() {
		stop();
		if (document.visibilityState === 'visible') start();
	}

	function start() {
		source = new EventSource(CHANGES);
		source.onmessage = ({ data }) => JSON.parse(data).order && tell();
		source.onerror = again;
	}

	function stop() {
		clearTimeout(retry);
		source?.close();
	}

	// A stream that was cut comes back by itself and goes on where it was; one that was refused does not.
	function again() {
		if (source.readyState !== EventSource.CLOSED) return;
		clearTimeout(retry);
		retry = setTimeout(attend, RETRY);
	}

	function tell() {
		hint ??= setTimeout(() => {
			hint = undefined;
			told = performance.now();
			changes.set(changes.get() + 1);
		}, Math.max(GATHER, told + PAUSE - performance.now()));
	}
}
