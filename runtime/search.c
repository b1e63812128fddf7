#include "runtime/search.h"

#include "base/str.h"

static const char *pattern_of(struct arena *arena, struct str word)
{
	struct buf pattern = buf_new(arena);

	buf_byte(&pattern, '%');
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] == '%' || word.data[i] == '_' || word.data[i] == '\\')
			buf_byte(&pattern, '\\');
		buf_byte(&pattern, word.data[i]);
	}
	buf_byte(&pattern, '%');
	return pattern.data;
}

const char *const *search_patterns(struct arena *arena, const char *query, size_t *ret_count)
{
	struct str rest = str_of(query);
	const char **patterns = arena_array(arena, rest.len / 2 + 1, sizeof(*patterns));
	struct str word;

	*ret_count = 0;
	while (str_cut(&rest, ' ', &word)) {
		if (word.len > 0)
			patterns[(*ret_count)++] = pattern_of(arena, word);
	}
	return patterns;
}
