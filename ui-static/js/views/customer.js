// One customer: data, addresses, orders, and whether it may order.
import { html, useState } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { customerStatus, orderState } from '../enums.js';
import { customerName } from '../format.js';
import { useLive } from '../live.js';
import { FormDialog } from '../ui/dialog.js';
import { TextField } from '../ui/fields.js';
import { History } from '../ui/history.js';
import { Card, Empty, Facts, Live, Page } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { Address, Badge, Link, Maybe, Money, State, Time } from '../ui/values.js';

const ORDERS_SHOWN = 10;

export function CustomerPage({ id }) {
	const path = `/v1/customers/${segment(id)}`;
	const live = useLive((signal) => get(path, {}, signal), [path]);
	const customer = live.data;
	return html`
		<${Page} title=${customer ? customerName(customer) : 'Customer'} parent=${['Customers', '/customers']} live=${live}
			status=${customer && html`<${State} of=${customerStatus} value=${customer.status} />`}
			actions=${customer && html`<${Actions} customer=${customer} path=${path} />`}>
			${(customer) => html`
				<div class="columns">
					<div>
						<${Orders} customerId=${id} />
						<${Addresses} of=${customer.addresses ?? []} />
						<${History} path=${path} etag=${customer.etag} />
					</div>
					<aside><${Card} title="Details"><${Details} customer=${customer} /><//></aside>
				</div>`}
		<//>`;
}

function Details({ customer }) {
	return html`
		<${Facts} of=${[
			['Name', `${customer.firstName} ${customer.lastName}`],
			['Company', html`<${Maybe}>${customer.company}<//>`],
			['E-mail', html`<a href="mailto:${customer.email}">${customer.email}</a>`],
			['Phone', html`<${Maybe}>${customer.phone && html`<a href="tel:${customer.phone.replace(/[^+0-9]/g, '')}">${customer.phone}</a>`}<//>`],
			customer.statusReason && ['Why blocked', customer.statusReason],
			['Customer since', html`<${Time} value=${customer.createTime} />`],
			['Last changed', html`<${Time} value=${customer.updateTime} />`],
		]} />`;
}

function Actions({ customer, path }) {
	const [dialog, open] = useState();
	const active = customer.status === 'CUSTOMER_STATUS_ACTIVE';
	const blocked = customer.status === 'CUSTOMER_STATUS_BLOCKED';
	const close = () => open(undefined);
	return html`
		${(active || blocked) && html`<${Link} class="button" to="/customers/${customer.customerId}/edit">Edit<//>`}
		${active && html`<button type="button" onClick=${() => open('block')}>Block</button>`}
		${blocked && html`<button type="button" onClick=${() => open('unblock')}>Unblock</button>`}
		${active && html`<${Link} class="button primary" to="/orders/+new" query=${{ customer: customer.customerId }}>New order<//>`}
		${dialog === 'block' && html`
			<${StatusDialog} title="Block this customer" action="Block" said="Customer blocked." danger=${true}
				verb="block" required=${true} path=${path} etag=${customer.etag} close=${close}>
				<p>No new orders can be opened or placed. Orders that are placed already go on.</p>
			<//>`}
		${dialog === 'unblock' && html`
			<${StatusDialog} title="Unblock this customer" action="Unblock" said="Customer unblocked."
				verb="unblock" path=${path} etag=${customer.etag} close=${close}>
				<p>The customer can order again.</p>
			<//>`}`;
}

function StatusDialog({ path, verb, etag, required = false, children, ...dialog }) {
	const [seen] = useState(etag);
	const form = { initial: { reason: '' }, send: (body, key) => send('POST', `${path}:${verb}`, { key, etag: seen, body }) };
	return html`
		<${FormDialog} form=${form} ...${dialog}>
			${children}
			<${TextField} name="reason" label="Reason" required=${required} maxlength="200" />
		<//>`;
}

function Addresses({ of: addresses }) {
	if (!addresses.length) return html`<${Card} title="Addresses"><${Empty}>No address yet. An order needs one to be shipped to.<//><//>`;
	return html`
		<${Card} title="Addresses">
			<div class="addresses">
				${addresses.map(({ label, address, defaultShipping, defaultBilling }) => html`
					<div>
						${label && html`<h3>${label}</h3>`}
						<${Address} value=${address} />
						<p class="badges">
							${defaultShipping && html`<${Badge} tone="idle">Shipping<//>`}
							${defaultBilling && html`<${Badge} tone="idle">Billing<//>`}
						</p>
					</div>`)}
			</div>
		<//>`;
}

const ORDER_COLUMNS = [
	{ label: 'Order', cell: (order) => html`<${Link} to="/orders/${order.orderId}">${order.number}<//>`, fixed: true },
	{ label: 'State', cell: (order) => html`<${State} of=${orderState} value=${order.state} />` },
	{ label: 'Opened', cell: (order) => html`<${Time} value=${order.createTime} />` },
	{ label: 'Total', cell: (order) => html`<${Money} value=${order.gross} />`, end: true },
];

function Orders({ customerId }) {
	const live = useLive((signal) => get('/v1/orders', { customerId, pageSize: ORDERS_SHOWN }, signal), [customerId]);
	const query = { customer: customerId };
	const more = html`
		${live.data?.nextPageToken && html`<${Link} to="/orders" query=${query}>All orders<//>`}
		<${Link} to="/invoices" query=${query}>Invoices<//>`;
	return html`
		<${Card} title="Newest orders" actions=${more} plain=${true}>
			<${Live} of=${live} show=${({ orders = [] }) => html`
				<${Table} caption="Newest orders" columns=${ORDER_COLUMNS} rows=${orders} keyOf=${(one) => one.orderId} empty="No orders yet." />`} />
		<//>`;
}
