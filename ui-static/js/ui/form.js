// Forms: values, sending them once whatever happens, and telling what is wrong with them.
import { createContext, html, useContext, useEffect, useMemo, useRef, useState } from '../../vendor/htm-preact.js';
import { newKey } from '../api.js';
import { valueAt, withValueAt } from '../paths.js';
import { Problem, sortViolations } from '../problem.js';

const FormContext = createContext();

/**
 * The state of one form.
 *
 * `initial`: the values to start from. A field's name is the path of its value in them ("addresses[0].address.city").
 * `prepare(values, fail)`: the request's body; fail(name, description) tells that a value cannot even be sent.
 * `send(body, key)`: sends it. The key stays the same until there is a definite answer, so trying again after a lost connection does nothing twice.
 * `done(answer)`: called after success.
 */
export function useForm({ initial = {}, prepare = (values) => values, send, done }) {
	const [values, setValues] = useState(initial);
	const [problem, setProblem] = useState();
	const [busy, setBusy] = useState(false);
	const labels = useRef(new Map());
	const key = useRef(newKey());
	const { byField, others } = useMemo(() => sortViolations(problem?.violations ?? [], [...labels.current.keys()]), [problem]);

	return { values, problem, busy, byField, others, labels: labels.current, set, submit };

	function set(name, value) {
		setValues((before) => withValueAt(before, name, value));
	}

	async function submit(event) {
		event.preventDefault();
		if (busy) return;
		const violations = [];
		const body = prepare(values, (field, description) => violations.push({ field, description }));
		if (violations.length) setProblem(new Problem({ title: 'This cannot be saved yet', violations }));
		else await attempt(body);
	}

	async function attempt(body) {
		setBusy(true);
		try {
			const answer = await send(body, key.current);
			key.current = newKey();
			setProblem(undefined);
			done(answer);
		} catch (failure) {
			if (!(failure instanceof Problem)) throw failure;
			if (!failure.isUnknown) key.current = newKey();
			setProblem(failure);
		} finally {
			setBusy(false);
		}
	}
}

/** `action`: what the button says. `cancel`: a function, or none. `reload`: what to do when somebody else was faster. */
export function Form({ form, action, cancel, reload, danger = false, children }) {
	return html`
		<${FormContext.Provider} value=${form}>
			<form noValidate autocomplete="off" onSubmit=${form.submit} aria-busy=${form.busy}>
				${form.problem && html`<${Summary} form=${form} reload=${reload} />`}
				<div class="fields">${children}</div>
				<footer class="form-foot">
					${cancel && html`<button type="button" onClick=${cancel}>Cancel</button>`}
					<button type="submit" class=${danger ? 'danger' : 'primary'}>${action}</button>
				</footer>
			</form>
		<//>`;
}

/** What a field needs to know of the form around it. */
export function useField(name, label) {
	const form = useContext(FormContext);
	const id = useMemo(() => `field-${++count}`, []);
	useEffect(() => {
		form.labels.set(name, { label, id });
		return () => form.labels.delete(name);
	}, [name, label]);
	return { id, value: valueAt(form.values, name), error: form.byField[name], set: (value) => form.set(name, value) };
}
let count = 0;

function Summary({ form: { problem, byField, others, labels }, reload }) {
	const box = useRef();
	useEffect(() => box.current.focus(), [problem]);
	if (problem.isConflict) return html`<${Conflict} box=${box} reload=${reload} />`;
	const named = Object.entries(byField).map(([name, description]) => ({ ...labels.get(name), description }));
	return html`
		<div class="notice notice-bad" role="alert" tabindex="-1" ref=${box}>
			<h2>${headline(problem, named.length)}</h2>
			${(others.length > 0 || !problem.violations.length) && html`<p>${about(problem)}${problem.message}</p>`}
			<ul>
				${named.map(({ id, label, description }) => html`
					<li><a href="#${id}" onClick=${(event) => focusField(event, id)}>${label}: ${description}</a></li>`)}
				${others.map(({ description }) => html`<li>${description}</li>`)}
			</ul>
		</div>`;
}

function headline(problem, count) {
	if (!count) return problem.title || 'This could not be saved';
	return count === 1 ? 'One entry needs another look' : `${count} entries need another look`;
}

/** What a refusal is about, where no field says so. */
const about = ({ metadata: { sku } }) => (sku ? `${sku}: ` : '');

function focusField(event, id) {
	event.preventDefault();
	document.getElementById(id).focus();
}

function Conflict({ box, reload }) {
	return html`
		<div class="notice notice-wait" role="alert" tabindex="-1" ref=${box}>
			<h2>Changed by someone else</h2>
			<p>There is a newer version than the one you started from. Nothing of yours was saved, so that nothing of theirs is lost.</p>
			<button type="button" onClick=${reload}>Show the newer version</button>
		</div>`;
}
