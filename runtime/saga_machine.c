#include "runtime/saga_machine.h"

static bool has(uint32_t steps, int step)
{
	return (steps >> step & 1) != 0;
}

static enum saga_action forward(struct saga_place *place)
{
	place->state = SAGA_STATE_RUNNING;
	place->backwards = false;
	place->step = 0;
	return SAGA_RUN;
}

/* To the next step downwards that can be undone, beginning with this one; false when there is none. */
static bool descend(const struct saga_shape *shape, struct saga_place *place, int step)
{
	while (step >= 0 && !has(shape->undoable, step))
		step--;
	if (step >= 0)
		place->step = step;
	return step >= 0;
}

static enum saga_action undo_from(const struct saga_shape *shape, struct saga_place *place, int step)
{
	if (descend(shape, place, step))
		return SAGA_UNDO;
	place->state = SAGA_STATE_COMPENSATED;
	return SAGA_END;
}

static enum saga_action turn_back(const struct saga_shape *shape, struct saga_place *place, int step)
{
	if (!descend(shape, place, step)) {
		place->state = SAGA_STATE_REFUSED;
		return SAGA_END;
	}
	place->state = SAGA_STATE_COMPENSATING;
	place->backwards = true;
	return SAGA_TURN;
}

static enum saga_action park(struct saga_place *place)
{
	place->state = SAGA_STATE_NEEDS_OPERATOR;
	return SAGA_PARK;
}

static enum saga_action go(const struct saga_shape *shape, struct saga_place *place)
{
	return place->backwards ? undo_from(shape, place, place->step) : forward(place);
}

static enum saga_action done(const struct saga_shape *shape, struct saga_place *place)
{
	if (place->backwards) {
		place->undone = true;
		return undo_from(shape, place, place->step - 1);
	}
	if (place->step + 1 < shape->n_steps) {
		place->step++;
		return SAGA_RUN;
	}
	place->state = SAGA_STATE_COMPLETED;
	return SAGA_END;
}

static enum saga_action refused(const struct saga_shape *shape, struct saga_place *place)
{
	if (!place->backwards)
		return place->committed || has(shape->final, place->step) ? park(place)
									  : turn_back(shape, place, place->step - 1);
	if (place->undone)
		return park(place);
	place->committed = true;
	forward(place);
	return SAGA_TURN;
}

/* Only what can be undone as a whole can say that nothing has happened. */
static enum saga_action late(const struct saga_shape *shape, struct saga_place *place)
{
	const uint32_t all = (UINT32_C(1) << shape->n_steps) - 1;

	if (place->backwards || place->committed || shape->undoable != all)
		return go(shape, place);
	return turn_back(shape, place, shape->n_steps - 1);
}

static enum saga_action retry(struct saga_place *place)
{
	place->state = place->backwards ? SAGA_STATE_COMPENSATING : SAGA_STATE_RUNNING;
	return SAGA_WAIT;
}

enum saga_action saga_next(const struct saga_shape *shape, struct saga_place *place, enum saga_event event)
{
	switch (event) {
	case SAGA_GO:
		return go(shape, place);
	case SAGA_DONE:
		return done(shape, place);
	case SAGA_REFUSED:
		return refused(shape, place);
	case SAGA_UNKNOWN:
		return SAGA_WAIT;
	case SAGA_BUG:
		return park(place);
	case SAGA_LATE:
		return late(shape, place);
	case SAGA_RETRY:
		return retry(place);
	}
	return park(place);
}
