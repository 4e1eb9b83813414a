/*
 * fair_share: see fair_share.h. Each round settles those below the level of the round before, so
 * there are at most as many rounds as there are takers.
 */
#include "base/fair_share.h"

#include <math.h>

double fair_share_level(const double *wanted, size_t count, double maximum)
{
	double level = 0;
	for (size_t round = 0; round <= count; round++) {
		double taken = 0;
		size_t sharing = 0;
		for (size_t i = 0; i < count; i++) {
			if (wanted[i] <= level)
				taken += wanted[i] > 0 ? wanted[i] : 0;
			else
				sharing++;
		}
		if (!sharing)
			return INFINITY;
		double next = (maximum - taken) / (double)sharing;
		if (next <= level * (1 + 1e-12))
			break;
		level = next;
	}
	return level;
}
