// Demo data: a small wholesaler of food and household goods with its customers, stock and orders in every state, made through the gateway like any client would.
//
//     node demo.mjs http://127.0.0.1:8080
//
// Every request carries a key that is always the same, so an interrupted run can be repeated and makes nothing twice.
import { setTimeout as pause } from 'node:timers/promises';

const base = (process.argv[2] ?? 'http://127.0.0.1:8080').replace(/\/$/, '');

const PEOPLE = `Marta Kowalska|Café Kowalska|Kraków|PL
Jonas Lindqvist|Lindqvist Livs|Uppsala|SE
Aylin Demir||Köln|DE
Pierre Fontaine|Épicerie Fontaine|Lyon|FR
Giulia Ferrari|Bar Ferrari|Bologna|IT
Tomás Herrera|Herrera Alimentos|Valencia|ES
Sanne de Vries|De Vries Markt|Utrecht|NL
Mikkel Sørensen||Aarhus|DK
Katarína Horváthová|Horvath Catering|Bratislava|SK
Liam O'Brien|O'Brien & Sons|Cork|IE
Eleni Papadaki|Papadaki Taverna|Heraklion|GR
Noah Keller|Keller Gastro|Zürich|CH
Sofia Almeida|Almeida Mercearia|Porto|PT
Matti Virtanen||Tampere|FI
Anna Novotná|Bistro Novotná|Brno|CZ
Hugo Dubois|Hôtel du Lac|Annecy|FR
Clara Weiß|Weiß Bäckerei|Leipzig|DE
Ivan Petrov|Petrov Delikatesi|Plovdiv|BG
Ingrid Haugen|Haugen Kro|Bergen|NO
Luca Moretti||Torino|IT
Zsófia Nagy|Nagy Étterem|Szeged|HU
Emma Janssens|Janssens Traiteur|Gent|BE
Andrei Popescu|Popescu Comerț|Cluj-Napoca|RO
Maja Zupan|Zupan Kmetija|Ljubljana|SI
Oliver Schmid|Gasthaus Schmid|Salzburg|AT
Freya Andersson|Andersson Storkök|Malmö|SE`.split('\n').map((line) => line.split('|'));

const GOODS = `COF-ARABICA-1KG|Arabica coffee beans|1890|700|BAG|1|KG|240
COF-ESPRESSO-500|Espresso roast, ground|1150|700|BAG|500|G|180
TEA-EARLGREY-100|Earl Grey tea|890|700|BOX|100|PCS|120
TEA-MINT-50|Peppermint tea, organic|540|700|BOX|50|PCS|8
OIL-OLIVE-1L|Extra virgin olive oil|1395|700|BOTTLE|1|L|160
OIL-RAPE-5L|Rapeseed oil|1620|700|CAN|5|L|60
PAS-SPAG-5KG|Spaghetti No. 5|1180|700|BOX|5|KG|90
PAS-PENNE-5KG|Penne rigate|1180|700|BOX|5|KG|75
RIC-BASMATI-10|Basmati rice|2450|700|BAG|10|KG|40
FLO-WHEAT-25|Wheat flour type 550|1875|700|BAG|25|KG|55
SUG-CANE-1KG|Raw cane sugar|320|700|PACK|1|KG|300
SAL-SEA-1KG|Sea salt, coarse|210|700|PACK|1|KG|400
TOM-PEELED-2K5|Peeled tomatoes|495|700|CAN|2500|G|220
BEA-CHICK-2K5|Chickpeas|430|700|CAN|2500|G|140
OLI-KALAMATA-2|Kalamata olives|1640|700|CAN|2|KG|35
CHE-PARM-1KG|Parmigiano Reggiano, 24 months|2290|700|PACK|1|KG|28
WAT-STILL-12|Mineral water, still, 12 bottles|540|1900|BUNDLE|12|L|150
WAT-SPARK-12|Mineral water, sparkling, 12 bottles|540|1900|BUNDLE|12|L|6
JUI-ORANGE-6|Orange juice, 6 cartons|1080|1900|CARTON|6|L|70
BEE-LAGER-24|Lager, 24 bottles|1790|1900|BOX|12|L|64
WIN-RIESLING-6|Riesling, dry, 6 bottles|4450|1900|BOX|4500|ML|32
WIN-CHIANTI-6|Chianti Classico, 6 bottles|5980|1900|BOX|4500|ML|5
CHO-DARK-10|Dark chocolate 72 %, 10 bars|1490|700|BOX|1|KG|110
HON-ACACIA-500|Acacia honey|780|700|BOTTLE|500|G|95
POT-WAXY-10|Waxy potatoes|890|700|NET|10|KG|48
ONI-YELLOW-10|Yellow onions|760|700|NET|10|KG|52
APP-GALA-13|Gala apples|1990|700|BOX|13|KG|26
NAP-WHITE-500|Napkins, white|1240|1900|PACK|500|PCS|80
SOA-HAND-5L|Hand soap|1390|1900|CAN|5|L|44
TOW-PAPER-24|Kitchen paper, 24 rolls|1680|1900|PACK|24|PCS|58
DET-DISH-5L|Dishwashing liquid|980|1900|CAN|5|L|63
COF-CHICORY-1KG|Chicory coffee (discontinued)|940|700|BAG|1|KG|0`.split('\n').map((line) => line.split('|'));

const CARRIERS = ['DHL', 'DPD', 'GLS', 'UPS'];

async function ask(method, path, key, body) {
	for (let attempt = 1; ; attempt++) {
		const response = await fetch(base + path, {
			method,
			headers: { 'content-type': 'application/json', ...(key ? { 'idempotency-key': `demo-${key}` } : {}) },
			body: body === undefined ? undefined : JSON.stringify(body),
		}).catch((error) => ({ ok: false, status: 503, text: async () => String(error) }));
		if (response.ok) return response.json();
		if (![429, 503, 504].includes(response.status) || attempt === 5) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
		await pause(200 * attempt);
	}
}

const post = (path, key, body = {}) => ask('POST', path, key, body);

function emailOf(name) {
	const ascii = name.normalize('NFD').replace(/[^\x20-\x7e]/g, '').replace(/ß/g, 'ss').toLowerCase();
	return `${ascii.replace(/[^a-z]+/g, '.')}@example.com`;
}

async function makeCustomers() {
	const customers = [];
	for (const [n, [name, company, city, countryCode]] of PEOPLE.entries()) {
		const [firstName, ...rest] = name.split(' ');
		const address = { recipient: company || name, line1: `${['Harbour Street', 'Market Square', 'Station Road', 'Mill Lane'][n % 4]} ${n * 3 + 1}`, city,
			postalCode: String(10000 + n * 317), countryCode };
		customers.push(await post('/v1/customers', `customer-${n}`, {
			firstName, lastName: rest.join(' '), company, email: emailOf(name), phone: `+49 30 55501${String(n).padStart(2, '0')}`,
			addresses: [{ label: 'Main', address, defaultShipping: true, defaultBilling: true }],
		}));
	}
	return customers;
}

async function makeProducts() {
	for (const [sku, name, price, tax, packaging, quantity, measure, stock] of GOODS) {
		await post('/v1/products', `product-${sku}`, {
			sku, name, unitPrice: { currencyCode: 'EUR', minorUnits: price }, taxRateBasisPoints: Number(tax), packaging: `PACKAGING_${packaging}`,
			contentQuantity: quantity, measure: `MEASURE_${measure}`, reorderLevel: '10',
		});
		if (stock !== '0') await post(`/v1/stock/${sku}:receive`, `stock-${sku}`, { quantity: stock, reference: 'Opening stock' });
	}
	await post('/v1/products/COF-CHICORY-1KG:archive', 'archive');
}

// What becomes of the n-th order: the list says how far each one goes.
const FATES = ['open', 'placed', 'shipped', 'delivered', 'partly paid', 'paid', 'paid', 'cancelled', 'placed', 'paid'];

async function makeOrder(n, customer) {
	const order = await post('/v1/orders', `order-${n}`, { customerId: customer.customerId, name: n % 3 ? '' : `Weekly order ${40 + n}` });
	const path = `/v1/orders/${order.orderId}`;
	for (let i = 0; i <= n % 4; i++) {
		const [sku, , , , , , , stock] = GOODS[(n * 7 + i * 5) % (GOODS.length - 1)];
		if (Number(stock) > 20) await post(`${path}/items`, `order-${n}-item-${i}`, { sku, quantity: String(1 + ((n + i) % 3)) });
	}
	return ask('GET', path);
}

async function finish(n, order, fate) {
	const path = `/v1/orders/${order.orderId}`;
	if (fate === 'open') return;
	if (fate === 'cancelled' || !order.items?.length) {
		await post(`${path}:cancel`, `order-${n}-cancel`, { reason: 'Ordered by mistake' });
		return;
	}
	const placed = await post(`${path}:place`, `order-${n}-place`);
	if (fate === 'placed') return;
	const shipment = `/v1/shipments/${placed.shipmentIds[0]}`;
	await post(`${shipment}:dispatch`, `order-${n}-dispatch`, { carrier: CARRIERS[n % 4], trackingNumber: `JD0146${String(n * 7919).padStart(8, '0')}` });
	if (fate === 'shipped') return;
	if (n % 2) await post(`${shipment}:deliver`, `order-${n}-deliver`, { reason: 'Left at the reception' });
	if (fate !== 'delivered') await pay(n, path, fate);
}

// The invoice comes by itself a moment after the goods have left.
async function pay(n, path, fate) {
	let order = await ask('GET', path);
	for (let i = 0; !order.invoiceIds?.length && i < 200; i++) {
		await pause(50);
		order = await ask('GET', path);
	}
	const invoice = await ask('GET', `/v1/invoices/${order.invoiceIds[0]}`);
	const open = BigInt(invoice.open.minorUnits);
	const amount = fate === 'paid' ? open : open / 2n;
	await post(`/v1/invoices/${invoice.invoiceId}:recordPayment`, `order-${n}-pay`,
		{ amount: { currencyCode: 'EUR', minorUnits: String(amount) }, method: 'Bank transfer', reference: invoice.number });
}

const customers = await makeCustomers();
await makeProducts();
for (let n = 0; n < 40; n++) await finish(n, await makeOrder(n, customers[(n * 5) % customers.length]), FATES[n % FATES.length]);
await post(`/v1/customers/${customers[17].customerId}:block`, 'block', { reason: 'Two invoices unpaid for more than 60 days' });
console.log(`${customers.length} customers, ${GOODS.length} products and 40 orders were made.`);
