/* The arena is written once: reserve, fill, seal; then only retired or renewed. */
#include "engine/pages.h"
#include "lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(pages_open_rounds_up_to_whole_pages_of_zeros)
{
	struct pages pages = PAGES_NULL;
	CHECK_INT(pages_open(&pages, 1, false), ==, 0);
	CHECK_INT(pages.capacity_bytes, ==, PAGES_PAGE_BYTES);
	CHECK_INT((uintptr_t)pages.memory % PAGES_PAGE_BYTES, ==, 0);
	for (size_t i = 0; i < pages.capacity_bytes; i++)
		CHECK_INT(pages.memory[i], ==, 0);
	pages_retire(&pages);
}

TEST(pages_reserve_packs_back_to_back_and_aligned)
{
	struct pages pages;
	size_t at;
	CHECK_INT(pages_open(&pages, 3 * PAGES_PAGE_BYTES, false), ==, 0);
	CHECK_INT(pages_reserve(&pages, 100, 1, &at), ==, 0);
	CHECK_INT(at, ==, 0);
	CHECK_INT(pages_reserve(&pages, 4000, 1, &at), ==, 0); /* across a page boundary */
	CHECK_INT(at, ==, 100);
	CHECK_INT(pages_reserve(&pages, 1, PAGES_PAGE_BYTES, &at), ==, 0);
	CHECK_INT(at, ==, 2 * PAGES_PAGE_BYTES);
	pages_retire(&pages);
}

TEST(pages_reserve_of_more_than_is_left_changes_nothing)
{
	struct pages pages;
	size_t at = 7;
	CHECK_INT(pages_open(&pages, PAGES_PAGE_BYTES, false), ==, 0);
	CHECK_INT(pages_reserve(&pages, PAGES_PAGE_BYTES - 1, 1, &at), ==, 0);
	at = 7;
	CHECK_INT(pages_reserve(&pages, 2, 1, &at), ==, PAGES_E_FULL);
	CHECK_INT(pages_reserve(&pages, 1, PAGES_PAGE_BYTES, &at), ==, PAGES_E_FULL);
	CHECK_INT(pages_reserve(&pages, SIZE_MAX, 1, &at), ==, PAGES_E_FULL);
	CHECK_INT(at, ==, 7);
	CHECK_INT(pages_reserve(&pages, 1, 1, &at), ==, 0);
	pages_retire(&pages);
}

TEST(pages_retire_is_idempotent_from_each_state)
{
	struct pages pages;
	CHECK_INT(pages_open(&pages, 1, false), ==, 0);
	pages_retire(&pages);
	pages_retire(&pages);
	CHECK_INT(pages_open(&pages, 1, true), ==, 0);
	pages_seal(&pages);
	pages_retire(&pages);
	CHECK_INT(pages.state, ==, PAGES_RETIRED);
}

TEST(pages_huge_start_where_a_huge_page_can)
{
	struct pages pages;
	CHECK_INT(pages_open(&pages, 2 << 20, true), ==, 0);
	CHECK_INT((uintptr_t)pages.memory % (2 << 20), ==, 0);
	pages.memory[0] = pages.memory[(2 << 20) - 1] = 1;
	pages_retire(&pages);
}

/* What was lent stays as it was: here the kernel's reference is a pipe's. */
TEST(pages_renew_leaves_what_was_lent_and_starts_from_zeros)
{
	struct pages pages;
	size_t at;
	char got[4];
	int ends[2];
	CHECK_INT(pages_open(&pages, 2 << 20, true), ==, 0);
	uint8_t *memory = pages.memory;
	CHECK_INT(pages_reserve(&pages, 4, 1, &at), ==, 0);
	memcpy(memory, "lent", 4);
	pages_seal(&pages);
	CHECK_INT(pipe(ends), ==, 0);
	struct iovec range = {memory, 4};
	CHECK_INT(vmsplice(ends[1], &range, 1, 0), ==, 4);

	CHECK_INT(pages_renew(&pages), ==, 0);
	CHECK(pages.memory == memory);
	CHECK_INT(memory[0], ==, 0);
	CHECK_INT(pages_reserve(&pages, 2 << 20, 1, &at), ==, 0);
	CHECK_INT(at, ==, 0);
	memset(memory, 'x', 4);
	CHECK_INT(read(ends[0], got, 4), ==, 4);
	CHECK(memcmp(got, "lent", 4) == 0);
	pages_retire(&pages);
	close(ends[0]);
	close(ends[1]);
}

TEST(pages_sealed_cannot_be_reserved_from)
{
#ifdef NDEBUG
	test_skip("a build without assertions");
#endif
	pid_t child = fork();
	if (child == 0) {
		struct pages pages;
		size_t at;
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		if (pages_open(&pages, 1, false) == 0) {
			pages_seal(&pages);
			pages_reserve(&pages, 1, 1, &at);
		}
		_exit(0);
	}
	int status;
	CHECK_INT(waitpid(child, &status, 0), ==, child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST_MAIN(CASE(pages_open_rounds_up_to_whole_pages_of_zeros),
	  CASE(pages_reserve_packs_back_to_back_and_aligned),
	  CASE(pages_reserve_of_more_than_is_left_changes_nothing),
	  CASE(pages_retire_is_idempotent_from_each_state),
	  CASE(pages_huge_start_where_a_huge_page_can),
	  CASE(pages_renew_leaves_what_was_lent_and_starts_from_zeros),
	  CASE_APART(pages_sealed_cannot_be_reserved_from))
