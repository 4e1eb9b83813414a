/* Proto3 JSON in and out of the schema's messages: what is taken, what is refused, and how it is
 * told. */
#include "api/json.h"

#include "lib/test.h"
#include "pagecast/v1/transmit_service.pb-c.h"

#define SPEC (&pagecast__v1__job_spec__descriptor)

static Pagecast__V1__JobSpec *read_spec(const char *text)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	if (json_read(SPEC, text, strlen(text), NULL, &message, &error))
		test_fail(__FILE__, __LINE__, "%s: %s", text, error_message(&error));
	return (Pagecast__V1__JobSpec *)message;
}

static void free_spec(Pagecast__V1__JobSpec *spec)
{
	protobuf_c_message_free_unpacked(&spec->base, NULL);
}

TEST(json_reads_the_first_job_of_the_manual)
{
	Pagecast__V1__JobSpec *spec = read_spec(
		"{\"streams\":[{\"udp\":{\"address\":\"127.0.0.1\",\"port\":9000},\"payloads\":[{"
		"\"text\":\"hello\"}],\"rate\":{\"pps\":100},\"limit\":{\"packets\":1000}}]}");
	CHECK_INT(spec->n_streams, ==, 1);
	const Pagecast__V1__Stream *stream = spec->streams[0];
	CHECK_INT(stream->destination_case, ==, PAGECAST__V1__STREAM__DESTINATION_UDP);
	CHECK_STR(stream->udp->address, "127.0.0.1");
	CHECK_INT(stream->udp->port, ==, 9000);
	CHECK_STR(stream->payloads[0]->text, "hello");
	CHECK(stream->rate->pps == 100);
	CHECK_INT(stream->limit->packets, ==, 1000);
	free_spec(spec);
}

TEST(json_tells_all_faults_at_once_with_their_paths)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	ProtobufCMessage *message = NULL;
	const char *text = "{\"nam\":\"x\",\"streams\":[{\"udp\":{\"port\":-1},\"limt\":{}},"
			   "{\"udp\":{},\"rawIp\":{}}],\"engine\":\"FAST\"}";
	CHECK_INT(json_read(SPEC, text, strlen(text), NULL, &message, &error), ==,
		  ERROR_CODE_INVALID_ARGUMENT);
	CHECK_INT(error.violation_count, ==, 5);
	CHECK_STR(error.violations[0].field, "nam");
	CHECK_STR(error.violations[0].description, "unknown field \"nam\"; did you mean \"name\"?");
	CHECK_STR(error.violations[1].field, "streams[0].udp.port");
	CHECK_STR(error.violations[1].description, "-1 is not a whole number, 0 to 4294967295");
	CHECK_STR(error.violations[2].field, "streams[0].limt");
	CHECK_STR(error.violations[2].description,
		  "unknown field \"limt\"; did you mean \"limit\"?");
	CHECK_STR(error.violations[3].field, "streams[1].rawIp");
	CHECK_STR(error.violations[3].description, "udp is given too; only one of the two may be");
	CHECK_STR(error.violations[4].description,
		  "\"FAST\" is no value of EngineKind; there are SPLICE, TXRING, COPY, ZEROCOPY");
}

TEST(json_prints_both_styles)
{
	_cleanup_error_ struct error error = ERROR_NULL;
	Pagecast__V1__Account account = PAGECAST__V1__ACCOUNT__INIT;
	account.packets_sent = UINT64_MAX;
	char *text;
	size_t len;
	CHECK_INT(json_write(&account.base, JSON_CANONICAL, &text, &len, &error), ==, 0);
	CHECK_STR(text, "{\"packetsSent\":\"18446744073709551615\"}");
	CHECK_INT(len, ==, strlen(text));
	free(text);
	CHECK_INT(json_write(&account.base, JSON_WITH_ZEROS, &text, &len, &error), ==, 0);
	CHECK_STR(text,
		  "{\"packetsRequested\":\"0\",\"packetsSent\":\"18446744073709551615\","
		  "\"packetsDropped\":\"0\",\"packetsFailed\":\"0\",\"packetsCancelled\":\"0\","
		  "\"bytesSent\":\"0\",\"syscalls\":\"0\",\"pages\":\"0\",\"balanced\":false}");
	free(text);
}

TEST_MAIN(CASE(json_reads_the_first_job_of_the_manual),
	  CASE(json_tells_all_faults_at_once_with_their_paths), CASE(json_prints_both_styles))
