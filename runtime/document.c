#include "runtime/document.h"

#include <string.h>

/* Text and attribute values alike: HTML Living Standard, 13.3 "escaping a string", and the apostrophe. */
void document_text(struct buf *page, const char *text)
{
	static const struct {
		char byte;
		const char *entity;
	} ENTITIES[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" } };

	for (; *text != '\0'; text++) {
		const char *entity = NULL;

		for (size_t i = 0; i < sizeof(ENTITIES) / sizeof(ENTITIES[0]); i++) {
			if (ENTITIES[i].byte == *text)
				entity = ENTITIES[i].entity;
		}
		if (entity != NULL)
			buf_text(page, entity);
		else
			buf_byte(page, *text);
	}
}

void document_element(struct buf *page, const char *tag, const char *text)
{
	buf_printf(page, "<%s>", tag);
	document_text(page, text);
	buf_printf(page, "</%.*s>", (int)strcspn(tag, " "), tag);
}

void document_fact(struct buf *page, const char *term, const char *value)
{
	document_element(page, "dt", term);
	document_element(page, "dd", value);
}

static void address_line(struct buf *page, const char *text)
{
	if (*text == '\0')
		return;
	document_text(page, text);
	buf_text(page, "<br>");
}

void document_address(struct buf *page, const char *name, const Common__Address *address)
{
	buf_text(page, "<address>");
	if (strcmp(name, address->recipient) != 0)
		address_line(page, name);
	address_line(page, address->recipient);
	address_line(page, address->line1);
	address_line(page, address->line2);
	address_line(page, arena_printf(page->arena, "%s%s%s", address->postal_code,
					*address->postal_code == '\0' ? "" : " ", address->city));
	address_line(page, address->region);
	document_text(page, address->country_code);
	buf_text(page, "</address>");
}

void document_open(struct buf *page, const char *title)
{
	buf_text(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
	document_element(page, "title", title);
	buf_text(page, "\n<link rel=\"stylesheet\" href=\"/css/document.css\">\n</head>\n<body>\n<main "
		       "class=\"document\">\n<header class=\"head\">\n");
	document_element(page, "h1", title);
	buf_text(page, "\n<p>Quayside</p>\n</header>\n");
}

void document_close(struct buf *page)
{
	buf_text(page, "</main>\n</body>\n</html>\n");
}

void document_reply(struct arena *arena, const struct buf *page, const char *file_name, Common__Document *ret_reply)
{
	ret_reply->content_type = arena_strdup(arena, "text/html; charset=utf-8");
	ret_reply->file_name = arena_strdup(arena, file_name);
	ret_reply->content = (ProtobufCBinaryData){ page->len, arena_memdup(arena, page->data, page->len) };
}
