/* Products and their stock. */
#include <string.h>

#include "base/money.h"
#include "base/str.h"
#include "warehouse/rules.h"

const struct reason PRODUCT_ARCHIVED = { CODE_FAILED_PRECONDITION, "PRODUCT_ARCHIVED",
					 "The product is no longer sold." };
const struct reason PRODUCT_UNKNOWN = { CODE_FAILED_PRECONDITION, "PRODUCT_UNKNOWN", "There is no such product." };
const struct reason STOCK_RESERVED = { CODE_FAILED_PRECONDITION, "STOCK_RESERVED",
				       "Less would be left than is promised to orders." };

static const struct transition {
	Warehouse__ProductState from, to;
} ARCHIVE[] = {
	{ WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ACTIVE, WAREHOUSE__PRODUCT_STATE__PRODUCT_STATE_ARCHIVED },
};

struct status product_check(struct arena *arena, const Warehouse__Product *product)
{
	struct status status = STATUS_OK;

	if (product->unit_price == NULL)
		return status_violation(arena, status, "product.unit_price", "is required");
	if (product->unit_price->minor_units < 0)
		status = status_violation(arena, status, "product.unit_price.minor_units", "must not be negative");
	if (currency_decimals(product->unit_price->currency_code) < 0)
		status = status_violation(arena, status, "product.unit_price.currency_code",
					  "is not a currency of ISO 4217");
	return status;
}

/* The fields that an update may change. */
struct changeable {
	const char *path;
	size_t offset, size;
	bool text;
};

#define FIELD(name_)                                                                                                   \
	{                                                                                                              \
#name_, offsetof(Warehouse__Product, name_), sizeof(((Warehouse__Product *)0)->name_), false           \
	}
#define TEXT(name_)                                                                                                    \
	{                                                                                                              \
#name_, offsetof(Warehouse__Product, name_), sizeof(char *), true                                      \
	}

static const struct changeable CHANGEABLE[] = {
	TEXT(name),           TEXT(description),       FIELD(unit_price), FIELD(tax_rate_basis_points),
	FIELD(packaging),     FIELD(content_quantity), FIELD(measure),    FIELD(weight_grams),
	FIELD(reorder_level),
};
#define N_CHANGEABLE (sizeof(CHANGEABLE) / sizeof(CHANGEABLE[0]))

static const void *place_of(const Warehouse__Product *product, const struct changeable *field)
{
	return (const char *)product + field->offset;
}

static void change(Warehouse__Product *product, const Warehouse__Product *changes, const struct changeable *field)
{
	memcpy((char *)product + field->offset, place_of(changes, field), field->size);
}

static bool is_set(const Warehouse__Product *changes, const struct changeable *field)
{
	static const char nothing[sizeof(int64_t)];

	if (field->text)
		return **(char *const *)place_of(changes, field) != '\0';
	return memcmp(place_of(changes, field), nothing, field->size) != 0;
}

static const struct changeable *changeable_named(const char *path)
{
	for (size_t i = 0; i < N_CHANGEABLE; i++) {
		if (strcmp(CHANGEABLE[i].path, path) == 0)
			return &CHANGEABLE[i];
	}
	return NULL;
}

static bool names_all(const char *path)
{
	return strcmp(path, "*") == 0;
}

static struct status check_mask(struct arena *arena, const Google__Protobuf__FieldMask *mask)
{
	struct status status = STATUS_OK;

	for (size_t i = 0; i < mask->n_paths; i++) {
		if (!names_all(mask->paths[i]) && changeable_named(mask->paths[i]) == NULL)
			status = status_violation(
			    arena, status, "update_mask",
			    arena_printf(arena, "\"%s\" is not a field that can be changed", mask->paths[i]));
	}
	return status;
}

static bool names(const Google__Protobuf__FieldMask *mask, const struct changeable *field)
{
	for (size_t i = 0; i < mask->n_paths; i++) {
		if (names_all(mask->paths[i]) || strcmp(mask->paths[i], field->path) == 0)
			return true;
	}
	return false;
}

struct status product_update(struct arena *arena, Warehouse__Product *product, const Warehouse__Product *changes,
			     const Google__Protobuf__FieldMask *mask)
{
	bool masked = mask != NULL && mask->n_paths > 0;
	Warehouse__Product changed = *product;

	if (masked)
		TRY(check_mask(arena, mask));
	for (size_t i = 0; i < N_CHANGEABLE; i++) {
		if (masked ? names(mask, &CHANGEABLE[i]) : is_set(changes, &CHANGEABLE[i]))
			change(&changed, changes, &CHANGEABLE[i]);
	}
	TRY(product_check(arena, &changed));
	*product = changed;
	return STATUS_OK;
}

struct status product_archive(Warehouse__Product *product)
{
	for (size_t i = 0; i < sizeof(ARCHIVE) / sizeof(ARCHIVE[0]); i++) {
		if (ARCHIVE[i].from == product->state) {
			product->state = ARCHIVE[i].to;
			return STATUS_OK;
		}
	}
	return status_of(&PRODUCT_ARCHIVED);
}

void stock_level_settle(Warehouse__StockLevel *level)
{
	level->available = level->on_hand - level->reserved;
	level->low = level->available < level->reorder_level;
}

struct status stock_adjust(struct arena *arena, const Warehouse__StockLevel *level, int64_t quantity)
{
	struct status status;

	if (level->on_hand + quantity >= level->reserved)
		return STATUS_OK;
	status = status_printf(arena, &STOCK_RESERVED,
			       "Of %lld on hand %lld are promised to orders, so %lld cannot be taken off.",
			       (long long)level->on_hand, (long long)level->reserved, (long long)-quantity);
	status = status_metadata(arena, status, "sku", level->sku);
	status = status_metadata(arena, status, "location_id", level->location_id);
	status = status_metadata(arena, status, "on_hand", arena_printf(arena, "%lld", (long long)level->on_hand));
	return status_metadata(arena, status, "reserved", arena_printf(arena, "%lld", (long long)level->reserved));
}
