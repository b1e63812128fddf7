// One order, from its first item to its last invoice.
import { html, useState } from '../../vendor/htm-preact.js';
import { get, segment } from '../api.js';
import { invoiceState, orderState, shipmentState } from '../enums.js';
import { formatReason } from '../format.js';
import { useLive } from '../live.js';
import { History } from '../ui/history.js';
import { Icon } from '../ui/icons.js';
import { Card, Facts, Page } from '../ui/page.js';
import { Table } from '../ui/table.js';
import { Address, Link, Maybe, Money, State, Time } from '../ui/values.js';
import { CancelDialog, EditDialog, PlaceDialog } from './order-dialogs.js';
import { OrderItems } from './order-items.js';

const MOVING = ['PLACING', 'PLACED', 'PARTLY_SHIPPED', 'SHIPPED', 'CANCELLING'];
const isMoving = (order) => MOVING.includes(orderState.short(order.state));

export function OrderPage({ id }) {
	const path = `/v1/orders/${segment(id)}`;
	const live = useLive((signal) => get(path, {}, signal), [path], { waiting: isMoving });
	const order = live.data;
	return html`
		<${Page} title=${order?.number ?? 'Order'} parent=${['Orders', '/orders']} live=${live}
			status=${order && html`<${State} of=${orderState} value=${order.state} />`}
			actions=${order && html`<${Actions} order=${order} path=${path} />`}>
			${(order) => html`
				<${Progress} order=${order} />
				<div class="columns">
					<div>
						<${OrderItems} order=${order} path=${path} />
						<${Shipments} order=${order} />
						<${Invoices} order=${order} />
						<${History} path=${path} etag=${order.etag} />
					</div>
					<aside><${Card} title="Details"><${Details} order=${order} /><//></aside>
				</div>`}
		<//>`;
}

function Details({ order }) {
	return html`
		<${Facts} of=${[
			['Customer', html`<${Link} to="/customers/${order.customerId}">${order.customerName}<//>`],
			['Name', html`<${Maybe}>${order.name}<//>`],
			['Note', html`<${Maybe}>${order.note}<//>`],
			['Ship to', html`<${Address} value=${order.shippingAddress} />`],
			['Invoice to', html`<${Address} value=${order.billingAddress} />`],
			['Opened', html`<${Time} value=${order.createTime} />`],
			order.placeTime && ['Placed', html`<${Time} value=${order.placeTime} />`],
			['Last changed', html`<${Time} value=${order.updateTime} />`],
		]} />`;
}

/** What has left cannot be cancelled; the rest of a partly shipped order can. */
const CANCELLABLE = ['OPEN', 'PLACED', 'PARTLY_SHIPPED'];

const DIALOGS = { edit: EditDialog, cancel: CancelDialog, place: PlaceDialog };

function Actions({ order, path }) {
	const [dialog, open] = useState();
	const Dialog = DIALOGS[dialog];
	const isOpen = order.state === 'ORDER_STATE_OPEN';
	return html`
		<button type="button" onClick=${() => open('edit')}>Edit</button>
		${CANCELLABLE.includes(orderState.short(order.state)) && html`<button type="button" onClick=${() => open('cancel')}>Cancel order</button>`}
		${isOpen && Boolean(order.items?.length) && html`<button type="button" class="primary" onClick=${() => open('place')}>Place order</button>`}
		${Dialog && html`<${Dialog} order=${order} path=${path} close=${() => open(undefined)} />`}`;
}

const STEPS = [
	['Open', ['OPEN']],
	['Placed', ['PLACING', 'PLACED']],
	['Shipped', ['PARTLY_SHIPPED', 'SHIPPED']],
	['Invoiced', ['COMPLETED']],
];

/** How far the order has come, or why it goes no further. */
function Progress({ order }) {
	const state = orderState.short(order.state);
	const at = STEPS.findIndex(([, states]) => states.includes(state));
	if (at < 0) return html`<p class="notice">${orderState.label(order.state)}${order.stateReason && `: ${formatReason(order.stateReason)}`}</p>`;
	const finished = state === 'COMPLETED';
	return html`
		${state === 'OPEN' && order.stateReason && html`
			<p class="notice notice-wait">The order could not be placed: ${formatReason(order.stateReason)}</p>`}
		<ol class="progress" aria-label="Progress">
			${STEPS.map(([label], index) => {
				const done = index < at || finished;
				return html`
					<li class=${done ? 'done' : ''} aria-current=${index === at ? 'step' : undefined}>
						${done && html`<${Icon} name="check" />`}${label}${done && html`<span class="unseen">, done</span>`}
					</li>`;
			})}
		</ol>`;
}

const itemsOf = ({ lines = [] }) => (lines.length === 1 ? 'Shipment of 1 item' : `Shipment of ${lines.length} items`);

const SHIPMENT_COLUMNS = [
	{ label: 'Shipment', cell: (one) => html`<${Link} to="/shipments/${one.shipmentId}">${itemsOf(one)}<//>`, fixed: true },
	{ label: 'State', cell: (one) => html`<${State} of=${shipmentState} value=${one.state} />` },
	{ label: 'Carrier', cell: (one) => html`<${Maybe}>${one.carrier}<//>`, minor: true },
	{ label: 'Left', cell: (one) => html`<${Maybe}>${one.dispatchTime && html`<${Time} value=${one.dispatchTime} />`}<//>`, end: true },
];

function Shipments({ order }) {
	const orderId = order.orderId;
	const live = useLive((signal) => get('/v1/shipments', { orderId }, signal), [orderId, order.etag]);
	const shipments = live.data?.shipments ?? [];
	return shipments.length > 0 && html`
		<${Card} title="Shipments" plain=${true}>
			<${Table} caption="Shipments" columns=${SHIPMENT_COLUMNS} rows=${shipments} keyOf=${(one) => one.shipmentId} />
		<//>`;
}

const INVOICE_COLUMNS = [
	{ label: 'Invoice', cell: (one) => html`<${Link} to="/invoices/${one.invoiceId}">${one.number}<//>`, fixed: true },
	{ label: 'State', cell: (one) => html`<${State} of=${invoiceState} value=${one.state} />` },
	{ label: 'Total', cell: (one) => html`<${Money} value=${one.gross} />`, end: true, minor: true },
	{ label: 'Still to pay', cell: (one) => html`<${Money} value=${one.open} />`, end: true },
];

function Invoices({ order }) {
	const orderId = order.orderId;
	const live = useLive((signal) => get('/v1/invoices', { orderId }, signal), [orderId, order.etag]);
	const invoices = live.data?.invoices ?? [];
	return invoices.length > 0 && html`
		<${Card} title="Invoices" plain=${true}>
			<${Table} caption="Invoices" columns=${INVOICE_COLUMNS} rows=${invoices} keyOf=${(one) => one.invoiceId} />
		<//>`;
}
