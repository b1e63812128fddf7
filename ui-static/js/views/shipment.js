// One shipment: what is in it, where it goes, and sending it off.
import { html, useState } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { invoiceState, shipmentState } from '../enums.js';
import { formatQuantity, parseDecimal } from '../format.js';
import { useLive } from '../live.js';
import { FormDialog } from '../ui/dialog.js';
import { NumberField, TextField } from '../ui/fields.js';
import { History } from '../ui/history.js';
import { Card, Facts, Page } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { Address, Link, Maybe, Quantity, State, Time } from '../ui/values.js';

const CARRIERS = ['DHL', 'DPD', 'FedEx', 'GLS', 'Kühne + Nagel', 'UPS'];

export function ShipmentPage({ id }) {
	const path = `/v1/shipments/${segment(id)}`;
	const live = useLive((signal) => get(path, {}, signal), [path]);
	const shipment = live.data;
	return html`
		<${Page} title=${shipment ? `Shipment of ${shipment.orderNumber}` : 'Shipment'} parent=${['Shipments', '/shipments']} live=${live}
			status=${shipment && html`<${State} of=${shipmentState} value=${shipment.state} />`}
			actions=${shipment && html`<${Actions} shipment=${shipment} path=${path} />`}>
			${(shipment) => html`
				<div class="columns">
					<div>
						<${Lines} shipment=${shipment} />
						<${History} path=${path} etag=${shipment.etag} />
					</div>
					<aside><${Card} title="Details"><${Details} shipment=${shipment} /><//></aside>
				</div>`}
		<//>`;
}

const LINE_COLUMNS = [
	{ label: 'SKU', cell: (one) => html`<${Link} to="/products/${one.sku}">${one.sku}<//>`, fixed: true },
	{ label: 'Product', cell: (one) => one.name },
	{ label: 'Packages', cell: (one) => html`<${Quantity} value=${one.quantity} />`, end: true },
];

function Lines({ shipment: { state, lines = [] } }) {
	const title = state === 'SHIPMENT_STATE_PENDING' ? 'To pack' : 'Contents';
	return html`
		<${Card} title=${title} plain=${true}>
			<${Table} caption=${title} columns=${LINE_COLUMNS} rows=${lines} keyOf=${(one) => one.itemId} empty="Nothing." />
		<//>`;
}

function Details({ shipment }) {
	const { state, carrier, trackingNumber, trackingUrl } = shipment;
	const left = state === 'SHIPMENT_STATE_DISPATCHED' || state === 'SHIPMENT_STATE_DELIVERED';
	return html`
		<${Facts} of=${[
			['Order', html`<${Link} to="/orders/${shipment.orderId}">${shipment.orderNumber}<//>`],
			['Customer', html`<${Link} to="/customers/${shipment.customerId}">${shipment.address?.recipient || 'Customer'}<//>`],
			['Ship to', html`<${Address} value=${shipment.address} />`],
			shipment.note && ['Note', shipment.note],
			left && ['Carrier', html`<${Maybe}>${carrier}<//>`],
			left && ['Tracking', html`<${Tracking} number=${trackingNumber} url=${trackingUrl} />`],
			left && ['Invoice', html`<${Invoice} shipment=${shipment} />`],
			['Created', html`<${Time} value=${shipment.createTime} />`],
			shipment.dispatchTime && ['Left', html`<${Time} value=${shipment.dispatchTime} />`],
			shipment.deliverTime && ['Delivered', html`<${Time} value=${shipment.deliverTime} />`],
		]} />`;
}

function Tracking({ number, url }) {
	if (!url) return html`<${Maybe}>${number}<//>`;
	return html`<a href=${url} target="_blank" rel="noopener noreferrer">${number || 'Follow it'}</a>`;
}

/** Issued by itself soon after the goods have left. */
function Invoice({ shipment: { orderId, shipmentId } }) {
	const invoiceOf = ({ invoices = [] }) => invoices.find((invoice) => invoice.shipmentId === shipmentId);
	const { data } = useLive((signal) => get('/v1/invoices', { orderId }, signal), [orderId], { waiting: (answer) => !invoiceOf(answer) });
	const invoice = data && invoiceOf(data);
	if (!invoice) return html`<span class="muted">Being issued…</span>`;
	return html`<${Link} to="/invoices/${invoice.invoiceId}">${invoice.number}<//> <${State} of=${invoiceState} value=${invoice.state} />`;
}

function Actions({ shipment, path }) {
	const [dialog, open] = useState();
	const close = () => open(undefined);
	return html`
		${shipment.state !== 'SHIPMENT_STATE_CANCELLED' && html`
			<a class="button" href="${path}:packingSlip" target="_blank" rel="noopener">Packing slip</a>`}
		${shipment.state === 'SHIPMENT_STATE_PENDING' && html`
			<button type="button" class="primary" onClick=${() => open('dispatch')}>Dispatch</button>`}
		${shipment.state === 'SHIPMENT_STATE_DISPATCHED' && html`
			<button type="button" class="primary" onClick=${() => open('deliver')}>Mark as delivered</button>`}
		${dialog === 'dispatch' && html`<${DispatchDialog} shipment=${shipment} path=${path} close=${close} />`}
		${dialog === 'deliver' && html`<${DeliverDialog} shipment=${shipment} path=${path} close=${close} />`}`;
}

function DispatchDialog({ shipment, path, close }) {
	const [{ etag, lines }] = useState(shipment);
	const form = {
		initial: { carrier: '', trackingNumber: '', trackingUrl: '', quantities: lines.map((line) => line.quantity) },
		prepare: ({ quantities, ...values }, fail) => ({ ...values, lines: leaving(lines, quantities, fail) }),
		send: (body, key) => send('POST', `${path}:dispatch`, { key, etag, body }),
	};
	const divisible = lines.length > 1 || lines[0].quantity !== '1';
	return html`
		<${FormDialog} title="Dispatch" action="Dispatch" said="Shipment dispatched." form=${form} close=${close}>
			<p>What leaves the warehouse is invoiced by itself. ${divisible && 'What does not stays behind as a shipment of its own.'}</p>
			${divisible && lines.map((line, index) => html`
				<${NumberField} name="quantities[${index}]" label=${line.name} required=${true} hint="Packages that leave, of ${formatQuantity(line.quantity)}" />`)}
			<${TextField} name="carrier" label="Carrier" maxlength="50" suggestions=${CARRIERS} />
			<${TextField} name="trackingNumber" label="Tracking number" maxlength="60" />
			<${TextField} name="trackingUrl" label="Tracking address" type="url" maxlength="500" hint="Starts with https://" />
		<//>`;
}

/** The lines that leave; none means all. */
function leaving(lines, quantities, fail) {
	const parts = lines.map(({ itemId, quantity }, index) => {
		const number = parseDecimal(quantities[index], 0);
		if (number === undefined || number < 0n || number > BigInt(quantity)) fail(`quantities[${index}]`, `a whole number from 0 to ${formatQuantity(quantity)}`);
		return { itemId, quantity: String(number ?? 0) };
	});
	if (parts.every(({ quantity }) => quantity === '0')) fail('quantities[0]', 'nothing would leave');
	const whole = parts.every(({ quantity }, index) => quantity === lines[index].quantity);
	return whole ? undefined : parts.filter(({ quantity }) => quantity !== '0');
}

function DeliverDialog({ shipment, path, close }) {
	const [seen] = useState(shipment.etag);
	const form = { initial: { reason: '' }, send: (body, key) => send('POST', `${path}:deliver`, { key, etag: seen, body }) };
	return html`
		<${FormDialog} title="Mark as delivered" action="Delivered" said="Shipment delivered." form=${form} close=${close}>
			<${TextField} name="reason" label="Received by" maxlength="200" />
		<//>`;
}
