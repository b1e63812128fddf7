// The shell: navigation at the side, the view that the address names, and what is said beside any view.
import { html, render, useEffect, useErrorBoundary, useRef, useState } from '../vendor/htm-preact.js';
import { connected } from './api.js';
import { place } from './navigation.js';
import { href, matchRoute } from './router.js';
import { useStore } from './store.js';
import { Icon } from './ui/icons.js';
import { Failure, Page } from './ui/page.js';
import { Toasts } from './ui/toasts.js';
import { Link } from './ui/values.js';
import { CustomerPage } from './views/customer.js';
import { CustomerEditPage, CustomerNewPage } from './views/customer-form.js';
import { CustomersPage } from './views/customers.js';
import { InvoicePage } from './views/invoice.js';
import { InvoicesPage } from './views/invoices.js';
import { MovementsPage } from './views/movements.js';
import { OrderPage } from './views/order.js';
import { OrderNewPage } from './views/order-new.js';
import { OrdersPage } from './views/orders.js';
import { ProductPage } from './views/product.js';
import { ProductEditPage, ProductNewPage } from './views/product-form.js';
import { ProductsPage } from './views/products.js';
import { ReservationsPage } from './views/reservations.js';
import { ShipmentPage } from './views/shipment.js';
import { ShipmentsPage } from './views/shipments.js';
import { StockPage } from './views/stock.js';
import { TodayPage } from './views/today.js';
import { watchChanges } from './watch.js';

// Where a new record is entered ends in '+new', which no id can be.
const ROUTES = [
	['/', TodayPage],
	['/customers', CustomersPage],
	['/customers/+new', CustomerNewPage],
	['/customers/:id', CustomerPage],
	['/customers/:id/edit', CustomerEditPage],
	['/orders', OrdersPage],
	['/orders/+new', OrderNewPage],
	['/orders/:id', OrderPage],
	['/products', ProductsPage],
	['/products/+new', ProductNewPage],
	['/products/:sku', ProductPage],
	['/products/:sku/edit', ProductEditPage],
	['/products/:sku/movements', MovementsPage],
	['/stock', StockPage],
	['/reservations', ReservationsPage],
	['/shipments', ShipmentsPage],
	['/shipments/:id', ShipmentPage],
	['/invoices', InvoicesPage],
	['/invoices/:id', InvoicePage],
];

const AREAS = [
	[undefined, [['/', 'today', 'Today']]],
	['Sales', [['/orders', 'orders', 'Orders'], ['/customers', 'customers', 'Customers']]],
	['Warehouse', [
		['/products', 'products', 'Products'], ['/stock', 'stock', 'Stock'], ['/reservations', 'reservations', 'Reservations'],
		['/shipments', 'shipments', 'Shipments'],
	]],
	['Accounting', [['/invoices', 'invoices', 'Invoices']]],
];

function App() {
	const { path, query } = useStore(place);
	const main = useRef();
	useEffect(() => scrollTo(0, 0), [path, query.page]);

	function skip(event) {
		event.preventDefault();
		main.current.focus();
	}

	return html`
		<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
		<${Side} path=${path} />
		<main id="main" tabindex="-1" ref=${main}>
			<${Offline} />
			<${View} key=${path} path=${path} query=${query} />
		</main>
		<${Toasts} />`;
}

function Side({ path }) {
	const [open, setOpen] = useState(false);
	useEffect(() => setOpen(false), [path]);
	return html`
		<header class="side">
			<a class="brand" href=${href('/')}><img src="/img/quayside.svg" alt="" width="28" height="28" />Quayside</a>
			<button type="button" class="menu" aria-expanded=${String(open)} aria-controls="areas" onClick=${() => setOpen(!open)}>
				<${Icon} name="menu" />Menu
			</button>
			<nav id="areas" class=${open ? 'open' : ''} aria-label="Areas">
				${AREAS.map(([title, links]) => html`<${Area} title=${title} links=${links} path=${path} />`)}
			</nav>
		</header>`;
}

function Area({ title, links, path }) {
	return html`
		${title && html`<p class="area">${title}</p>`}
		<ul>
			${links.map(([to, icon, label]) => {
				const inside = path === to || (to !== '/' && path.startsWith(`${to}/`));
				return html`<li><${Link} to=${to} aria-current=${inside ? 'page' : undefined}><${Icon} name=${icon} />${label}<//></li>`;
			})}
		</ul>`;
}

function Offline() {
	const online = useStore(connected);
	return html`
		<div role="status">
			${!online && html`<p class="offline">No connection to the server. What you see may be old; it is tried again by itself.</p>`}
		</div>`;
}

function View({ path, query }) {
	const [error] = useErrorBoundary();
	const route = matchRoute(ROUTES, path);
	if (error) return html`<${Page} title="Something went wrong"><${Failure} problem=${error} /><//>`;
	if (!route) return html`<${Page} title="Not found"><p>There is no page at this address.</p><//>`;
	return html`<${route.view} ...${route.params} query=${query} path=${path} />`;
}

render(html`<${App} />`, document.getElementById('app'));
watchChanges();
