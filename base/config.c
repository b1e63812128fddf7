/* Everything is read and judged before the first target is written. See config.h. */
#include "base/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#define FILE_MAX ((size_t)64 * 1024)

/* What was found for one setting: where, the text as given, and what it means. */
struct finding {
	const char *source; /* for messages; NULL: nothing given, the default holds */
	const char *text;
	int64_t number;
};

struct loading {
	struct arena *arena;
	const char *prefix;
	const struct setting *settings;
	struct finding *findings; /* one per setting */
	bool refused;
};

static void refuse(struct loading *loading, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct loading *loading, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: %s\n", name, arena_vprintf(loading->arena, format, args));
	va_end(args);
	loading->refused = true;
}

static const char *variable_name(struct arena *arena, const char *prefix, const char *name)
{
	char *variable = arena_printf(arena, "%s_%s", prefix, name);

	for (char *at = variable + strlen(prefix); *at != '\0'; at++) {
		if (*at == '-')
			*at = '_';
		else if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
	}
	return variable;
}

static size_t find_setting(const struct setting *settings, struct str name)
{
	size_t i = 0;

	while (settings[i].name != NULL && !str_is(name, settings[i].name))
		i++;
	return i;
}

/* Takes the flag at argv[at] and returns how many arguments it used. */
static int take_flag(struct loading *loading, int argc, char *const argv[], int at)
{
	struct str rest = str_of(argv[at] + 2), name;
	const bool has_value = strchr(argv[at], '=') != NULL;
	/* A forgotten value must not swallow the flag after it. */
	const char *next = at + 1 < argc && strncmp(argv[at + 1], "--", 2) != 0 ? argv[at + 1] : NULL;
	const int used = has_value || next == NULL ? 1 : 2;

	(void)str_cut(&rest, '=', &name);

	const size_t i = find_setting(loading->settings, name);
	const struct setting *setting = &loading->settings[i];
	const char *flag = arena_printf(loading->arena, "--%.*s", (int)name.len, name.data);

	if (setting->name == NULL) {
		refuse(loading, flag, "there is no such flag; --help lists all");
		return 1;
	}
	if (setting->secret) {
		const char *variable = variable_name(loading->arena, loading->prefix, setting->name);

		refuse(loading, flag, "is secret and not taken from the command line; set %s or %s_FILE", variable,
		       variable);
		return used;
	}
	if (!has_value && setting->kind == SETTING_KIND_BOOL) {
		loading->findings[i] = (struct finding){ .source = flag, .text = "true" };
		return 1;
	}
	if (!has_value && next == NULL) {
		refuse(loading, flag, "needs a value");
		return used;
	}
	loading->findings[i] = (struct finding){ .source = flag, .text = has_value ? rest.data : next };
	return used;
}

static void read_flags(struct loading *loading, int argc, char *const argv[])
{
	for (int at = 1; at < argc;) {
		if (strncmp(argv[at], "--", 2) == 0 && argv[at][2] != '\0') {
			at += take_flag(loading, argc, argv, at);
			continue;
		}
		refuse(loading, argv[at], "is not a flag; --help lists all");
		at++;
	}
}

static void close_file(FILE **file)
{
	if (*file != NULL)
		fclose(*file);
}

/* Editors and `echo` end a file with a line feed, which is not part of the value. */
static void cut_line_end(char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	if (len > 0 && text[len - 1] == '\r')
		text[--len] = '\0';
}

/* NULL after a refusal. */
static const char *read_value_file(struct loading *loading, const char *name, const char *variable, const char *path)
{
	char *text = arena_alloc(loading->arena, FILE_MAX + 2);
	CLEANUP(close_file) FILE *file = fopen(path, "re");
	const size_t len = file == NULL ? 0 : fread(text, 1, FILE_MAX + 1, file);

	if (file == NULL || ferror(file)) {
		refuse(loading, name, "the file that %s names cannot be read: %s", variable, strerror(errno));
		return NULL;
	}
	if (len > FILE_MAX) {
		refuse(loading, name, "the file that %s names is larger than %zu bytes", variable, FILE_MAX);
		return NULL;
	}
	if (memchr(text, '\0', len) != NULL) {
		refuse(loading, name, "the file that %s names is not a text", variable);
		return NULL;
	}
	cut_line_end(text, len);
	return text;
}

/* An empty variable counts as none: many tools that start services cannot leave one out. */
static const char *get_variable(const char *variable)
{
	const char *value = getenv(variable);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

/* False after a refusal. */
static bool read_environment(struct loading *loading, size_t i)
{
	const char *name = loading->settings[i].name;
	const char *variable = variable_name(loading->arena, loading->prefix, name);
	const char *file_variable = arena_printf(loading->arena, "%s_FILE", variable);
	const char *text = get_variable(variable), *path = get_variable(file_variable);

	if (text != NULL && path != NULL) {
		refuse(loading, name, "%s and %s are both set; only one may be", variable, file_variable);
		return false;
	}
	if (path != NULL) {
		text = read_value_file(loading, name, file_variable, path);
		if (text == NULL)
			return false;
		variable = file_variable;
	}
	if (text != NULL)
		loading->findings[i] = (struct finding){ .source = variable, .text = text };
	return true;
}

static bool parse_bool(struct str text, int64_t *ret_value)
{
	static const struct {
		const char *word;
		int64_t value;
	} words[] = { { "true", 1 },  { "yes", 1 }, { "on", 1 },  { "1", 1 },
		      { "false", 0 }, { "no", 0 },  { "off", 0 }, { "0", 0 } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (str_is_nocase(text, words[i].word)) {
			*ret_value = words[i].value;
			return true;
		}
	}
	return false;
}

static bool parse_choice(struct str text, const char *const *choices, int64_t *ret_index)
{
	for (int64_t i = 0; choices[i] != NULL; i++) {
		if (str_is(text, choices[i])) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

static const char *list_choices(struct arena *arena, const char *const *choices)
{
	struct buf list = buf_new(arena);

	for (size_t i = 0; choices[i] != NULL; i++)
		buf_printf(&list, "%s%s", i == 0 ? "" : ", ", choices[i]);
	return list.data;
}

/* Messages name the source and never show the value: it may be a secret in the wrong place, or steer the terminal. */
static void judge_given(struct loading *loading, const struct setting *setting, struct finding *finding)
{
	const struct str text = str_of(finding->text);

	switch (setting->kind) {
	case SETTING_KIND_TEXT:
		if (text.len == 0 && setting->text_default == NULL)
			refuse(loading, setting->name, "must not be empty (given by %s)", finding->source);
		break;
	case SETTING_KIND_INT:
		if (!str_to_int64(text, &finding->number) || finding->number < setting->min ||
		    finding->number > setting->max)
			refuse(loading, setting->name,
			       "must be a whole number from %" PRId64 " to %" PRId64 " (given by %s)", setting->min,
			       setting->max, finding->source);
		break;
	case SETTING_KIND_BOOL:
		if (!parse_bool(text, &finding->number))
			refuse(loading, setting->name, "must be true or false (given by %s)", finding->source);
		break;
	case SETTING_KIND_CHOICE:
		if (!parse_choice(text, setting->choices, &finding->number))
			refuse(loading, setting->name, "must be one of %s (given by %s)",
			       list_choices(loading->arena, setting->choices), finding->source);
		break;
	}
}

static void judge(struct loading *loading, size_t i)
{
	const struct setting *setting = &loading->settings[i];
	struct finding *finding = &loading->findings[i];

	if (finding->source == NULL && !read_environment(loading, i))
		return;
	if (finding->source != NULL) {
		judge_given(loading, setting, finding);
		return;
	}
	finding->text = setting->text_default;
	finding->number = setting->int_default;
	if (setting->kind == SETTING_KIND_TEXT && setting->text_default == NULL)
		refuse(loading, setting->name, "is required; set %s",
		       variable_name(loading->arena, loading->prefix, setting->name));
}

/* Keeps a text for the life of the process. The environment's own may be replaced, and the scratch arena ends. */
static const char *keep(const char *text)
{
	static struct arena *kept;

	if (kept == NULL)
		kept = arena_new(1024, 0);
	return arena_strdup(kept, text);
}

static void apply(const struct setting *setting, const struct finding *finding)
{
	switch (setting->kind) {
	case SETTING_KIND_TEXT:
		*(const char **)setting->target = keep(finding->text);
		break;
	case SETTING_KIND_INT:
		*(int64_t *)setting->target = finding->number;
		break;
	case SETTING_KIND_BOOL:
		*(bool *)setting->target = finding->number != 0;
		break;
	case SETTING_KIND_CHOICE:
		*(int *)setting->target = (int)finding->number;
		break;
	}
}

static const char *describe_kind(struct arena *arena, const struct setting *setting)
{
	switch (setting->kind) {
	case SETTING_KIND_TEXT:
		break;
	case SETTING_KIND_INT:
		return arena_printf(arena, "%" PRId64 "..%" PRId64, setting->min, setting->max);
	case SETTING_KIND_BOOL:
		return "true, false";
	case SETTING_KIND_CHOICE:
		return list_choices(arena, setting->choices);
	}
	return "text";
}

static const char *describe_default(struct arena *arena, const struct setting *setting)
{
	switch (setting->kind) {
	case SETTING_KIND_TEXT:
		break;
	case SETTING_KIND_INT:
		return arena_printf(arena, "default %" PRId64, setting->int_default);
	case SETTING_KIND_BOOL:
		return setting->int_default != 0 ? "default true" : "default false";
	case SETTING_KIND_CHOICE:
		return arena_printf(arena, "default %s", setting->choices[setting->int_default]);
	}
	if (setting->text_default == NULL)
		return "required";
	if (setting->secret || setting->text_default[0] == '\0')
		return "optional";
	return arena_printf(arena, "default %s", setting->text_default);
}

static void show_help(struct arena *arena, const char *prefix, const char *description, const struct setting *settings)
{
	printf("%s\n\nEach setting is a flag (--name=VALUE) or an environment variable; the flag wins.\n"
	       "A variable with _FILE appended names a file that holds the value.\n\n",
	       description);
	for (const struct setting *setting = settings; setting->name != NULL; setting++) {
		const char *variable = variable_name(arena, prefix, setting->name);

		if (setting->secret)
			printf("  %s (secret, no flag)\n", variable);
		else
			printf("  --%s, %s\n", setting->name, variable);
		printf("      %s (%s; %s)\n", setting->help, describe_kind(arena, setting),
		       describe_default(arena, setting));
	}
	fflush(stdout);
}

static bool asks_for_help(int argc, char *const argv[])
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

static void free_arena(struct arena **arena)
{
	arena_free(*arena);
}

enum config_outcome config_load(const char *prefix, const char *description, const struct setting *settings, int argc,
				char *const argv[])
{
	CLEANUP(free_arena) struct arena *arena = arena_new(8 * 1024, 0);
	size_t count = 0;

	if (asks_for_help(argc, argv)) {
		show_help(arena, prefix, description, settings);
		return CONFIG_HELP_SHOWN;
	}
	while (settings[count].name != NULL)
		count++;

	struct loading loading = { arena, prefix, settings, arena_array(arena, count, sizeof(struct finding)), false };

	read_flags(&loading, argc, argv);
	for (size_t i = 0; i < count; i++)
		judge(&loading, i);
	if (loading.refused)
		return CONFIG_REFUSED;
	for (size_t i = 0; i < count; i++)
		apply(&settings[i], &loading.findings[i]);
	return CONFIG_READY;
}
