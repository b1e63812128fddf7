// Things that tests need to exist: made through the public RPCs, with names that say where they came from.
//
//     const { customer, product } = await makeCatalogue(system, { stock: 100 });
//     const order = await placeOrder(system, customer, product, 2);
import { randomBytes, randomUUID } from 'node:crypto';
import { until } from './wait.mjs';

export const EUR = (minor) => ({ currency_code: 'EUR', minor_units: minor });

export const ADDRESS = {
	recipient: 'Ada Lovelace',
	line1: '12 St James Square',
	city: 'London',
	postal_code: 'SW1Y 4JH',
	country_code: 'GB',
};

export function newSku() {
	return `TEST-${randomBytes(6).toString('hex').toUpperCase()}`;
}

export function makeCustomer(system, fields = {}) {
	return system.call('quayside.customers.v1.CustomerService/CreateCustomer', {
		customer: { first_name: 'Ada', last_name: 'Lovelace', email: 'ada@example.com', addresses: [{ address: ADDRESS }], ...fields },
	});
}

export async function makeProduct(system, { stock = 100, ...fields } = {}) {
	const product = await system.call('quayside.warehouse.v1.ProductService/CreateProduct', {
		product: { sku: newSku(), name: 'Test product', unit_price: EUR(1250), tax_rate_basis_points: 1900, ...fields },
	});
	if (stock > 0) await receive(system, product.sku, stock);
	return product;
}

export function receive(system, sku, quantity) {
	return system.call('quayside.warehouse.v1.StockService/ReceiveStock', { sku, quantity, reference: 'test' });
}

export async function stockOf(system, sku) {
	const { levels } = await system.call('quayside.warehouse.v1.StockService/ListStock', { sku });
	const [level] = levels;
	return level && { on_hand: Number(level.on_hand), reserved: Number(level.reserved), available: Number(level.available) };
}

export function submit(system, customer, lines, options = {}) {
	return system.call('quayside.ordering.v1.OrderService/SubmitOrder',
		{ customer_id: customer.customer_id, lines: lines.map(([sku, quantity]) => ({ sku, quantity })) }, options);
}

export function getOrder(system, order_id) {
	return system.call('quayside.ordering.v1.OrderService/GetOrder', { order_id });
}

export function dispatch(system, shipment_id, options) {
	return system.call('quayside.shipping.v1.ShipmentService/DispatchShipment',
		{ shipment_id, carrier: 'DHL', tracking_number: randomUUID() }, options);
}

// Waits until an order is in a state, and returns it.
export function orderIn(system, order_id, state, ms) {
	return until(`order ${order_id} to be ${state}`, async () => {
		const order = await getOrder(system, order_id);
		return order.state === state && order;
	}, ms);
}
