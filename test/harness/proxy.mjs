// A proxy between two sockets that can be slow or silent, so that a test can have a slow or dead peer without pretending to be one.
//
//     const proxy = await startProxy('/run/a.sock', '/run/b.sock', { delay: 20 });   // connections to a.sock reach b.sock, each piece 20 ms later
//     proxy.hold();      // nothing passes any more
//     proxy.release();   // what was held goes on, in order
//     proxy.close();
import net from 'node:net';

export function startProxy(from, to, { delay = 0 } = {}) {
	const sockets = new Set();
	const waiting = [];
	let held = false;

	const pass = (piece, target) => {
		if (held) waiting.push([piece, target]);
		else if (!target.destroyed) target.write(piece);
	};
	const join = (source, target) => {
		sockets.add(source);
		source.on('data', (piece) => (delay ? setTimeout(() => pass(piece, target), delay) : pass(piece, target)));
		source.on('close', () => {
			sockets.delete(source);
			target.destroy();
		});
		source.on('error', () => target.destroy());
	};
	const server = net.createServer((near) => {
		const far = net.connect(to);
		join(near, far);
		join(far, near);
	});
	return new Promise((resolve, reject) => {
		server.on('error', reject);
		server.listen(from, () => resolve({
			hold() {
				held = true;
			},
			release() {
				held = false;
				for (const [piece, target] of waiting.splice(0)) pass(piece, target);
			},
			close() {
				server.close();
				for (const socket of sockets) socket.destroy();
			},
		}));
	});
}
