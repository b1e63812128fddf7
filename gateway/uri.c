/* See uri.h. */
#include "gateway/uri.h"

#include <string.h>

static int hex(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

bool uri_decode(struct arena *arena, struct str text, enum uri_part part, struct str *ret_text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '%') {
			out[len++] = part == URI_QUERY && text.data[i] == '+' ? ' ' : text.data[i];
			continue;
		}
		if (text.len - i < 3 || hex(text.data[i + 1]) < 0 || hex(text.data[i + 2]) < 0)
			return false;

		const char byte = (char)(hex(text.data[i + 1]) * 16 + hex(text.data[i + 2]));

		if (part == URI_SEGMENTS && byte == '/') {
			out[len++] = '%';
			continue;
		}
		out[len++] = byte;
		i += 2;
	}
	*ret_text = (struct str){ out, len };
	return true;
}

void uri_encode(struct buf *buf, struct str text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (size_t i = 0; i < text.len; i++)
		if (memchr(plain, text.data[i], sizeof(plain) - 1) != NULL)
			buf_byte(buf, text.data[i]);
		else
			buf_printf(buf, "%%%02X", (unsigned)(unsigned char)text.data[i]);
}
