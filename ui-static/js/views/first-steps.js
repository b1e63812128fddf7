// The way to the first order, shown until there is one.
import { html } from '../../vendor/htm-preact.js';
import { get } from '../api.js';
import { useLive } from '../live.js';
import { Icon } from '../ui/icons.js';
import { Card } from '../ui/page.js';
import { Link } from '../ui/values.js';

/** Looks whether a list's first page holds something that counts. */
const some = (source, rows, counts = () => true) => async (signal) => Boolean((await get(source, {}, signal))[rows]?.some(counts));

const STEPS = [
	{ label: 'Enter a customer', to: '/customers/+new', isDone: some('/v1/customers', 'customers') },
	{ label: 'Enter a product', to: '/products/+new', isDone: some('/v1/products', 'products') },
	{ label: 'Receive goods', to: '/products', isDone: some('/v1/stock', 'levels', (level) => level.onHand) },
	{ label: 'Open an order', to: '/orders/+new', isDone: some('/v1/orders', 'orders') },
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
	if (await STEPS.at(-1).isDone(signal)) return [true];
	return Promise.all(STEPS.map(({ isDone }) => isDone(signal)));
}
