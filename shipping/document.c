#include "shipping/document.h"

#include "base/clock.h"
#include "runtime/document.h"
#include "runtime/pb.h"

static char *day_of(struct arena *arena, const Google__Protobuf__Timestamp *time)
{
	const struct date date = clock_date(pb_micros(time));

	return arena_printf(arena, "%04d-%02d-%02d", date.year, date.month, date.day);
}

static void fact_if_any(struct buf *page, const char *term, const char *value)
{
	if (*value != '\0')
		document_fact(page, term, value);
}

static void parties(struct buf *page, const Shipping__Shipment *shipment)
{
	buf_text(page, "<div class=\"parties\">\n<section>\n<h2>Ship to</h2>\n");
	document_address(page, shipment->address->recipient, shipment->address);
	buf_text(page, "\n</section>\n<dl>\n");
	document_fact(page, "Order", shipment->order_number);
	document_fact(page, "Shipment", shipment->shipment_id);
	if (shipment->dispatch_time != NULL)
		document_fact(page, "Left", day_of(page->arena, shipment->dispatch_time));
	fact_if_any(page, "Carrier", shipment->carrier);
	fact_if_any(page, "Tracking", shipment->tracking_number);
	fact_if_any(page, "Note", shipment->note);
	buf_text(page, "\n</dl>\n</div>\n");
}

static void lines(struct buf *page, const Shipping__Shipment *shipment)
{
	buf_text(page, "<table class=\"lines\">\n<thead><tr>");
	document_element(page, "th scope=\"col\"", "SKU");
	document_element(page, "th scope=\"col\"", "Item");
	document_element(page, "th scope=\"col\" class=\"number\"", "Packages");
	buf_text(page, "</tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < shipment->n_lines; i++) {
		const Shipping__ShipmentLine *line = shipment->lines[i];

		buf_text(page, "<tr>");
		document_element(page, "td", line->sku);
		document_element(page, "th scope=\"row\"", line->name);
		document_element(page, "td class=\"number\"",
				 arena_printf(page->arena, "%lld", (long long)line->quantity));
		buf_text(page, "</tr>\n");
	}
	buf_text(page, "</tbody>\n</table>\n");
}

static void totals(struct buf *page, const Shipping__Shipment *shipment)
{
	int64_t packages = 0;

	for (size_t i = 0; i < shipment->n_lines; i++)
		packages += shipment->lines[i]->quantity;
	buf_text(page, "<table class=\"totals\">\n<tbody>\n<tr>");
	document_element(page, "th scope=\"row\"", "Packages");
	document_element(page, "td", arena_printf(page->arena, "%lld", (long long)packages));
	buf_text(page, "</tr>\n</tbody>\n</table>\n");
}

void packing_slip(struct buf *page, const Shipping__Shipment *shipment)
{
	document_open(page, arena_printf(page->arena, "Packing slip %s", shipment->order_number));
	parties(page, shipment);
	lines(page, shipment);
	totals(page, shipment);
	document_close(page);
}
