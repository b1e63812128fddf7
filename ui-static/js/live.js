// Keeps what is on the screen true without a refresh button: reads again when the window gets attention, when something has changed here or (watch.js) elsewhere,
// and every few seconds while it is visible.
import { useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { changes } from './api.js';

const SECONDS_CALM = 10;
const SECONDS_WAITING = 2;

/**
 * Reads with `load(signal)`, anew whenever one of `keys` changes. Answers { data, problem, stale }: `data` stays while newer data is on its
 * way, and is `stale` if it belongs to earlier keys; `problem` says why the last reading failed. `waiting(data)` says that a change is expected
 * soon.
 */
export function useLive(load, keys, { waiting = () => false } = {}) {
	const [state, show] = useState({});
	const latest = useRef();
	latest.current = { load, waiting };

	useEffect(() => {
		const reader = createReader(latest, (change) => show((before) => ({ ...before, ...change, keys })));
		const attend = () => document.visibilityState === 'visible' && reader.read();
		const unsubscribe = changes.subscribe(reader.read);
		addEventListener('focus', attend);
		document.addEventListener('visibilitychange', attend);
		reader.read();
		return () => {
			reader.stop();
			unsubscribe();
			removeEventListener('focus', attend);
			document.removeEventListener('visibilitychange', attend);
		};
	}, keys);

	const { data, problem } = state;
	return { data, problem, stale: data !== undefined && keys.some((key, index) => key !== state.keys[index]) };
}

/** Reads once: what a form starts from must not change under the user's hands. `again()` reads anew. */
export function useOnce(load, keys) {
	const [state, show] = useState({});
	const [round, setRound] = useState(0);
	useEffect(() => {
		const controller = new AbortController();
		load(controller.signal).then(
			(data) => show({ data }),
			(problem) => controller.signal.aborted || show({ problem }),
		);
		return () => controller.abort();
	}, [...keys, round]);
	return { ...state, again: () => setRound(round + 1) };
}

function createReader(latest, show) {
	let timer, controller;
	return { read, stop };

	async function read() {
		stop();
		const { signal } = (controller = new AbortController());
		let data;
		try {
			data = await latest.current.load(signal);
			if (!signal.aborted) show({ data, problem: undefined });
		} catch (problem) {
			if (!signal.aborted) show({ problem });
		}
		if (!signal.aborted) timer = setTimeout(readIfSeen, 1000 * pause(data));
	}

	function readIfSeen() {
		if (document.visibilityState === 'visible') read();
	}

	function pause(data) {
		return data !== undefined && latest.current.waiting(data) ? SECONDS_WAITING : SECONDS_CALM;
	}

	function stop() {
		clearTimeout(timer);
		controller?.abort();
	}
}
