/*
 * The figures of a job that runs, in virtual time: no rate before there is one, none that the
 * stream never had, and a remaining time that pauses do not lengthen.
 */
#include "lib/sending.h"
#include "sender/sender_private.h"
#include "unit/virtual_time.h"

#include <math.h>

static struct sending lab;
static struct virtual_actor *actor;
static double asked_pps;
static int64_t begun_ns, pause_at_ns, pause_ns;
static size_t figures; /* snapshots that had a rate */
static double first_pps, worst_off;
static int64_t first_ns;
static bool paused_seen;

/* Every snapshot that is published, as others see it. */
static void published(void *context)
{
	struct sender_snapshot snapshot;
	(void)context;
	sender_snapshot(lab.sender, &snapshot);
	if (snapshot.paused) {
		paused_seen = true;
		CHECK(snapshot.current_pps == 0);
		return;
	}
	if (snapshot.current_pps <= 0)
		return;
	if (!figures++) {
		first_pps = snapshot.current_pps;
		first_ns = virtual.now_ns - begun_ns;
		CHECK_INT(snapshot.account.packets_sent, >=, 2);
	}
	worst_off = fmax(worst_off, fabs(snapshot.current_pps / asked_pps - 1));
}

static void run_lab(void *context)
{
	(void)context;
	sending_run(&lab);
}

static void pause_it(void *context)
{
	(void)context;
	virtual_sleep(pause_at_ns);
	sender_pause(lab.sender);
	virtual_sleep(pause_ns);
	sender_resume(lab.sender);
}

static void begin(double pps)
{
	virtual_begin(11);
	memset(&lab, 0, sizeof lab);
	asked_pps = pps;
	figures = 0;
	first_pps = worst_off = 0;
	paused_seen = false;
	actor = virtual_actor(run_lab, NULL, NULL);
	sending_init(&lab, 1);
	lab.options = (struct sender_options){.clock = &actor->clock, .published = published};
	sending_rate(&lab, 0, pps);
	sending_duration(&lab, 0, 6 * CLOCK_NS_PER_S);
	begun_ns = virtual.now_ns;
}

TEST(sender_shows_no_rate_before_there_is_one)
{
	static const double RATES[] = {1, 2, 3, 5, 10, 100, 1000, 20000};
	for (size_t i = 0; i < ARRAY_SIZE(RATES); i++) {
		begin(RATES[i]);
		virtual_run();
		CHECK_INT(figures, >, 0);
		CHECK_INT(first_ns, >=, 100 * CLOCK_NS_PER_MS);
		/* a second holds one packet more or less than the rate */
		double off = 1.2 / fmin(RATES[i], 10) + 0.02;
		if (worst_off > off)
			test_fail(__FILE__, __LINE__, "%g pps: a figure is off by %g", RATES[i],
				  worst_off);
		sending_close(&lab);
	}
}

static int64_t remaining_ns(void)
{
	struct sender_snapshot snapshot;
	sender_snapshot(lab.sender, &snapshot);
	return snapshot.remaining_ns;
}

static int64_t told[3]; /* before a pause of 3 s, within it, behind it */

static void pause_and_look(void *context)
{
	(void)context;
	virtual_sleep(2 * CLOCK_NS_PER_S);
	told[0] = remaining_ns();
	sender_pause(lab.sender);
	virtual_sleep(3 * CLOCK_NS_PER_S);
	told[1] = remaining_ns();
	sender_resume(lab.sender);
	virtual_sleep(CLOCK_NS_PER_S);
	told[2] = remaining_ns();
}

static void check_told(void)
{
	static const double RIGHT_S[3] = {4, 4, 3};
	virtual_actor(pause_and_look, NULL, NULL);
	virtual_run();
	for (size_t i = 0; i < 3; i++)
		if (fabs((double)told[i] / CLOCK_NS_PER_S - RIGHT_S[i]) > 0.1)
			test_fail(__FILE__, __LINE__, "%g s are left, not %g (%zu)",
				  (double)told[i] / CLOCK_NS_PER_S, RIGHT_S[i], i);
	sending_close(&lab);
}

TEST(sender_tells_what_remains_without_pauses)
{
	begin(100);
	check_told();
	begin(100);
	sending_packets(&lab, 0, 600);
	check_told();
}

TEST(sender_does_not_tell_what_remains_of_what_has_no_end)
{
	begin(100);
	sending_endless(&lab, 0);
	lab.plan.max_duration_ns = CLOCK_NS_PER_S;
	virtual_run();
	CHECK_INT(remaining_ns(), <=, 0);
	sending_close(&lab);
}

TEST(sender_shows_no_rate_over_a_pause)
{
	begin(1000);
	pause_at_ns = CLOCK_NS_PER_S;
	pause_ns = 2 * CLOCK_NS_PER_S;
	virtual_actor(pause_it, NULL, NULL);
	virtual_run();
	CHECK(paused_seen);
	CHECK(worst_off < 0.15); /* a sample from before the pause would tell half of it */
	sending_close(&lab);
}

TEST_MAIN(CASE(sender_shows_no_rate_before_there_is_one),
	  CASE(sender_tells_what_remains_without_pauses),
	  CASE(sender_does_not_tell_what_remains_of_what_has_no_end),
	  CASE(sender_shows_no_rate_over_a_pause))
