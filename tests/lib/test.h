/*
 * test: the smallest frame for the C tests. A file defines cases and lists them in TEST_MAIN; each
 * case is one behaviour. A failed check prints where and what, and ends the case's process with a
 * failure. A program of which a case was skipped ends with 77, so that ctest says so. What may be
 * skipped on a usual machine stands apart, and is a line of its own in ctest. A case that has
 * hardly run for TEST_HANGS_S, or has run for TEST_CPU_MAX_S, hangs, and fails: however busy the
 * machine, what works gets more than a sixtieth of a core.
 *
 *   TEST(pages_packs_across_a_page_boundary) { CHECK_INT(x, ==, 3); }
 *   TEST_MAIN(CASE(pages_packs_across_a_page_boundary), CASE_APART(pages_are_lent_to_the_kernel))
 *
 * `test_x NAME…` runs just these cases; without a name, all that do not stand apart. Every case
 * runs in this process, one after the other.
 */
#pragma once
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
	const char *name;
	void (*run)(void);
	bool apart;
};

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { TEST_HANGS_S = 60, TEST_CPU_MAX_S = 240 };
#else
enum { TEST_HANGS_S = 60, TEST_CPU_MAX_S = 60 };
#endif

#define TEST(name) static void name(void)

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			test_fail(__FILE__, __LINE__, "%s", #condition);                           \
	} while (0)
#define CHECK_INT(a, op, b)                                                                        \
	do {                                                                                       \
		int64_t check_a_ = (int64_t)(a), check_b_ = (int64_t)(b);                          \
		if (!(check_a_ op check_b_))                                                       \
			test_fail(__FILE__, __LINE__, "%s %s %s: %" PRId64 " against %" PRId64,    \
				  #a, #op, #b, check_a_, check_b_);                                \
	} while (0)
#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *check_a_ = (a), *check_b_ = (b);                                       \
		if (!check_a_ || strcmp(check_a_, check_b_) != 0)                                  \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a,              \
				  check_a_ ? check_a_ : "(null)", check_b_);                       \
	} while (0)
#define CHECK_HAS(a, part)                                                                         \
	do {                                                                                       \
		const char *check_a_ = (a), *check_b_ = (part);                                    \
		if (!check_a_ || !strstr(check_a_, check_b_))                                      \
			test_fail(__FILE__, __LINE__, "%s is \"%s\", without \"%s\"", #a,          \
				  check_a_ ? check_a_ : "(null)", check_b_);                       \
	} while (0)

void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/** test_skip() - the running case cannot run here; counted and told, the program goes on */
void test_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/**
 * test_turned_away() - datagrams that found no room in the buffer of a UDP socket, ever
 *
 * Without the privilege to enlarge it the buffer holds a few hundred: what arrived is what was
 * taken and what the kernel says it turned away.
 */
uint64_t test_turned_away(int fd);
int test_main(int argc, char **argv, const struct test_case *cases, size_t count);

#define TEST_MAIN(...)                                                                             \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		const struct test_case cases[] = {__VA_ARGS__};                                    \
		return test_main(argc, argv, cases, sizeof cases / sizeof *cases);                 \
	}
#define CASE(name)                                                                                 \
	{                                                                                          \
#name, name, false                                                                 \
	}
/* tests/CMakeLists.txt reads the names of these in the source */
#define CASE_APART(name)                                                                           \
	{                                                                                          \
#name, name, true                                                                  \
	}
