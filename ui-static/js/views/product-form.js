// Entering a product, and changing one.
import { html } from '../../vendor/htm-preact.js';
import { get, segment, send } from '../api.js';
import { measure, packaging } from '../enums.js';
import { decimalsOf, moneyInput, parseDecimal, taxRateInput } from '../format.js';
import { useOnce } from '../live.js';
import { go } from '../navigation.js';
import { NumberField, SelectField, TextArea, TextField } from '../ui/fields.js';
import { Form, useForm } from '../ui/form.js';
import { Page } from '../ui/page.js';
import { toast } from '../ui/toasts.js';

const PARENT = ['Products', '/products'];
const DEFAULT_CURRENCY = 'EUR';
const CURRENCIES = Intl.supportedValuesOf('currency').map((code) => ({ value: code, label: code }));
const NONE = [{ value: '', label: 'Not given' }];

export function ProductNewPage() {
	const options = {
		initial: inputs({ taxRateBasisPoints: 1900 }),
		send: (body, key) => send('POST', '/v1/products', { key, body }),
		done({ sku }) {
			toast('Product created.');
			go(`/products/${sku}`);
		},
	};
	return html`
		<${Page} title="New product" parent=${PARENT}>
			<${ProductForm} options=${options} isNew=${true} action="Create product" cancel=${() => go('/products')} />
		<//>`;
}

export function ProductEditPage({ sku }) {
	const path = `/v1/products/${segment(sku)}`;
	const once = useOnce((signal) => get(path, {}, signal), [path]);
	const back = () => go(`/products/${sku}`);
	const optionsOf = (product) => ({
		initial: inputs(product),
		send: ({ sku: fixed, ...body }, key) => send('PATCH', path, { key, etag: product.etag, body }),
		done() {
			toast('Product saved.');
			back();
		},
	});
	return html`
		<${Page} title="Edit product" parent=${once.data ? [once.data.name, `/products/${sku}`] : PARENT} live=${once}>
			${(product) => html`
				<${ProductForm} key=${product.etag} options=${optionsOf(product)} action="Save" cancel=${back} reload=${once.again} />`}
		<//>`;
}

function ProductForm({ options, isNew = false, action, cancel, reload }) {
	const form = useForm({ ...options, prepare });
	return html`
		<${Form} form=${form} action=${action} cancel=${cancel} reload=${reload}>
			<fieldset>
				<legend>Product</legend>
				${isNew && html`
					<${TextField} name="sku" label="SKU" required=${true} maxlength="40" size="half"
						hint="Letters, digits, dots, hyphens and underscores. It cannot be changed later." />`}
				<${TextField} name="name" label="Name" required=${true} maxlength="100" />
				<${TextArea} name="description" label="Description" maxlength="4000" />
			</fieldset>
			<fieldset>
				<legend>Price of one package</legend>
				<${NumberField} name="unitPrice" label="Net price" required=${true} />
				<${SelectField} name="currency" label="Currency" required=${true} size="short" options=${CURRENCIES} />
				<${NumberField} name="taxRateBasisPoints" label="Tax rate in %" required=${true} />
			</fieldset>
			<fieldset>
				<legend>Package</legend>
				<${SelectField} name="packaging" label="Packed as" size="short" options=${[...NONE, ...packaging.options]} />
				<${NumberField} name="contentQuantity" label="Content" />
				<${SelectField} name="measure" label="Measured in" size="short" options=${[...NONE, ...measure.options]} />
				<${NumberField} name="weightGrams" label="Weight in g" />
				<${NumberField} name="reorderLevel" label="Low below" hint="Packages" />
			</fieldset>
		<//>`;
}

/** A product as the form's fields hold it. */
function inputs(product) {
	return {
		sku: product.sku ?? '',
		name: product.name ?? '',
		description: product.description ?? '',
		unitPrice: moneyInput(product.unitPrice),
		currency: product.unitPrice?.currencyCode ?? DEFAULT_CURRENCY,
		taxRateBasisPoints: taxRateInput(product.taxRateBasisPoints),
		packaging: packaging.short(product.packaging),
		contentQuantity: product.contentQuantity ?? '',
		measure: measure.short(product.measure),
		weightGrams: product.weightGrams ?? '',
		reorderLevel: product.reorderLevel ?? '',
	};
}

function prepare(values, fail) {
	const number = (name, decimals) => {
		const units = parseDecimal(values[name] || '0', decimals);
		if (units === undefined) fail(name, decimals ? `a number with at most ${decimals} decimals, such as 12.5` : 'a whole number');
		return String(units ?? 0);
	};
	if (!values.unitPrice.trim()) fail('unitPrice', 'must not be empty');
	return {
		sku: values.sku.trim(),
		name: values.name,
		description: values.description,
		unitPrice: { currencyCode: values.currency, minorUnits: number('unitPrice', decimalsOf(values.currency)) },
		taxRateBasisPoints: Number(number('taxRateBasisPoints', 2)),
		packaging: packaging.full(values.packaging) ?? 'PACKAGING_UNSPECIFIED',
		contentQuantity: number('contentQuantity', 0),
		measure: measure.full(values.measure) ?? 'MEASURE_UNSPECIFIED',
		weightGrams: number('weightGrams', 0),
		reorderLevel: number('reorderLevel', 0),
	};
}
