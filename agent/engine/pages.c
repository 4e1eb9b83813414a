/* pages: see pages.h. The state is checked by assertion: a write after the seal is a bug here,
 * never a condition of the outside. */
#include "engine/pages.h"

#include "base/sys.h"

#include <assert.h>
#include <stdatomic.h>

static _Atomic uint64_t last_id; /* writers: workers; relaxed */

static uint64_t next_id(void)
{
	return atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
}

int pages_open(struct pages *pages, size_t capacity_bytes, bool huge)
{
	assert(capacity_bytes > 0);
	size_t whole = pages_round_up(capacity_bytes);
	void *memory;
	int r = sys_map(&memory, whole, huge);
	if (r < 0)
		return r;
	*pages = (struct pages){.memory = memory,
				.capacity_bytes = whole,
				.state = PAGES_OPEN,
				.huge = huge,
				.id = next_id()};
	return 0;
}

int pages_reserve(struct pages *pages, size_t len, size_t align, size_t *ret_offset)
{
	assert(pages->state == PAGES_OPEN);
	assert(align == 1 || align == PAGES_PAGE_BYTES);
	size_t offset = (pages->used_bytes + align - 1) & ~(align - 1);
	if (offset > pages->capacity_bytes || len > pages->capacity_bytes - offset)
		return PAGES_E_FULL;
	pages->used_bytes = offset + len;
	*ret_offset = offset;
	return 0;
}

void pages_seal(struct pages *pages)
{
	assert(pages->state == PAGES_OPEN);
	pages->state = PAGES_SEALED;
}

int pages_renew(struct pages *pages)
{
	assert(pages->state != PAGES_RETIRED);
	int r = sys_renew(pages->memory, pages->capacity_bytes);
	if (r < 0)
		return r;
	pages->used_bytes = 0;
	pages->state = PAGES_OPEN;
	pages->id = next_id();
	return 0;
}

void pages_reopen(struct pages *pages)
{
	assert(pages->state == PAGES_SEALED);
	pages->used_bytes = 0;
	pages->state = PAGES_OPEN;
}

void pages_retire(struct pages *pages)
{
	if (pages->state != PAGES_RETIRED)
		sys_unmap(pages->memory, pages->capacity_bytes);
	*pages = PAGES_NULL;
}
