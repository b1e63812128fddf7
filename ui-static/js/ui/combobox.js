// A field to find one record among many by typing a part of it (the combobox pattern of the ARIA Authoring Practices, with a list).
import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { useField } from './form.js';

const TYPING_PAUSE_MS = 150;

/**
 * `find(text, signal)` answers options { value, text, detail, note }. The field's value is the chosen option, or undefined.
 * `focused`: takes the focus as soon as it is there.
 */
export function Combobox({ name, label, hint, find, nothing, focused = false }) {
	const { id, value, error, set } = useField(name, label);
	const [text, setText] = useState(value?.text ?? '');
	const [open, setOpen] = useState(false);
	const [active, setActive] = useState(0);
	const options = useOptions(find, text, open);
	useEffect(() => setText(value?.text ?? ''), [value]);
	useEffect(() => setActive(0), [options]);
	useEffect(() => {
		if (focused) document.getElementById(id).focus();
	}, []);

	function type(event) {
		if (value) set(undefined);
		setText(event.target.value);
		setOpen(true);
	}

	function choose(option) {
		set(option);
		setOpen(false);
	}

	function press(event) {
		const choosable = open && options?.[active];
		const action = {
			ArrowDown: () => move(1),
			ArrowUp: () => move(-1),
			Enter: choosable && (() => choose(choosable)),
			Escape: open && (() => setOpen(false)),
		}[event.key];
		if (!action) return;
		event.preventDefault();
		action();
	}

	function move(step) {
		if (!open) setOpen(true);
		else if (options?.length) setActive((active + step + options.length) % options.length);
	}

	const shown = open && options;
	const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ') || undefined;
	return html`
		<div class="field combobox">
			<label for=${id}>${label}</label>
			<input id=${id} type="text" role="combobox" autocomplete="off" aria-autocomplete="list" aria-expanded=${String(Boolean(shown))}
				aria-controls="${id}-list" aria-activedescendant=${shown && options.length ? `${id}-${active}` : undefined}
				aria-invalid=${Boolean(error)} aria-describedby=${described} required value=${text}
				onInput=${type} onKeyDown=${press} onClick=${() => setOpen(!value)} onBlur=${() => setOpen(false)} />
			<ul id="${id}-list" role="listbox" aria-label=${label} hidden=${!shown || !options.length}>
				${shown && options.map((option, index) => html`
					<${Option} key=${option.value} id="${id}-${index}" option=${option} active=${index === active} choose=${choose} />`)}
			</ul>
			${shown && !options.length && html`<p class="hint" role="status">${nothing}</p>`}
			${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
			${error && html`<p class="error" id="${id}-error">${error}</p>`}
		</div>`;
}

function Option({ id, option, active, choose }) {
	const element = useRef();
	useEffect(() => {
		if (active) element.current.scrollIntoView({ block: 'nearest' });
	}, [active]);
	return html`
		<li id=${id} ref=${element} role="option" aria-selected=${String(active)}
			onMouseDown=${(event) => event.preventDefault()} onClick=${() => choose(option)}>
			<span class="option-text">${option.text}<span class="muted">${option.detail}</span></span>
			<span class="option-note number">${option.note}</span>
		</li>`;
}

/** What is found; undefined until there is an answer. */
function useOptions(find, text, open) {
	const [options, setOptions] = useState();
	useEffect(() => {
		if (!open) return undefined;
		const controller = new AbortController();
		const timer = setTimeout(async () => {
			const found = await find(text, controller.signal).catch(() => undefined);
			if (!controller.signal.aborted) setOptions(found);
		}, TYPING_PAUSE_MS);
		return () => {
			clearTimeout(timer);
			controller.abort();
		};
	}, [text, open]);
	return options;
}
