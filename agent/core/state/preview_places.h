/*
 * preview_places: how many previews are made at the same time. Each opens sockets and takes up to
 * 1 MiB; one that finds no place waits a moment for it. Thread: any; a lock of its own.
 */
#pragma once
#include "pagecast/error.h"

#include <pthread.h>
#include <stddef.h>

enum { PREVIEW_PLACES = 4, PREVIEW_PLACES_WAIT_S = 1 };

struct preview_places {
	pthread_mutex_t lock;
	pthread_cond_t left;
	size_t taken;
	size_t most; /* ever taken at the same time */
};

void preview_places_init(struct preview_places *places);
void preview_places_deinit(struct preview_places *places);

/** preview_places_enter() - take a place, or wait for one. Return: 0: preview_places_leave() is
 * owed; RESOURCE_EXHAUSTED */
int preview_places_enter(struct preview_places *places, struct error *ret_error);
void preview_places_leave(struct preview_places *places);
