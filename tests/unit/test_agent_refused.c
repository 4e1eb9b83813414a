/* A job whose every send fails says so while it lasts, and no longer. */
#include "base/sys.h"
#include "unit/agent_fixture.h"

#include <errno.h>
#include <stdatomic.h>

static _Atomic int error; /* of each hand-over; 0: the kernel's own answer */

static bool refuse(struct sys_hook *hook, enum sys_call call, int fd, size_t len,
		   ssize_t *ret_result)
{
	(void)hook;
	(void)fd;
	(void)len;
	if (!error || (call != SYS_CALL_SPLICE && call != SYS_CALL_SENDMMSG &&
		       call != SYS_CALL_SENDMSG && call != SYS_CALL_SEND))
		return false;
	*ret_result = -error;
	return true;
}

/* The running job, once it has a problem of this code or, with NULL, none. */
static Pagecast__V1__Job *wait_problem(const char *id, const char *code)
{
	for (int64_t until = now_ms() + WEDGED_MS; now_ms() < until; nap_ms(5)) {
		Pagecast__V1__Job *job = get(id);
		CHECK(!job_state_ended(job->state));
		if (code ? job->n_problems && !strcmp(job->problems[0]->code, code)
			 : !job->n_problems && job->account->packets_sent)
			return job;
		drop(job);
	}
	test_fail(__FILE__, __LINE__, "no problem %s", code ? code : "(none)");
}

TEST(agent_tells_while_it_lasts_that_every_send_fails)
{
	static const struct {
		int error;
		const char *code;
	} rows[] = {
		{ENETDOWN, "interface_down"}, {EACCES, "permission"}, {ENODEV, "interface_gone"}};
	struct sys_hook hook = {.intercept = refuse};
	open_receiver();
	start_agent(NULL, 1);
	sys_set_hook(&hook);
	const char *id = submit("\"limit\":{\"untilCancelled\":true},\"rate\":{\"pps\":500}",
				"\"engine\":\"ENGINE_KIND_COPY\"");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		drop(wait_problem(id, NULL));
		error = rows[i].error;
		Pagecast__V1__Job *job = wait_problem(id, rows[i].code);
		CHECK_HAS(job->problems[0]->message, "refuses every packet at present");
		CHECK_STR(job->problems[0]->field, "streams[0]");
		CHECK_INT(job->problems[0]->severity, ==, PAGECAST__V1__SEVERITY__SEVERITY_WARNING);
		CHECK(job->problems[0]->count > 0);
		drop(job);
		error = 0;
	}
	drop(wait_problem(id, NULL)); /* it goes on, at its rate */
	Pagecast__V1__Job *job = cancel(id);
	CHECK_INT(job->state, ==, STATE(CANCELLED));
	CHECK_INT(job->account->packets_failed, >, 0);
	CHECK_INT(job->n_problems, >=, 3); /* afterwards each is told with its count */
	check_books(job);
	drop(job);
	sys_set_hook(NULL);
	end_agent();
	close_receiver();
}

TEST_MAIN(CASE(agent_tells_while_it_lasts_that_every_send_fails))
