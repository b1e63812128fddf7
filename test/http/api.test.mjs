// JSON over HTTP to real services: what the contracts say, in the words of HTTP.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { startSystem } from '../harness/system.mjs';
import { until } from '../harness/wait.mjs';

let system;
before(async () => {
	system = await startSystem({ services: ['customers', 'warehouse'] });
	await until('both services to be connected', async () => {
		const { services } = await (await fetch(`${system.url}/readyz`)).json();
		return services.customers && services.warehouse;
	});
});
after(() => system?.stop());

// body: an object, or text as it is to be sent.
async function request(method, path, body, headers = {}) {
	const response = await fetch(system.url + path, {
		method,
		headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
		body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
	});
	const text = await response.text();
	return { status: response.status, headers: response.headers, text, json: text === '' ? undefined : JSON.parse(text) };
}

const ADA = { firstName: 'Ada', lastName: 'Byron', email: 'ada@example.org' };

async function createCustomer(customer = ADA) {
	const { status, json } = await request('POST', '/v1/customers', customer);
	assert.equal(status, 201);
	return json;
}

function expectProblem(answer, status, reason, violations = undefined) {
	assert.equal(answer.status, status, answer.text);
	assert.equal(answer.headers.get('content-type'), 'application/problem+json');
	const problem = answer.json;
	assert.equal(problem.status, status);
	assert.equal(problem.reason, reason);
	assert.equal(problem.type, `urn:quayside:problem:${reason}`);
	for (const member of ['title', 'detail', 'instance', 'code']) assert.ok(problem[member].length > 0, member);
	assert.match(problem.traceId, /^[0-9a-f]{32}$/);
	if (violations) assert.deepEqual((problem.violations ?? []).map(({ field }) => field).sort(), violations.sort());
	return problem;
}

test('what is created has a location, a tag and what was sent', async () => {
	const customer = { ...ADA, addresses: [{ label: 'home', address: { recipient: 'Ada', line1: '1 Quay', city: 'Hull', countryCode: 'GB' }, defaultShipping: true }] };
	const made = await request('POST', '/v1/customers', customer);
	assert.equal(made.status, 201);
	assert.equal(made.headers.get('content-type'), 'application/json');
	assert.equal(made.headers.get('location'), `/v1/customers/${made.json.customerId}`);
	assert.equal(made.headers.get('etag'), `"${made.json.etag}"`);
	const read = await request('GET', made.headers.get('location'));
	assert.deepEqual(read.json, made.json);
	assert.deepEqual(read.json.addresses, customer.addresses);
	assert.equal(read.json.status, 'CUSTOMER_STATUS_ACTIVE');
	assert.match(read.json.createTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z$/);
});

test('both spellings of names are understood, and a value of the query', async () => {
	const customerId = randomUUID();
	const made = await request('POST', `/v1/customers?customer_id=${customerId}`, { first_name: 'Ada', lastName: 'Byron', email: 'ada@example.org' });
	assert.equal(made.json.customerId, customerId);
});

test('a resource is not sent again to who has it', async () => {
	const { customerId, etag } = await createCustomer();
	const fresh = await request('GET', `/v1/customers/${customerId}`, undefined, { 'If-None-Match': `"${etag}"` });
	assert.equal(fresh.status, 304);
	assert.equal(fresh.text, '');
	assert.equal(fresh.headers.get('etag'), `"${etag}"`);
	assert.equal((await request('GET', `/v1/customers/${customerId}`, undefined, { 'If-None-Match': '"other"' })).status, 200);
});

test('PATCH changes what it names, null clears, and If-Match guards', async () => {
	const { customerId, etag } = await createCustomer({ ...ADA, company: 'Engines Ltd', phone: '+44 1' });
	const changed = await request('PATCH', `/v1/customers/${customerId}`, { firstName: 'Augusta', phone: null }, { 'If-Match': `"${etag}"` });
	assert.equal(changed.status, 200, changed.text);
	assert.equal(changed.json.firstName, 'Augusta');
	assert.equal(changed.json.phone, undefined);
	assert.equal(changed.json.company, 'Engines Ltd');
	expectProblem(await request('PATCH', `/v1/customers/${customerId}`, { firstName: 'Other' }, { 'If-Match': `"${etag}"` }), 412, 'ETAG_MISMATCH');
	expectProblem(await request('PATCH', `/v1/customers/${customerId}`, { firstName: 'Other' }, { 'If-Match': `W/"${changed.json.etag}"` }), 400, 'INVALID_REQUEST');
	const whole = await request('PATCH', `/v1/customers/${customerId}`, { ...changed.json, lastName: 'King' });
	assert.equal(whole.json.lastName, 'King', 'a resource that was read can be sent back');
	const masked = await request('PATCH', `/v1/customers/${customerId}?updateMask=company`, { firstName: 'Ignored', company: 'King Ltd' });
	assert.deepEqual([masked.json.firstName, masked.json.company], ['Augusta', 'King Ltd']);
});

test('the path wins over nobody: a body that says otherwise is refused', async () => {
	const { customerId } = await createCustomer();
	expectProblem(await request('PATCH', `/v1/customers/${customerId}`, { customerId: randomUUID(), firstName: 'B' }), 400, 'INVALID_REQUEST', ['customerId']);
});

test('a key makes the same request again harmless', async () => {
	const key = { 'Idempotency-Key': `"${randomUUID()}"` };
	const first = await request('POST', '/v1/customers', ADA, key);
	assert.equal(first.headers.get('idempotency-replayed'), null);
	const again = await request('POST', '/v1/customers', ADA, { 'Idempotency-Key': key['Idempotency-Key'].slice(1, -1) });
	assert.equal(again.status, 201);
	assert.equal(again.text, first.text);
	assert.equal(again.headers.get('idempotency-replayed'), 'true');
	expectProblem(await request('POST', '/v1/customers', { ...ADA, firstName: 'Other' }, key), 422, 'KEY_REUSED');
	expectProblem(await request('POST', '/v1/customers', ADA, { 'Idempotency-Key': '"open' }), 400, 'INVALID_REQUEST');
});

test('all wrong fields are told at once, as the client knows them', async () => {
	const wrong = await request('POST', '/v1/customers?nope=1', { firstName: 7, lastName: 'B', email: [], unknown: {}, addresses: [{ label: 'a', zip: 1 }] });
	expectProblem(wrong, 400, 'INVALID_REQUEST', ['nope', 'firstName', 'email', 'unknown', 'addresses[0].zip']);
	const broken = await request('POST', '/v1/customers', { lastName: 'B', email: 'nobody', addresses: [{ label: 'x'.repeat(51), address: { recipient: 'A', city: 'C', countryCode: 'gb' } }] });
	expectProblem(broken, 400, 'INVALID_REQUEST', ['firstName', 'email', 'addresses[0].label', 'addresses[0].address.line1', 'addresses[0].address.countryCode']);
});

test('parameters are checked like fields', async () => {
	expectProblem(await request('GET', '/v1/customers?pageSize=many&status=GONE'), 400, 'INVALID_REQUEST', ['pageSize', 'status']);
	expectProblem(await request('GET', '/v1/customers?pageSize=201'), 400, 'INVALID_REQUEST', ['pageSize']);
	expectProblem(await request('GET', '/v1/customers?pageSize=1&pageSize=2'), 400, 'INVALID_REQUEST', ['pageSize']);
	assert.equal((await request('GET', '/v1/customers?pageSize=2&status=CUSTOMER_STATUS_ACTIVE')).status, 200);
});

test('bodies must be JSON and say so', async () => {
	expectProblem(await request('POST', '/v1/customers', '{"firstName":"A"', {}), 400, 'MALFORMED_MESSAGE');
	expectProblem(await request('POST', '/v1/customers', 'null', {}), 400, 'INVALID_REQUEST');
	expectProblem(await request('POST', '/v1/customers', '[]', {}), 400, 'INVALID_REQUEST', ['body']);
	expectProblem(await request('POST', '/v1/customers', '{"firstName":"A","firstName":"B"}', {}), 400, 'INVALID_REQUEST');
	for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])
		expectProblem(await request('POST', '/v1/customers', JSON.stringify(ADA), { 'Content-Type': type }), 415, 'MEDIA_TYPE_UNKNOWN');
	assert.equal((await request('POST', '/v1/customers', ADA, { 'Content-Type': 'Application/JSON; charset=utf-8' })).status, 201);
});

test('what is not there is told apart from what cannot be done', async () => {
	const missing = expectProblem(await request('GET', `/v1/customers/${randomUUID()}`), 404, 'NOT_FOUND');
	assert.equal(missing.metadata.resource, 'customer');
	expectProblem(await request('GET', '/v1/nothing'), 404, 'ROUTE_MISSING');
	const wrong = await request('PUT', '/v1/customers');
	expectProblem(wrong, 405, 'METHOD_NOT_ALLOWED');
	assert.equal(wrong.headers.get('allow'), 'GET, HEAD, POST');
	expectProblem(await request('GET', '/v1/orders:watch'), 503, 'PEER_UNAVAILABLE');
	const away = await request('GET', '/v1/orders');
	expectProblem(away, 503, 'PEER_UNAVAILABLE');
	assert.equal(away.headers.get('retry-after'), '1');
});

test('64-bit numbers survive, and zero is absent', async () => {
	const sku = `T-${randomUUID().slice(0, 8)}`;
	const product = { sku, name: 'Tea', unitPrice: { currencyCode: 'EUR', minorUnits: '1000000000000' }, packaging: 'PACKAGING_BOX', contentQuantity: 20, measure: 'MEASURE_PCS' };
	const made = await request('POST', '/v1/products', product);
	assert.equal(made.status, 201, made.text);
	assert.equal(made.headers.get('location'), `/v1/products/${sku}`);
	assert.equal(made.json.unitPrice.minorUnits, '1000000000000');
	assert.equal('taxRateBasisPoints' in made.json, false);
	const taken = await request('POST', '/v1/products', product);
	expectProblem(taken, 409, 'ALREADY_EXISTS');
	expectProblem(await request('PATCH', `/v1/products/${sku}`, { weightGrams: 9007199254740993 }), 400, 'INVALID_REQUEST', ['weightGrams']);
	expectProblem(await request('PATCH', `/v1/products/${sku}`, '{"weightGrams":18446744073709551616}'), 400, 'INVALID_REQUEST', ['weightGrams']);
});

test('pages of other sites change nothing', async () => {
	// fetch() does not let its caller claim this; a browser says it by itself.
	const outgoing = http.request(`${system.url}/v1/customers`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'cross-site' } });
	outgoing.end(JSON.stringify(ADA));
	const [answer] = await once(outgoing, 'response');
	answer.resume();
	assert.equal(answer.statusCode, 403);
});

test('a trace is passed on', async () => {
	const trace = randomUUID().replaceAll('-', '');
	const answer = await request('GET', `/v1/customers/${randomUUID()}`, undefined, { traceparent: `00-${trace}-0123456789abcdef-01` });
	assert.equal(answer.json.traceId, trace);
	await until('the service to have logged it', () => system.programs.customers.lines().some((line) => line.trace === trace || JSON.stringify(line).includes(trace)));
});

test('lists are paged by tokens', async () => {
	const word = `Z${randomUUID().slice(0, 8)}`;
	for (let i = 0; i < 3; i++) await createCustomer({ ...ADA, lastName: word, firstName: `N${i}` });
	const first = await request('GET', `/v1/customers?query=${word}&pageSize=2`);
	assert.equal(first.json.customers.length, 2);
	const second = await request('GET', `/v1/customers?query=${word}&pageSize=2&pageToken=${encodeURIComponent(first.json.nextPageToken)}`);
	assert.deepEqual(second.json.customers.map((customer) => customer.firstName), ['N0']);
	assert.equal(second.json.nextPageToken, undefined);
});
