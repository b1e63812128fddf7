// All customers.
import { html } from '../../vendor/htm-preact.js';
import { customerStatus } from '../enums.js';
import { customerName } from '../format.js';
import { Choice, Search } from '../ui/filters.js';
import { ListPage } from '../ui/list.js';
import { Link, Maybe, State, Time } from '../ui/values.js';

const COLUMNS = [
	{ label: 'Customer', cell: (one) => html`<${Link} to="/customers/${one.customerId}">${customerName(one)}<//>` },
	{ label: 'Contact', cell: (one) => `${one.firstName} ${one.lastName}`, minor: true },
	{ label: 'E-mail', cell: (one) => one.email },
	{ label: 'City', cell: (one) => html`<${Maybe}>${one.addresses?.[0]?.address?.city}<//>`, minor: true },
	{ label: 'Status', cell: (one) => html`<${State} of=${customerStatus} value=${one.status} />` },
	{ label: 'Since', cell: (one) => html`<${Time} value=${one.createTime} />`, minor: true },
];

export function CustomersPage({ path, query }) {
	return html`
		<${ListPage} title="Customers" path=${path} query=${query} columns=${COLUMNS} keyOf=${(one) => one.customerId}
			source="/v1/customers" rows="customers" filter=${{ query: query.query, status: customerStatus.full(query.status) }}
			empty="No customers yet." actions=${html`<${Link} class="button primary" to="/customers/+new">New customer<//>`}>
			<${Search} label="Name, company, e-mail, phone or city" value=${query.query} />
			<${Choice} label="Status" name="status" value=${query.status} options=${customerStatus.options} />
		<//>`;
}
