/*
 * config: settings from the environment and from flags, checked at start.
 *
 * Invariants
 * - A setting has one name: `listen-address` is the flag --listen-address=VALUE (or --listen-address VALUE) and the
 *   environment variable PREFIX_LISTEN_ADDRESS.
 *   Flags win over the environment, the environment over the default; of a flag given twice the last holds. A bool's
 *   flag may stand alone (true).
 * - An empty environment variable counts as not set.
 * - Every wrong value is refused, all of them at once, each with its name and where it came from, never the value
 *   itself.
 *   The targets are written only when nothing was refused.
 * - PREFIX_NAME_FILE in the environment names a file that holds the value (for secrets, which never go on a command
 *   line): text of at most 64 KiB, without its last line end.
 * - Values are written into the caller's variables; texts stay valid for the life of the process.
 *
 * Usage
 *     int64_t limit; const char *address;
 *     const struct setting settings[] = {
 *             SETTING_TEXT("listen-address", &address, "127.0.0.1:9000", "where calls are taken"),
 *             SETTING_INT("max-calls", &limit, 1024, 1, 65536, "calls in flight before more are refused"),
 *             SETTING_END,
 *     };
 *     if (config_load("QUAYSIDE_CUSTOMERS", "Keeps the customers.", settings, argc, argv) != CONFIG_READY) ...
 */
#ifndef QUAYSIDE_BASE_CONFIG_H
#define QUAYSIDE_BASE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum setting_kind { SETTING_KIND_TEXT, SETTING_KIND_INT, SETTING_KIND_BOOL, SETTING_KIND_CHOICE };

struct setting {
	const char *name; /* NULL ends a list */
	enum setting_kind kind;
	bool secret;              /* not shown by --help, not taken from flags */
	void *target;             /* const char **, int64_t *, bool *, or int * (index of the choice) */
	const char *text_default; /* NULL: required */
	int64_t int_default, min, max;
	const char *const *choices; /* ends with NULL */
	const char *help;
};

#define SETTING_TEXT(name_, target_, default_, help_)                                                                  \
	{                                                                                                              \
		.name = (name_), .kind = SETTING_KIND_TEXT, .target = (target_), .text_default = (default_),           \
		.help = (help_)                                                                                        \
	}
#define SETTING_SECRET(name_, target_, default_, help_)                                                                \
	{                                                                                                              \
		.name = (name_), .kind = SETTING_KIND_TEXT, .secret = true, .target = (target_),                       \
		.text_default = (default_), .help = (help_)                                                            \
	}
#define SETTING_INT(name_, target_, default_, min_, max_, help_)                                                       \
	{                                                                                                              \
		.name = (name_), .kind = SETTING_KIND_INT, .target = (target_), .int_default = (default_),             \
		.min = (min_), .max = (max_), .help = (help_)                                                          \
	}
#define SETTING_BOOL(name_, target_, default_, help_)                                                                  \
	{                                                                                                              \
		.name = (name_), .kind = SETTING_KIND_BOOL, .target = (target_), .int_default = (default_),            \
		.help = (help_)                                                                                        \
	}
#define SETTING_CHOICE(name_, target_, default_index_, choices_, help_)                                                \
	{                                                                                                              \
		.name = (name_), .kind = SETTING_KIND_CHOICE, .target = (target_), .int_default = (default_index_),    \
		.choices = (choices_), .help = (help_)                                                                 \
	}
#define SETTING_END                                                                                                    \
	{                                                                                                              \
		.name = (const char *)0                                                                                \
	}

enum config_outcome { CONFIG_READY, CONFIG_HELP_SHOWN, CONFIG_REFUSED };

/*
 * Reads the environment and the flags into the settings' targets. `--help` prints all settings with defaults to
 * standard output; refusals are printed to standard error, one line each with the setting's name. description is one
 * sentence for --help. Not thread-safe: once, before threads start. Settings must have distinct names; a value that
 * starts with "--" needs the form --name=VALUE.
 */
enum config_outcome config_load(const char *prefix, const char *description, const struct setting *settings, int argc,
				char *const argv[]);

#endif
