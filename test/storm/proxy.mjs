// A proxy on one edge between two processes, with faults of each kind that a network has, in each direction by itself.
//
//     const edge = await startEdge('ordering-warehouse', { path: '/run/warehouse.sock' });   // edge.port is where the caller connects
//     edge.up.latency = 50;              // milliseconds; up: from the one who connected; down: towards him. Also jitter, blackhole, stalled, sliced
//     edge.cut(100);                     // after 100 more bytes in either direction, in the middle of whatever it is
//     edge.reset(); edge.halfClose('down'); edge.loseAnswer(); edge.refuse = true;
//     edge.heal();                       // what was held back is lost with its connection: nobody gets a stream with a hole
//     edge.close();
//
// Ports are TCP: a Unix socket knows no reset and no half-open peer.
import net from 'node:net';

const SLICED = 400; // bytes of a piece that go one by one; more would only take time
const ANSWER_WAIT = [20, 150]; // milliseconds that a request is given to have its effect before its answer is lost

// What goes one way through one connection, in order.
class Pipe {
	constructor(link, from, to, faults) {
		Object.assign(this, { link, from, to, faults, queue: [], moving: false });
		from.on('data', (piece) => this.take(piece));
		from.on('end', () => this.take(null));
		to.on('drain', () => this.from.resume());
	}

	take(piece) {
		this.link.saw(this, piece);
		this.queue.push({ piece, due: performance.now() + this.faults.latency + Math.random() * this.faults.jitter });
		if (this.faults.stalled) this.from.pause();
		this.move();
	}

	move() {
		clearTimeout(this.timer);
		while (this.queue.length > 0 && !this.faults.blackhole && !this.faults.stalled) {
			const wait = this.queue[0].due - performance.now();
			if (wait > 0) {
				this.timer = setTimeout(() => this.move(), wait);
				return;
			}
			this.pass(this.queue.shift().piece);
		}
	}

	pass(piece) {
		if (this.to.destroyed || this.to.writableEnded) return;
		if (piece === null) {
			this.to.end();
			return;
		}
		const part = this.link.edge.fuse < piece.length ? piece.subarray(0, this.link.edge.fuse) : piece;
		const fits = this.faults.sliced ? this.slice(part) : this.to.write(part);
		if (!fits) this.from.pause();
		this.link.passed(piece.length);
	}

	slice(piece) {
		let fits = true;
		for (let i = 0; i < Math.min(piece.length, SLICED); i++) fits = this.to.write(piece.subarray(i, i + 1));
		return piece.length > SLICED ? this.to.write(piece.subarray(SLICED)) : fits;
	}
}

// One connection and its other half.
class Link {
	constructor(edge, near, far) {
		Object.assign(this, { edge, near, far });
		for (const [socket, other] of [[near, far], [far, near]]) {
			socket.setNoDelay?.(true);
			socket.on('error', () => {});
			socket.on('close', () => {
				edge.links.delete(this);
				other.destroy();
			});
		}
		this.up = new Pipe(this, near, far, edge.up);
		this.down = new Pipe(this, far, near, edge.down);
		edge.links.add(this);
	}

	// A request that goes up now is delivered; what comes down after it is not.
	saw(pipe, piece) {
		if (pipe === this.up && piece !== null && this.edge.losing > 0 && !this.losing) {
			this.losing = true;
			this.edge.losing--;
			this.down.faults = { ...this.down.faults, blackhole: true };
			const [least, most] = ANSWER_WAIT;
			this.timer = setTimeout(() => {
				this.edge.fired('lost-answer');
				this.kill();
			}, least + Math.random() * (most - least));
		}
	}

	passed(bytes) {
		if (this.edge.fuse === undefined) return;
		this.edge.fuse -= bytes;
		if (this.edge.fuse >= 0) return;
		this.edge.fuse = undefined;
		this.edge.fired('cut');
		this.kill();
	}

	// With a reset on both sides.
	kill() {
		clearTimeout(this.timer);
		if (!this.near.destroyed) this.near.resetAndDestroy();
		this.far.destroy();
	}

	get held() {
		return this.up.queue.length > 0 || this.down.queue.length > 0;
	}
}

const calm = () => ({ latency: 0, jitter: 0, blackhole: false, stalled: false, sliced: false });

class Edge {
	constructor(name, target) {
		Object.assign(this, { name, target, links: new Set(), up: calm(), down: calm(), losing: 0, refuse: false, fired: () => {} });
		this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.accept(near));
	}

	accept(near) {
		near.on('error', () => {});
		if (this.refuse) {
			near.resetAndDestroy();
			return;
		}
		const far = net.connect({ ...this.target, allowHalfOpen: true });
		new Link(this, near, far);
	}

	listen() {
		return new Promise((resolve, reject) => {
			this.server.on('error', reject);
			this.server.listen(0, '127.0.0.1', () => {
				this.port = this.server.address().port;
				resolve(this);
			});
		});
	}

	// Faults that last: sets them in a direction, or takes them back. What was held goes on.
	set(direction, faults) {
		Object.assign(this[direction], faults);
		for (const link of this.links) {
			link.up.move();
			link.down.move();
			if (!this[direction].stalled) (direction === 'up' ? link.near : link.far).resume();
		}
	}

	cut(bytes) {
		this.fuse = bytes;
	}

	// The next request that comes gets no answer, though it has its effect.
	loseAnswer() {
		this.losing++;
	}

	reset() {
		for (const link of [...this.links]) link.kill();
	}

	// One side hears that the other has nothing more to say, which it has.
	halfClose(direction) {
		for (const link of this.links) (direction === 'up' ? link.far : link.near).end();
	}

	heal() {
		this.refuse = false;
		this.losing = 0;
		this.fuse = undefined;
		for (const link of [...this.links]) {
			if (link.held || link.near.writableEnded || link.far.writableEnded) link.kill();
		}
		for (const direction of ['up', 'down']) this.set(direction, calm());
	}

	close() {
		this.server.close();
		for (const link of [...this.links]) link.kill();
	}
}

// target: { path } or { host, port }.
export function startEdge(name, target) {
	return new Edge(name, target).listen();
}
