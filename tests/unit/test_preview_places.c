/* Previews at the same time: so many, and one more waits for a place before it is turned away. */
#include "base/clock.h"
#include "core/state/preview_places.h"
#include "lib/test.h"

static struct preview_places places;

static void take_all(void)
{
	preview_places_init(&places);
	for (int i = 0; i < PREVIEW_PLACES; i++) {
		_cleanup_error_ struct error error = ERROR_NULL;
		CHECK_INT(preview_places_enter(&places, &error), ==, 0);
	}
}

TEST(preview_places_turn_away_after_a_wait)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	take_all();
	int64_t begin_ns = clock_monotonic_ns(clock_real());
	CHECK_INT(preview_places_enter(&places, &error), ==, ERROR_CODE_RESOURCE_EXHAUSTED);
	CHECK_INT(clock_monotonic_ns(clock_real()) - begin_ns, >=,
		  PREVIEW_PLACES_WAIT_S * CLOCK_NS_PER_S);
	CHECK_STR(error_message(&error),
		  "4 previews are being made, and none of them ended within 1 s; try again");
	CHECK_INT(error.retry_after_s, ==, 1);
	CHECK_INT(places.taken, ==, PREVIEW_PLACES);
	CHECK_INT(places.most, ==, PREVIEW_PLACES);
	preview_places_leave(&places);
	error_deinit(&error);
	CHECK_INT(preview_places_enter(&places, &error), ==, 0);
	preview_places_deinit(&places);
}

static void *leave_one(void *unused)
{
	preview_places_leave(&places);
	return unused;
}

/* Whichever comes first, the place that is left or the wait for it. */
TEST(preview_places_give_on_what_is_left)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	pthread_t thread;
	take_all();
	CHECK_INT(pthread_create(&thread, NULL, leave_one, NULL), ==, 0);
	while (preview_places_enter(&places, &error)) /* a busy machine may not run it in time */
		error_deinit(&error);
	pthread_join(thread, NULL);
	CHECK_INT(places.taken, ==, PREVIEW_PLACES);
	preview_places_deinit(&places);
}

TEST_MAIN(CASE(preview_places_turn_away_after_a_wait), CASE(preview_places_give_on_what_is_left))
