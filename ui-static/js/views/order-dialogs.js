// What can be done to an order as a whole.
import { html, useState } from '../../vendor/htm-preact.js';
import { send } from '../api.js';
import { FormDialog } from '../ui/dialog.js';
import { TextArea, TextField } from '../ui/fields.js';
import { Facts } from '../ui/page.js';
import { Address, Money } from '../ui/values.js';

export function EditDialog({ order, path, close }) {
	const [seen] = useState(order);
	const form = {
		initial: { name: seen.name ?? '', note: seen.note ?? '' },
		send: (body, key) => send('PATCH', path, { key, etag: seen.etag, body: { ...body, updateMask: 'name,note' } }),
	};
	return html`
		<${FormDialog} title="Edit ${seen.number}" action="Save" said="Order saved." form=${form} close=${close}>
			<${TextField} name="name" label="Name" maxlength="100" />
			<${TextArea} name="note" label="Note" maxlength="1000" />
		<//>`;
}

export function CancelDialog({ order, path, close }) {
	const [seen] = useState(order);
	const form = { initial: { reason: '' }, send: (body, key) => send('POST', `${path}:cancel`, { key, etag: seen.etag, body }) };
	const { what, said } = seen.state === 'ORDER_STATE_PARTLY_SHIPPED'
		? { what: 'What has not left yet stays here, and its goods are given back. What has left stays sold.', said: 'The rest of the order is cancelled.' }
		: { what: 'Its goods are given back.', said: 'Order cancelled.' };
	return html`
		<${FormDialog} title="Cancel ${seen.number}" action="Cancel order" said=${said} danger=${true} form=${form} close=${close}>
			<p>${what} This cannot be undone.</p>
			<${TextField} name="reason" label="Reason" maxlength="200" />
		<//>`;
}

export function PlaceDialog({ order, path, close }) {
	const [seen] = useState(order);
	const form = { send: (body, key) => send('POST', `${path}:place`, { key, etag: seen.etag, body }) };
	return html`
		<${FormDialog} title="Place ${seen.number}" action="Place order" said="Order placed." form=${form} close=${close}>
			<p>The goods are promised to ${seen.customerName}, and the warehouse is asked to ship them.</p>
			<${Facts} of=${[
				['Items', seen.items.length],
				['Total', html`<${Money} value=${seen.gross} />`],
				['Ship to', html`<${Address} value=${seen.shippingAddress} />`],
			]} />
		<//>`;
}
