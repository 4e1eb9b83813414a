/*
 * fair_share: dividing a maximum among several who want parts of it, by max-min fairness: who wants
 * less than an equal part gets all of it, and what it leaves is divided among the others.
 * Arithmetic only. Thread: any.
 */
#pragma once
#include <stddef.h>

/**
 * fair_share_level() - the part that nobody gets more than
 * @wanted:  [count], >= 0; infinite: as much as there is; negative: takes no part
 * @maximum: > 0
 *
 * Return: the level; each gets min(wanted, level). INFINITY: there is enough for everybody.
 */
double fair_share_level(const double *wanted, size_t count, double maximum);
