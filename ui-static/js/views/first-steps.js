// The way to the first order, shown until there is one.
import { html } from '../../vendor/htm-preact.js';
import { get } from '../api.js';
import { useLive } from '../live.js';
import { Icon } from '../ui/icons.js';
import { Card } from '../ui/page.js';
import { Link } from '../ui/values.js';

const STEPS = [
	{ label: 'Enter a customer', to: '/customers/+new', source: '/v1/customers', rows: 'customers' },
	{ label: 'Enter a product', to: '/products/+new', source: '/v1/products', rows: 'products' },
	{ label: 'Receive goods', to: '/products', source: '/v1/stock', rows: 'levels' },
	{ label: 'Open an order', to: '/orders/+new', source: '/v1/orders', rows: 'orders' },
];

export function FirstSteps() {
	const { data: done } = useLive(readSteps, []);
	if (!done || done.at(-1)) return null;
	return html`
		<${Card} title="First steps">
			<ol class="steps">
				${STEPS.map(({ label, to }, index) => html`
					<li class=${done[index] ? 'done' : ''}>
						${done[index] ? html`<${Icon} name="check" />${label}<span class="unseen">, done</span>` : html`<${Link} to=${to}>${label}<//>`}
					</li>`)}
			</ol>
		<//>`;
}

/** Which steps are done; once there is an order, nothing else is asked for. */
async function readSteps(signal) {
	const isDone = async ({ source, rows }) => Boolean((await get(source, { pageSize: 1 }, signal))[rows]?.length);
	if (await isDone(STEPS.at(-1))) return [true];
	return Promise.all(STEPS.map(isDone));
}
