/* preview_places: see preview_places.h. */
#include "core/state/preview_places.h"

#include "base/util.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

void preview_places_init(struct preview_places *places)
{
	*places = (struct preview_places){0};
	pthread_mutex_init(&places->lock, NULL);
	pthread_cond_init(&places->left, NULL);
}

void preview_places_deinit(struct preview_places *places)
{
	pthread_cond_destroy(&places->left);
	pthread_mutex_destroy(&places->lock);
}

int preview_places_enter(struct preview_places *places, struct error *ret_error)
{
	struct timespec until;
	int r = 0;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PREVIEW_PLACES_WAIT_S;
	pthread_mutex_lock(&places->lock);
	while (places->taken == PREVIEW_PLACES && r != ETIMEDOUT)
		r = pthread_cond_clockwait(&places->left, &places->lock, CLOCK_MONOTONIC, &until);
	bool entered = places->taken < PREVIEW_PLACES;
	places->taken += entered;
	places->most = MAX(places->most, places->taken);
	pthread_mutex_unlock(&places->lock);
	if (entered)
		return 0;
	r = error_set(ret_error, ERROR_CODE_RESOURCE_EXHAUSTED,
		      "%d previews are being made, and none of them ended within %d s; try again",
		      PREVIEW_PLACES, PREVIEW_PLACES_WAIT_S);
	ret_error->retry_after_s = 1;
	return r;
}

void preview_places_leave(struct preview_places *places)
{
	pthread_mutex_lock(&places->lock);
	places->taken--;
	pthread_cond_signal(&places->left);
	pthread_mutex_unlock(&places->lock);
}
