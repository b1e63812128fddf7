// Icons, drawn on a grid of 20 by 20. They only decorate: the text beside them says it all.
import { html } from '../../vendor/htm-preact.js';

const PATHS = {
	today: 'M3 10.5 10 4l7 6.5M5 9v7.5h10V9',
	customers: 'M10 10a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM3.5 17c.6-3.2 3.2-4.8 6.5-4.8s5.9 1.6 6.5 4.8',
	orders: 'M5 3h10v14l-2.5-1.6L10 17l-2.5-1.6L5 17ZM8 7h4M8 10.5h4',
	products: 'M10 2.8 16.5 6.3v7.4L10 17.2l-6.5-3.5V6.3ZM3.5 6.3 10 9.8l6.5-3.5M10 9.8v7.4',
	stock: 'M3 17V7l7-4 7 4v10M6.5 17v-3.5h7V17M6.5 10h7v3.5h-7Z',
	reservations: 'M6 3h8v14l-4-3.2L6 17Z',
	shipments: 'M2.5 5h9v9h-9ZM11.5 8h3.5l2.5 3v3h-6M6 16a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3ZM14 16a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Z',
	invoices: 'M5 3h7l3 3v11H5ZM12 3v3h3M8 10h4M8 13h4',
	search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l4 4',
	menu: 'M3 6h14M3 10h14M3 14h14',
	check: 'M4 10.5 8.2 15 16 5.5',
};

export function Icon({ name }) {
	return html`
		<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
			<path d=${PATHS[name]} />
		</svg>`;
}
