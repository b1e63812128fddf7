/*
 * document: pages of HTML for screen and printer, and the answers that carry them. Pure.
 *
 * Invariants
 * - Everything that is not ours is escaped: no text of a customer or a product becomes markup.
 * - A page needs one thing besides itself, the style sheet /css/document.css; without it the page still reads well.
 *   Its classes are document, head, parties, lines, totals, and number for cells of the lines.
 *
 * Usage
 *     struct buf page = buf_new(call->arena);
 *     document_open(&page, "Invoice INV-2026-000001");
 *     document_element(&page, "td class=\"number\"", "12");
 *     document_close(&page);
 *     document_reply(call->arena, &page, "INV-2026-000001.html", reply);
 */
#ifndef QUAYSIDE_RUNTIME_DOCUMENT_H
#define QUAYSIDE_RUNTIME_DOCUMENT_H

#include "base/str.h"
#include "quayside/common/v1/types.pb-c.h"

/* From the document type to the heading; and the end. */
void document_open(struct buf *page, const char *title);
void document_close(struct buf *page);

/* Text, or the value of an attribute in quotes, escaped. */
void document_text(struct buf *page, const char *text);

/* <tag>text</tag>, where tag may have attributes, which are taken as they are. */
void document_element(struct buf *page, const char *tag, const char *text);

/* A term and its value, within <dl>. */
void document_fact(struct buf *page, const char *term, const char *value);

/* Line by line; name, if it is not the recipient's, stands above. */
void document_address(struct buf *page, const char *name, const Common__Address *address);

/* The finished page as an answer, with a name to save it under. The answer shares neither memory. */
void document_reply(struct arena *arena, const struct buf *page, const char *file_name, Common__Document *ret_reply);

#endif
