// Values inside of values, by a path as problem documents write it: "addresses[0].address.city". No DOM in here.

const keysOf = (path) => path.match(/[^.[\]]+/g);

/** The value at a path; undefined if there is none. */
export function valueAt(values, path) {
	return keysOf(path).reduce((value, key) => value?.[key], values);
}

/** A copy of `values` with another value at a path; what lies beside the path is shared with the original. */
export function withValueAt(values, path, value) {
	return replace(values, keysOf(path), value);
}

function replace(values, [key, ...rest], value) {
	if (key === undefined) return value;
	const copy = Array.isArray(values) ? [...values] : { ...values };
	copy[key] = replace(copy[key], rest, value);
	return copy;
}
