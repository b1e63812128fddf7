// What was done to a record: who, when, from, to, why.
import { html, useState } from '../../vendor/htm-preact.js';
import { get } from '../api.js';
import { stateLabel } from '../enums.js';
import { formatAction, formatReason } from '../format.js';
import { useLive } from '../live.js';
import { Card, Live } from './page.js';
import { Time } from './values.js';

const FEW = 8;
const MANY = 200;

/** `path`: the record's own ("/v1/orders/42"). `etag`: its version; when it moves, there is something new to tell. */
export function History({ path, etag }) {
	const [size, setSize] = useState(FEW);
	const live = useLive((signal) => get(`${path}/history`, { pageSize: size }, signal), [path, size, etag]);
	return html`
		<${Card} title="History">
			<${Live} of=${live} show=${({ entries = [], nextPageToken }) => html`
				<ol class="history">${entries.map((entry) => html`<${Entry} key=${entry.version} entry=${entry} />`)}</ol>
				${nextPageToken && size === FEW && html`<button type="button" class="quiet" onClick=${() => setSize(MANY)}>Show older entries</button>`}`} />
		<//>`;
}

function Entry({ entry: { time, actor, action, fromState = '', toState = '', reason } }) {
	const moved = fromState !== toState;
	return html`
		<li>
			<p>
				<strong>${formatAction(action)}</strong>
				${moved && html`<span class="move">${fromState && `${stateLabel(fromState)} → `}${stateLabel(toState)}</span>`}
			</p>
			${reason && html`<p>${formatReason(reason)}</p>`}
			<p class="muted"><${Time} value=${time} />${actor && ` by ${actor}`}</p>
		</li>`;
}
