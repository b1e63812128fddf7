// A value that several components share and are told about.
import { useEffect, useState } from '../vendor/htm-preact.js';

export function createStore(value) {
	const listeners = new Set();
	return {
		get: () => value,
		set(next) {
			if (next === value) return;
			value = next;
			for (const listener of listeners) listener(value);
		},
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
	};
}

export function useStore(store) {
	const [, show] = useState(store.get());
	useEffect(() => {
		show(store.get());
		return store.subscribe(show);
	}, [store]);
	return store.get();
}
