/* See page.h. A token is base64url of: version, hash of the filters, time, id; and before it all a hash of the rest, so that a typing error is found. */
#include "runtime/page.h"

#include <string.h>

#include "base/str.h"
#include "runtime/db.h"

#define VERSION 1
#define HEAD (8 + 1 + 8 + 8) /* bytes before the id */
#define ID_MAX 255
#define FIELD "page_token"

static uint64_t hash_of(struct str text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void put_number(struct buf *buf, uint64_t value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		buf_byte(buf, (char)(uint8_t)(value >> shift));
}

static uint64_t get_number(const char *at)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | (uint8_t)at[i];
	return value;
}

/* Ids are UUIDs, SKUs and the like. */
static bool is_id(struct str id)
{
	for (size_t i = 0; i < id.len; i++)
		if (id.data[i] <= ' ' || id.data[i] > '~')
			return false;
	return id.len > 0 && id.len <= ID_MAX;
}

static struct status read_token(struct arena *arena, const char *token, struct page *page)
{
	struct str bytes;

	if (!base64url_decode(arena, str_of(token), &bytes) || bytes.len <= HEAD || bytes.data[8] != VERSION ||
	    get_number(bytes.data) != hash_of((struct str){ bytes.data + 8, bytes.len - 8 }) ||
	    !is_id((struct str){ bytes.data + HEAD, bytes.len - HEAD }))
		return status_field(arena, &INVALID_REQUEST, FIELD, "is not a token that was given out");
	if (get_number(bytes.data + 9) != page->filters)
		return status_field(arena, &INVALID_REQUEST, FIELD, "belongs to a list with other filters");
	page->after_time = (int64_t)get_number(bytes.data + 17);
	page->after_id = arena_strndup(arena, bytes.data + HEAD, bytes.len - HEAD);
	return STATUS_OK;
}

struct status page_open(struct arena *arena, int32_t page_size, const char *page_token, const char *filters,
			struct page *ret_page)
{
	struct page page = { .filters = hash_of(str_of(filters)), .after_id = "" };

	if (page_size < 0)
		return status_field(arena, &INVALID_REQUEST, "page_size", "must not be negative");
	page.size = page_size == 0 ? PAGE_SIZE_DEFAULT : page_size > PAGE_SIZE_MAX ? PAGE_SIZE_MAX : (size_t)page_size;
	page.limit = (int64_t)page.size + 1;
	page.first = page_token == NULL || *page_token == '\0';
	if (!page.first)
		TRY(read_token(arena, page_token, &page));
	*ret_page = page;
	return STATUS_OK;
}

char *page_next(struct arena *arena, const struct page *page, int64_t time, const char *id)
{
	struct buf body = buf_new(arena), whole = buf_new(arena), token = buf_new(arena);

	buf_byte(&body, VERSION);
	put_number(&body, page->filters);
	put_number(&body, (uint64_t)time);
	buf_text(&body, id);
	put_number(&whole, hash_of((struct str){ body.data, body.len }));
	buf_bytes(&whole, body.data, body.len);
	buf_base64url(&token, whole.data, whole.len);
	return token.data;
}

void page_bind(struct db_unit *unit, const struct page *page)
{
	db_bind_bool(unit, "first", page->first);
	db_bind_time(unit, "after_time", page->after_time);
	db_bind_text(unit, "after_id", page->first ? NULL : page->after_id); /* an empty text is no UUID */
	db_bind_int(unit, "limit", page->limit);
}
