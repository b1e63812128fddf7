#include "base/clock.h"
#include "runtime/pb.h"

Google__Protobuf__Timestamp *pb_time(struct arena *arena, int64_t micros)
{
	Google__Protobuf__Timestamp *time = pb_new(arena, &google__protobuf__timestamp__descriptor);
	int64_t rest = micros % CLOCK_SECOND;

	if (rest < 0)
		rest += CLOCK_SECOND;
	time->seconds = (micros - rest) / CLOCK_SECOND;
	time->nanos = (int32_t)(rest * 1000);
	return time;
}

int64_t pb_micros(const Google__Protobuf__Timestamp *time)
{
	return time == NULL ? 0 : time->seconds * CLOCK_SECOND + time->nanos / 1000;
}

bool pb_masked(const Google__Protobuf__FieldMask *mask, const char *path)
{
	if (mask == NULL || mask->n_paths == 0)
		return false;
	for (size_t i = 0; i < mask->n_paths; i++) {
		if (str_is(str_of(mask->paths[i]), path) || str_is(str_of(mask->paths[i]), "*"))
			return true;
	}
	return false;
}
