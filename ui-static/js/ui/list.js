// The view of a list: what it is narrowed down by, its rows, its pages. All in the address.
import { html } from '../../vendor/htm-preact.js';
import { get, queryText } from '../api.js';
import { useLive } from '../live.js';
import { Filters } from './filters.js';
import { Live, Page } from './page.js';
import { Pager, Table } from './table.js';

/**
 * `source`: the path to read from. `filter`: what to ask it for. `rows`: the name of the list in the answer.
 * `empty`: what to say while there are none at all. `path`, `query`: where this view is. `children`: the filters' controls. The rest is for Table.
 */
export function ListPage({ title, parent, actions, source, filter, rows, empty, path, query, children, ...table }) {
	const asked = { ...filter, pageToken: query.page };
	const live = useLive((signal) => get(source, asked, signal), [source, queryText(asked)]);
	const nothing = queryText(asked) ? 'Nothing matches.' : empty;
	return html`
		<${Page} title=${title} parent=${parent} actions=${actions}>
			${children && html`<${Filters}>${children}<//>`}
			<${Live} of=${live} show=${(data) => html`
				<div class="card"><${Table} caption=${title} rows=${data[rows] ?? []} stale=${live.stale} empty=${nothing} ...${table} /></div>
				<${Pager} path=${path} query=${query} next=${data.nextPageToken} />`} />
		<//>`;
}
