// A proxy on one edge between two processes, with faults of each kind that a network has, in each direction by itself.
//
//     const edge = await startEdge('ordering-warehouse', { path: '/run/warehouse.sock' });   // edge.port is where the caller connects
//     edge.up.latency = 50;              // milliseconds; up: from the one who connected; down: towards him. Also jitter, blackhole, stalled, sliced
//     edge.cut(100);                     // after 100 more bytes in either direction, in the middle of whatever it is
//     edge.reset(); edge.halfClose('down'); edge.loseAnswer(); edge.refuse = true;
//     edge.struck('up', 'blackhole')     // how many pieces it has held, split or delayed; also edge.refused: connections
//     edge.heal();                       // what was held back is lost with its connection: nobody gets a stream with a hole
//     edge.close();
//
// Ports are TCP: a Unix socket knows no reset and no half-open peer.
import net from 'node:net';

const SLICED = 400; // bytes of a piece that go one by one; more would only take time
const ANSWER_WAIT = [20, 150]; // milliseconds that a request is given to have its effect before its answer is lost
const HOLDS = ['blackhole', 'stalled'];

// What goes one way through one connection, in order.
class Pipe {
	constructor(link, from, to, faults) {
		Object.assign(this, { link, from, to, faults, queue: [], moving: false });
		from.on('data', (piece) => this.take(piece));
		from.on('end', () => this.take(null));
		to.on('drain', () => this.from.resume());
	}

	take(piece) {
		const { latency, jitter, stalled } = this.faults;
		if (latency > 0) this.strike('latency', piece);
		this.queue.push({ piece, due: performance.now() + latency + Math.random() * jitter });
		if (stalled) this.from.pause();
		this.link.saw(this, piece);
		this.move();
	}

	strike(fault, piece) {
		if (piece !== null) this.faults.struck[fault] = (this.faults.struck[fault] ?? 0) + 1;
	}

	move() {
		clearTimeout(this.timer);
		while (this.queue.length > 0 && !this.holds()) {
			const wait = this.queue[0].due - performance.now();
			if (wait > 0) {
				this.timer = setTimeout(() => this.move(), wait);
				return;
			}
			this.pass(this.queue.shift().piece);
		}
	}

	// Whether what is first in the queue has to stay there.
	holds() {
		const fault = HOLDS.find((each) => this.faults[each]);
		if (fault) this.strike(fault, this.queue[0].piece);
		return fault !== undefined || this.link.losing === this;
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
		this.strike('sliced', piece);
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

	// A request that goes up now is delivered, and given time to have its effect; the answer to it is lost, however late it comes.
	saw(pipe, piece) {
		if (pipe === this.up && piece !== null && this.edge.losing > 0 && !this.losing) {
			this.losing = this.down;
			this.edge.losing--;
			const [least, most] = ANSWER_WAIT;
			this.timer = setTimeout(() => {
				this.ripe = true;
				this.lose();
			}, least + Math.random() * (most - least));
		}
		this.lose();
	}

	lose() {
		if (!this.ripe || this.down.queue.length === 0 || this.near.destroyed) return;
		if (this.down.queue[0].piece === null) this.edge.losing++; // it ended without an answer: the next one, then
		else this.edge.fired('lost-answer');
		this.kill();
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
		return this.losing !== undefined || this.up.queue.length > 0 || this.down.queue.length > 0;
	}
}

const CALM = { latency: 0, jitter: 0, blackhole: false, stalled: false, sliced: false };
const calm = () => ({ ...CALM, struck: {} });

class Edge {
	constructor(name, target) {
		Object.assign(this, { name, target, links: new Set(), up: calm(), down: calm(), losing: 0, refuse: false, refused: 0, fired: () => {} });
		this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.accept(near));
	}

	accept(near) {
		near.on('error', () => {});
		if (this.refuse) {
			this.refused++;
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

	struck(direction, fault) {
		return this[direction].struck[fault] ?? 0;
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
		for (const direction of ['up', 'down']) this.set(direction, CALM);
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
