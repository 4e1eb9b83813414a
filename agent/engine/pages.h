/*
 * pages: an arena. OPEN (being filled) -> SEALED (lent to the kernel) -> RETIRED.
 *
 * The one rule that is safe on every device: bytes that the kernel may hold are never written
 * again, their page is replaced (agent/README.md, Pages; pinned by tests/kernel), unless an engine
 * knows that the kernel has let go of them (pages_reopen()). What is written after sealing is only
 * the stamps of packets that were not handed over yet. pages_retire() unmaps; skbs that still
 * reference the old pages keep them alive. Thread: one worker.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGES_PAGE_BYTES = 4096 };
enum pages_state { PAGES_OPEN, PAGES_SEALED, PAGES_RETIRED };

struct pages {
	uint8_t *memory;       /* [capacity_bytes], page aligned */
	size_t capacity_bytes; /* multiple of the page size */
	size_t used_bytes;
	enum pages_state state;
	bool huge;
	uint64_t id; /* of the memory behind it: another after each open and renew */
};

#define PAGES_NULL ((struct pages){.state = PAGES_RETIRED})

/** pages_round_up() - @len up to a multiple of the page size */
static inline size_t pages_round_up(size_t len)
{
	return (len + PAGES_PAGE_BYTES - 1) & ~(size_t)(PAGES_PAGE_BYTES - 1);
}

/** pages_covered() - how many pages (pipe slots, fragments) [offset, offset + len) touches */
static inline size_t pages_covered(size_t offset, size_t len)
{
	return len ? (offset % PAGES_PAGE_BYTES + len - 1) / PAGES_PAGE_BYTES + 1 : 0;
}

/**
 * pages_open() - map a fresh arena
 * @capacity_bytes: >= 1, rounded up to whole pages; costs memory only as far as it is written
 * @huge:           ask for huge pages: worth it where much is written once
 *
 * Return: 0; negative errno.
 */
int pages_open(struct pages *pages, size_t capacity_bytes, bool huge);

/**
 * pages_reserve() - room for @len bytes at the next offset that is a multiple of @align (1, or the
 * page size)
 *
 * Return: 0 with *ret_offset; PAGES_E_FULL (1): nothing reserved.
 */
enum { PAGES_E_FULL = 1 };
int pages_reserve(struct pages *pages, size_t len, size_t align, size_t *ret_offset);

/** pages_seal() - end writing; from here on the bytes never change. The tail of the last page is
 * zero, as mmap gave it. */
void pages_seal(struct pages *pages);

/**
 * pages_renew() - as pages_retire() and pages_open() of the same, at the same addresses
 *
 * What the kernel still refers to it keeps; the first write brings a new page of zeros. The mapping
 * itself does not change, which workers side by side would have to wait for each other to do.
 * Return: 0: OPEN and empty; negative errno: as it was.
 */
int pages_renew(struct pages *pages);

/** pages_reopen() - write again what was sealed: the kernel holds none of it any more */
void pages_reopen(struct pages *pages);

/** pages_retire() - give the mapping back; also from OPEN. Idempotent */
void pages_retire(struct pages *pages);
