// Chance that can be repeated: the same seed, the same numbers (mulberry32, by Tommy Ettinger, public domain).
export class Random {
	constructor(seed) {
		this.state = seed >>> 0;
	}

	// From 0 up to, but not including, 1.
	fraction() {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let t = this.state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	}

	// A whole number from..to, both included.
	whole(from, to) {
		return from + Math.floor(this.fraction() * (to - from + 1));
	}

	between(from, to) {
		return from + this.fraction() * (to - from);
	}

	pick(list) {
		return list[this.whole(0, list.length - 1)];
	}

	chance(share) {
		return this.fraction() < share;
	}
}
