// Entering a customer, and changing one.
import { html, useEffect, useRef, useState } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { countryName, customerName } from '../format.js';
import { useOnce } from '../live.js';
import { go } from '../navigation.js';
import { CheckField, TextField } from '../ui/fields.js';
import { Form, useForm } from '../ui/form.js';
import { Page } from '../ui/page.js';
import { toast } from '../ui/toasts.js';

const PARENT = ['Customers', '/customers'];
const MAX_ADDRESSES = 20;
const NEW_ADDRESS = { label: '', address: { recipient: '', line1: '', line2: '', postalCode: '', city: '', region: '', countryCode: '' } };
const NEW_CUSTOMER = { firstName: '', lastName: '', company: '', email: '', phone: '', addresses: [] };

export function CustomerNewPage() {
	const options = {
		initial: NEW_CUSTOMER,
		send: (body, key) => send('POST', '/v1/customers', { key, body }),
		done({ customerId }) {
			toast('Customer created.');
			go(`/customers/${customerId}`);
		},
	};
	return html`
		<${Page} title="New customer" parent=${PARENT}>
			<${CustomerForm} options=${options} action="Create customer" cancel=${() => go('/customers')} />
		<//>`;
}

export function CustomerEditPage({ id }) {
	const path = `/v1/customers/${segment(id)}`;
	const once = useOnce((signal) => get(path, {}, signal), [path]);
	const back = () => go(`/customers/${id}`);
	const optionsOf = (customer) => ({
		initial: { ...NEW_CUSTOMER, ...customer },
		send: (body, key) => send('PATCH', path, { key, etag: customer.etag, body }),
		done() {
			toast('Customer saved.');
			back();
		},
	});
	return html`
		<${Page} title="Edit customer" parent=${once.data ? [customerName(once.data), `/customers/${id}`] : PARENT} live=${once}>
			${(customer) => html`
				<${CustomerForm} key=${customer.etag} options=${optionsOf(customer)} action="Save" cancel=${back} reload=${once.again} />`}
		<//>`;
}

function CustomerForm({ options, action, cancel, reload }) {
	const form = useForm({ ...options, prepare });
	const { addresses } = form.values;
	const [added, setAdded] = useState();

	function add() {
		setAdded(addresses.length);
		form.set('addresses', [...addresses, firstOrNext(addresses, form.values)]);
	}

	return html`
		<${Form} form=${form} action=${action} cancel=${cancel} reload=${reload}>
			<fieldset>
				<legend>Person</legend>
				<${TextField} name="firstName" label="First name" required=${true} maxlength="50" size="half" />
				<${TextField} name="lastName" label="Last name" required=${true} maxlength="50" size="half" />
				<${TextField} name="company" label="Company" maxlength="100" />
				<${TextField} name="email" label="E-mail" type="email" required=${true} maxlength="200" size="half" />
				<${TextField} name="phone" label="Phone" type="tel" maxlength="30" size="half" />
			</fieldset>
			${addresses.map((address, index) => html`
				<${AddressFields} key=${index} index=${index} focused=${index === added} country=${address.address.countryCode}
					remove=${() => form.set('addresses', addresses.filter((_, other) => other !== index))} />`)}
			${addresses.length < MAX_ADDRESSES && html`
				<p><button type="button" onClick=${add}>Add an address</button></p>`}
		<//>`;
}

/** The first address is for everything, and most likely to the customer itself. */
function firstOrNext(addresses, { firstName, lastName, company }) {
	if (addresses.length) return NEW_ADDRESS;
	const recipient = company || `${firstName} ${lastName}`.trim();
	return { ...NEW_ADDRESS, address: { ...NEW_ADDRESS.address, recipient }, defaultShipping: true, defaultBilling: true };
}

function AddressFields({ index, focused, country = '', remove }) {
	const box = useRef();
	useEffect(() => {
		if (focused) box.current.querySelector('input').focus();
	}, []);
	const at = `addresses[${index}]`;
	const code = country.toUpperCase();
	const name = countryName(code);
	return html`
		<fieldset ref=${box}>
			<legend>Address ${index + 1}</legend>
			<${TextField} name="${at}.label" label="Called" maxlength="50" size="half" hint="For example Warehouse North" />
			<${TextField} name="${at}.address.recipient" label="Recipient" required=${true} maxlength="100" size="half" />
			<${TextField} name="${at}.address.line1" label="Street and number" required=${true} maxlength="100" />
			<${TextField} name="${at}.address.line2" label="Building, floor" maxlength="100" />
			<${TextField} name="${at}.address.postalCode" label="Postal code" maxlength="20" size="third" />
			<${TextField} name="${at}.address.city" label="City" required=${true} maxlength="100" size="third" />
			<${TextField} name="${at}.address.region" label="State or region" maxlength="100" size="third" />
			<${TextField} name="${at}.address.countryCode" label="Country" required=${true} maxlength="2" size="third" class="code"
				hint=${name === code ? 'Two letters, for example DE' : name} />
			<${CheckField} name="${at}.defaultShipping" label="Ship new orders here" />
			<${CheckField} name="${at}.defaultBilling" label="Send invoices here" />
			<p><button type="button" class="quiet" onClick=${remove}>Remove address ${index + 1}</button></p>
		</fieldset>`;
}

function prepare({ firstName, lastName, company, email, phone, addresses }) {
	return {
		firstName, lastName, company, email, phone,
		addresses: addresses.map(({ label, address, defaultShipping, defaultBilling }) => ({
			label, defaultShipping, defaultBilling,
			address: { ...address, countryCode: (address.countryCode ?? '').toUpperCase() },
		})),
	};
}
