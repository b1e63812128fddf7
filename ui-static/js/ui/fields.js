// The fields of a form. Each takes its value from the form around it, by `name`.
import { html } from '../../vendor/htm-preact.js';
import { useField } from './form.js';

/** `control` draws the input itself from its attributes; label, hint and error are the same for all. */
function Field({ name, label, hint, required, size = '', control }) {
	const { id, value, error, set } = useField(name, label);
	const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ');
	const attributes = { id, required, 'aria-invalid': Boolean(error), 'aria-describedby': described || undefined };
	return html`
		<div class="field ${size}">
			<label for=${id}>${label}${!required && html` <span class="optional">optional</span>`}</label>
			${control({ attributes, value, set })}
			${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
			${error && html`<p class="error" id="${id}-error">${error}</p>`}
		</div>`;
}

/** One line of text. What is not named here goes to the input ("maxlength", "inputmode"). */
export function TextField({ name, label, hint, required, size, suggestions = [], ...rest }) {
	const list = suggestions.length ? `${name}-suggestions` : undefined;
	return html`<${Field} ...${{ name, label, hint, required, size }} control=${({ attributes, value, set }) => html`
		<input type="text" ...${rest} ...${attributes} list=${list} value=${value ?? ''} onInput=${(event) => set(event.target.value)} />
		${list && html`<datalist id=${list}>${suggestions.map((suggestion) => html`<option value=${suggestion} />`)}</datalist>`}`} />`;
}

/** A whole number or an amount: text, so that nothing is rounded or dropped silently. */
export const NumberField = (props) => html`<${TextField} inputmode="decimal" size="short" class="number" ...${props} />`;

export function TextArea({ name, label, hint, required, ...rest }) {
	return html`<${Field} ...${{ name, label, hint, required }} control=${({ attributes, value, set }) => html`
		<textarea rows="3" ...${rest} ...${attributes} value=${value ?? ''} onInput=${(event) => set(event.target.value)} />`} />`;
}

/** `options`: { value, label }. */
export function SelectField({ name, label, hint, required, size, options }) {
	return html`<${Field} ...${{ name, label, hint, required, size }} control=${({ attributes, value, set }) => html`
		<select ...${attributes} value=${value} onChange=${(event) => set(event.target.value)}>
			${options.map((option) => html`<option value=${option.value}>${option.label}</option>`)}
		</select>`} />`;
}

export function CheckField({ name, label }) {
	const { id, value, set } = useField(name, label);
	return html`
		<div class="field check">
			<input type="checkbox" id=${id} checked=${value} onChange=${(event) => set(event.target.checked)} />
			<label for=${id}>${label}</label>
		</div>`;
}
