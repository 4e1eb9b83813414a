/*
 * store_reserve: room on the disk that is kept for the ends of jobs.
 *
 * A file of allocated blocks beside the database. When the disk is full and the end of a job has
 * to be stored, the file is cut to nothing, and the database gets its blocks. Until the disk has
 * room for the file again, nothing but ends is written. Thread: the store's writer.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* On a small file system an eighth of it instead. */
enum { STORE_RESERVE_BYTES = 4 << 20 };

struct store_reserve {
	int fd;	       /* negative: there is none */
	int64_t bytes; /* when it is whole */
	bool spent;
};

#define STORE_RESERVE_NULL ((struct store_reserve){.fd = -1})

/** store_reserve_open() - @directory's reserve, made where it is not there. On a full disk it is
 * spent from the start; where no file can be made there is none, and nothing is ever spent */
void store_reserve_open(struct store_reserve *reserve, const char *directory);
/** store_reserve_spend() - give its blocks back. Return: false: there were none to give */
bool store_reserve_spend(struct store_reserve *reserve);
/** store_reserve_refill() - take them again where they were spent. Return: is it whole? True where
 * there is no reserve */
bool store_reserve_refill(struct store_reserve *reserve);
void store_reserve_close(struct store_reserve *reserve);
