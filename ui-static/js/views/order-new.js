// Opening an order.
import { html } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { useOnce } from '../live.js';
import { go } from '../navigation.js';
import { TextArea, TextField } from '../ui/fields.js';
import { Form, useForm } from '../ui/form.js';
import { Page } from '../ui/page.js';
import { CustomerPicker, customerOption } from '../ui/pickers.js';
import { toast } from '../ui/toasts.js';

/** The address may name the customer: "#/orders/+new?customer=<id>". */
export function OrderNewPage({ query }) {
	const once = useOnce(async (signal) => customerOf(query.customer, signal), [query.customer]);
	return html`
		<${Page} title="New order" parent=${['Orders', '/orders']} live=${once}>
			${({ customer }) => html`<${OrderForm} customer=${customer} />`}
		<//>`;
}

async function customerOf(id, signal) {
	if (!id) return {};
	return { customer: customerOption(await get(`/v1/customers/${segment(id)}`, {}, signal)) };
}

function OrderForm({ customer }) {
	const form = useForm({
		initial: { customerId: customer, name: '', note: '' },
		prepare: (values) => ({ ...values, customerId: values.customerId?.value }),
		send: (body, key) => send('POST', '/v1/orders', { key, body }),
		done({ orderId }) {
			toast('Order opened.');
			go(`/orders/${orderId}`);
		},
	});
	return html`
		<${Form} form=${form} action="Open order" cancel=${() => go('/orders')}>
			<fieldset>
				<legend>Order</legend>
				<${CustomerPicker} name="customerId" label="Customer" hint="Type a part of the name, company, e-mail or city." />
				<${TextField} name="name" label="Name" maxlength="100" hint="What the customer calls it" />
				<${TextArea} name="note" label="Note" maxlength="1000" hint="Also shown to the warehouse" />
			</fieldset>
		<//>`;
}
