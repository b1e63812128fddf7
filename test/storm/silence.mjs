// For how long nobody had an answer, by class of request. A refusal is an answer; where nobody asks, nobody waits.
//
//     const silence = new Silence();
//     silence.ask('reads'); ...; silence.answer('reads');
//     silence.longest()     // { reads: 12.5 } milliseconds; those who still wait count
//     silence.waiting()     // { reads: 1 }
export class Silence {
	constructor() {
		this.classes = new Map();
	}

	ask(name) {
		if (!this.classes.has(name)) this.classes.set(name, { waiting: 0, since: 0, longest: 0 });
		const of = this.classes.get(name);
		if (of.waiting++ === 0) of.since = performance.now();
	}

	answer(name) {
		const of = this.classes.get(name);
		of.longest = gap(of);
		of.since = performance.now();
		of.waiting--;
	}

	longest() {
		return Object.fromEntries([...this.classes].map(([name, of]) => [name, gap(of)]));
	}

	waiting() {
		return Object.fromEntries([...this.classes].filter(([, { waiting }]) => waiting > 0).map(([name, { waiting }]) => [name, waiting]));
	}
}

const gap = ({ waiting, since, longest }) => (waiting > 0 ? Math.max(longest, performance.now() - since) : longest);
