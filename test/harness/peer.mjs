// A peer that answers by a script: for what a real one would do only by chance. It speaks the contract's methods, and counts.
//
//     const peer = await startPeer(system.address('scripted'), 'quayside.customers.v1.CustomerService');
//     peer.answer = () => ({ code: grpc.status.UNAVAILABLE, metadata: { 'grpc-retry-pushback-ms': '300' } });
//     peer.answer = () => ({ code: grpc.status.NOT_FOUND, reason: 'NOT_FOUND' });   // explained as our services do
//     peer.calls      // [{at (ms)}] so far
//     peer.close();
import grpc from '@grpc/grpc-js';
import { contract, type } from './contract.mjs';

const same = (bytes) => bytes;

// As our services explain a refusal (AIP-193).
function details(code, reason) {
	const info = type('google.rpc.ErrorInfo');
	const value = info.encode(info.fromObject({ reason, domain: 'quayside' })).finish();
	const packed = type('google.rpc.Status');
	return Buffer.from(packed.encode(packed.fromObject({ code, message: reason, details: [{ type_url: 'type.googleapis.com/google.rpc.ErrorInfo', value }] })).finish());
}

export function startPeer(address, service) {
	const peer = { calls: [], answer: () => ({ code: grpc.status.UNIMPLEMENTED }) };
	const server = new grpc.Server();
	const definition = {};
	const implementation = {};
	for (const name of Object.keys(contract().lookupService(service).methods)) {
		definition[name] = { path: `/${service}/${name}`, requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same,
			responseSerialize: same, responseDeserialize: same };
		implementation[name] = (call, callback) => {
			peer.calls.push({ at: performance.now() });
			const { code, reason, metadata = {} } = peer.answer(peer.calls.length);
			const trailers = new grpc.Metadata();
			for (const [key, value] of Object.entries(metadata)) trailers.set(key, value);
			if (reason) trailers.set('grpc-status-details-bin', details(code, reason));
			callback({ code, details: 'scripted', metadata: trailers });
		};
	}
	server.addService(definition, implementation);
	peer.close = () => server.forceShutdown();
	return new Promise((resolve, reject) => {
		server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve(peer)));
	});
}
