// Dialogs: a form on top of a view.
import { html, useEffect, useMemo, useRef } from '../../vendor/htm-preact.js';
import { Form, useForm } from './form.js';
import { toast } from './toasts.js';

/** Shown as long as it is drawn. `close` is called when the user presses Escape. */
export function Dialog({ title, close, children }) {
	const element = useRef();
	const id = useMemo(() => `dialog-${++count}`, []);
	useEffect(() => {
		const dialog = element.current;
		dialog.showModal();
		return () => dialog.close();
	}, []);
	return html`
		<dialog ref=${element} aria-labelledby=${id} onClose=${close}>
			<h2 id=${id}>${title}</h2>
			${children}
		</dialog>`;
}
let count = 0;

/** A form in a dialog: `form` as for useForm() without `done`; `said` is told to the user after success. */
export function FormDialog({ title, action, said, danger, close, form: options, children }) {
	const form = useForm({
		...options,
		done() {
			toast(said);
			close();
		},
	});
	return html`
		<${Dialog} title=${title} close=${close}>
			<${Form} form=${form} action=${action} danger=${danger} cancel=${close} reload=${close}>${children}<//>
		<//>`;
}
