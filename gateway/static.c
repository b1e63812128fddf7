/* Finding and answering. See static.h. */
#include "gateway/static.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/static_private.h"
#include "gateway/uri.h"

static int compare_path(const void *path, const void *file)
{
	return strcmp(path, ((const struct static_file *)file)->path);
}

static const struct static_file *find(const struct static_files *files, struct http_request *request)
{
	struct str path;

	if (files->count == 0 || !uri_decode(request->arena, request->path, URI_SEGMENT, &path))
		return NULL;
	if (str_is(path, "/"))
		return files->index;
	if (memchr(path.data, '\0', path.len) != NULL)
		return NULL;
	return bsearch(arena_strndup(request->arena, path.data, path.len), files->all, files->count,
		       sizeof(*files->all), compare_path);
}

/* Does a list like "gzip, br;q=0.5" name this, and not with a weight of zero? */
static bool lists(struct str list, const char *wanted)
{
	struct str item;

	while (list.data != NULL && str_cut(&list, ',', &item)) {
		struct str weight = item;
		struct str name;

		(void)str_cut(&weight, ';', &name);
		if (!str_is_nocase(str_trim(name), wanted))
			continue;
		weight = weight.data == NULL ? STR("") : str_trim(weight);
		return !str_is(weight, "q=0") && !str_is(weight, "q=0.0") && !str_is(weight, "q=0.00") &&
		       !str_is(weight, "q=0.000");
	}
	return false;
}

/* A page is wanted where HTML is: when a person follows a link or reloads. */
static bool wants_page(const struct http_request *request)
{
	return lists(http_field(request, "accept"), "text/html");
}

/* If-None-Match compares weakly (RFC 9110, 13.1.2). */
static bool has_tag(struct str list, const char *tag)
{
	struct str item;

	while (list.data != NULL && str_cut(&list, ',', &item)) {
		item = str_trim(item);
		if (str_starts(item, "W/"))
			item = (struct str){ item.data + 2, item.len - 2 };
		if (str_is(item, tag) || str_is(item, "*"))
			return true;
	}
	return false;
}

static void respond(const struct static_file *file, struct http_request *request)
{
	const bool gzip = file->gzip.body.data != NULL && lists(http_field(request, "accept-encoding"), "gzip");
	const struct static_variant *variant = gzip ? &file->gzip : &file->plain;
	const bool fresh = has_tag(http_field(request, "if-none-match"), variant->tag);
	struct http_field fields[3] = { { STR("ETag"), str_of(variant->tag) } };
	struct http_response response = {
		.status = fresh ? 304 : 200,
		.content_type = file->type,
		.body = fresh ? STR("") : variant->body,
		.body_is_kept = true,
		.policy = HTTP_POLICY_PAGE,
		.cache = file->immutable ? "public, max-age=31536000, immutable" : "no-cache",
		.fields = fields,
		.n_fields = 1,
	};

	if (file->gzip.body.data != NULL)
		fields[response.n_fields++] = (struct http_field){ STR("Vary"), STR("Accept-Encoding") };
	if (gzip && !fresh)
		fields[response.n_fields++] = (struct http_field){ STR("Content-Encoding"), STR("gzip") };
	http_respond(request, &response);
}

bool static_respond(const struct static_files *files, struct http_request *request)
{
	const struct static_file *file;

	if (!str_is(request->method, "GET") && !str_is(request->method, "HEAD"))
		return false;
	file = find(files, request);
	if (file == NULL && wants_page(request))
		file = files->index;
	if (file == NULL)
		return false;
	respond(file, request);
	return true;
}
