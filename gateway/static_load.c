/* Reading the files. See static.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/log.h"
#include "gateway/static_private.h"

#define FILE_MAX ((off_t)8 * 1024 * 1024)
#define DEPTH_MAX 8
#define TAG_BYTES 16   /* of the hash: more than enough to tell versions of a file apart */
#define HASH_IN_NAME 8 /* hexadecimal digits */

struct work {
	struct arena *arena;
	struct static_files *files;
};

static bool failed(const char *what, const char *path)
{
	log_error("the files of the UI cannot be read", LOG_TEXT("what", what), LOG_TEXT("path", path),
		  LOG_TEXT("why", strerror(errno)));
	return false;
}

static const char *type_of(const char *path)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".mjs", "text/javascript; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".txt", "text/plain; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/vnd.microsoft.icon" },
		{ ".webp", "image/webp" },
		{ ".woff2", "font/woff2" },
		{ ".webmanifest", "application/manifest+json" },
	};
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

static bool is_text(const char *type)
{
	return strncmp(type, "text/", 5) == 0 || strstr(type, "json") != NULL || strstr(type, "svg") != NULL;
}

/* Does a part of the name, between dots, look like a hash? */
static bool has_hash(const char *path)
{
	struct str rest = str_of(strrchr(path, '/') + 1);
	struct str part;

	while (str_cut(&rest, '.', &part))
		if (part.len >= HASH_IN_NAME && strspn(part.data, "0123456789abcdef") == part.len)
			return true;
	return false;
}

static const char *tag_of(struct arena *arena, struct str content, const char *suffix)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct buf tag = buf_new(arena);

	if (EVP_Digest(content.data, content.len, hash, &len, EVP_sha256(), NULL) != 1)
		abort(); /* no memory */
	buf_byte(&tag, '"');
	buf_hex(&tag, hash, TAG_BYTES);
	buf_text(&tag, suffix);
	buf_byte(&tag, '"');
	return tag.data;
}

/* In the gzip format; empty when it saves less than a tenth. */
static struct str compressed(struct arena *arena, struct str content)
{
	z_stream stream = { .next_in = (Bytef *)(uintptr_t)content.data, .avail_in = (uInt)content.len };
	const size_t room = content.len / 10 * 9;
	char *out = arena_alloc(arena, room + 1);
	int outcome;

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		abort(); /* no memory */
	stream.next_out = (Bytef *)out;
	stream.avail_out = (uInt)room;
	outcome = deflate(&stream, Z_FINISH);
	(void)deflateEnd(&stream);
	return outcome == Z_STREAM_END ? (struct str){ out, stream.total_out } : (struct str){ NULL, 0 };
}

static bool read_all(int fd, char *to, size_t len)
{
	while (len > 0) {
		const ssize_t got = read(fd, to, len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		to += got;
		len -= (size_t)got;
	}
	return true;
}

static bool read_content(struct work *work, int fd, off_t size, struct str *ret_content)
{
	char *data = arena_alloc(work->arena, (size_t)size + 1);

	if (!read_all(fd, data, (size_t)size))
		return false;
	*ret_content = (struct str){ data, (size_t)size };
	return true;
}

static struct static_file *add(struct work *work)
{
	struct static_files *files = work->files;

	if (files->count == files->capacity) {
		const size_t capacity = files->capacity == 0 ? 64 : 2 * files->capacity;
		struct static_file *all = arena_array(work->arena, capacity, sizeof(*all));

		if (files->count > 0)
			memcpy(all, files->all, files->count * sizeof(*all));
		files->all = all;
		files->capacity = capacity;
	}
	return &files->all[files->count++];
}

static bool load_file(struct work *work, int fd, const struct stat *about, const char *path)
{
	struct static_file file = { .path = path, .type = type_of(path), .immutable = has_hash(path) };

	if (about->st_size > FILE_MAX) {
		errno = EFBIG;
		return failed("file", path);
	}
	if (!read_content(work, fd, about->st_size, &file.plain.body))
		return failed("file", path);
	file.plain.tag = tag_of(work->arena, file.plain.body, "");
	if (is_text(file.type)) {
		file.gzip.body = compressed(work->arena, file.plain.body);
		file.gzip.tag = tag_of(work->arena, file.plain.body, "-gzip");
	}
	*add(work) = file;
	return true;
}

static bool load_folder(struct work *work, int fd, const char *path, int depth);

static bool load_entry(struct work *work, int folder, const char *name, const char *path, int depth)
{
	const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	struct stat about;
	bool good;

	if (fd < 0 || fstat(fd, &about) != 0)
		return failed("file", path);
	if (S_ISDIR(about.st_mode))
		return load_folder(work, fd, path, depth + 1);
	good = !S_ISREG(about.st_mode) || load_file(work, fd, &about, path);
	(void)close(fd);
	return good;
}

/* Takes fd over. */
static bool load_folder(struct work *work, int fd, const char *path, int depth)
{
	DIR *folder = depth > DEPTH_MAX ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool good = true;

	if (folder == NULL) {
		(void)close(fd);
		return failed("folder", path);
	}
	while (good && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			good = load_entry(work, fd, entry->d_name,
					  arena_printf(work->arena, "%s/%s", path, entry->d_name), depth);
	(void)closedir(folder);
	return good;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct static_file *)a)->path, ((const struct static_file *)b)->path);
}

static size_t bytes_of(const struct static_files *files)
{
	size_t bytes = 0;

	for (size_t i = 0; i < files->count; i++)
		bytes += files->all[i].plain.body.len;
	return bytes;
}

struct static_files *static_load(struct arena *arena, const char *folder)
{
	struct static_files *files = arena_alloc(arena, sizeof(*files));
	struct work work = { arena, files };
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		(void)failed("folder", folder);
		return NULL;
	}
	if (!load_folder(&work, fd, "", 0))
		return NULL;
	if (files->count > 0)
		qsort(files->all, files->count, sizeof(*files->all), by_path);
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->all[i].path, "/index.html") == 0)
			files->index = &files->all[i];
	log_info("UI loaded", LOG_TEXT("folder", folder), LOG_INT("files", files->count),
		 LOG_INT("bytes", bytes_of(files)));
	return files;
}
