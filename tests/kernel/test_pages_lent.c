/* When a page that was handed over may be written again: never. Why pages are replaced instead. */
#include "kernel/rig.h"

#include <netinet/ip.h>

static void hand_over(struct rig *rig, uint8_t *page, const char *text)
{
	memset(page, 0, PAGE);
	memcpy(page, text, strlen(text));
	rig_push(rig, page, strlen(text));
	CHECK_INT(rig_splice(rig, strlen(text), 0), ==, strlen(text));
}

/* What rewriting would do, and what zero-copy means: the receiver sees the new bytes. */
TEST(rewritten_page_changes_what_the_receiver_gets)
{
	struct rig rig = rig_open();
	hand_over(&rig, rig.memory, "before");
	memcpy(rig.memory, "after!", 6);
	uint8_t got[16];
	CHECK_INT(rig_take(&rig, got, sizeof got, RIG_TIMEOUT_MS), ==, 6);
	if (memcmp(got, "before", 6) == 0)
		test_skip("this kernel copies what is spliced to UDP");
	CHECK(memcmp(got, "after!", 6) == 0);
	rig_close(&rig);
}

TEST(unmapped_and_mapped_again_the_receiver_gets_the_old_bytes)
{
	struct rig rig = rig_open();
	uint8_t *page = rig_map(PAGE);
	hand_over(&rig, page, "before");
	munmap(page, PAGE);
	uint8_t *again = mmap(page, PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(again == page);
	memcpy(again, "after!", 6);
	rig_expect(&rig, (const uint8_t *)"before", 6);
	munmap(again, PAGE);
	rig_close(&rig);
}

TEST(page_given_back_by_madvise_the_receiver_gets_the_old_bytes)
{
	struct rig rig = rig_open();
	hand_over(&rig, rig.memory, "before");
	CHECK_INT(madvise(rig.memory, PAGE, MADV_DONTNEED), ==, 0);
	memcpy(rig.memory, "after!", 6);
	rig_expect(&rig, (const uint8_t *)"before", 6);
	rig_close(&rig);
}

TEST(one_page_may_be_in_many_datagrams_at_once)
{
	struct rig rig = rig_open();
	for (int i = 0; i < 50; i++)
		hand_over(&rig, rig.memory, "the same");
	for (int i = 0; i < 50; i++)
		rig_expect(&rig, (const uint8_t *)"the same", 8);
	rig_expect_none(&rig);
	rig_close(&rig);
}

/* Why a page is filled before it is lent, never after. */
TEST(page_never_written_is_lent_as_the_zero_page)
{
	struct rig rig = rig_open();
	uint8_t *page =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	rig_push(&rig, page, 6);
	CHECK_INT(rig_splice(&rig, 6, 0), ==, 6);
	memcpy(page, "after!", 6);
	rig_expect(&rig, (const uint8_t[6]){0}, 6);
	munmap(page, PAGE);
	rig_close(&rig);
}

TEST(vmsplice_refers_to_the_page_in_the_pipe)
{
	struct rig rig = rig_open();
	memcpy(rig.memory, "before", 6);
	rig_push(&rig, rig.memory, 6);
	memcpy(rig.memory, "after!", 6);
	uint8_t got[6];
	CHECK_INT(read(rig.out, got, sizeof got), ==, 6);
	if (memcmp(got, "before", 6) == 0)
		test_skip("this kernel copies in vmsplice()");
	CHECK(memcmp(got, "after!", 6) == 0);
	rig_close(&rig);
}

/* Said in every report of a raw IP job: the kernel copies once. */
TEST(raw_socket_copies_out_of_the_page)
{
	enum { PROTOCOL = 253 }; /* for experiments, RFC 3692 */
	struct rig rig = rig_open();
	close(rig.sender);
	close(rig.receiver);
	rig.sender = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOL);
	if (rig.sender < 0)
		test_skip("needs CAP_NET_RAW");
	rig.receiver = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, PROTOCOL);
	rig.to.sin_port = 0;
	CHECK_INT(connect(rig.sender, (struct sockaddr *)&rig.to, sizeof rig.to), ==, 0);
	hand_over(&rig, rig.memory, "before");
	memcpy(rig.memory, "after!", 6);
	uint8_t got[64];
	CHECK_INT(rig_take(&rig, got, sizeof got, RIG_TIMEOUT_MS), ==, sizeof(struct iphdr) + 6);
	CHECK(memcmp(got + sizeof(struct iphdr), "before", 6) == 0);
	rig_close(&rig);
}

TEST_MAIN(CASE(rewritten_page_changes_what_the_receiver_gets),
	  CASE(unmapped_and_mapped_again_the_receiver_gets_the_old_bytes),
	  CASE(page_given_back_by_madvise_the_receiver_gets_the_old_bytes),
	  CASE(one_page_may_be_in_many_datagrams_at_once),
	  CASE(page_never_written_is_lent_as_the_zero_page),
	  CASE(vmsplice_refers_to_the_page_in_the_pipe), CASE(raw_socket_copies_out_of_the_page))
