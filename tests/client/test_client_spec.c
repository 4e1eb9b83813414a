/* The flags of `send` and the JobSpec they make; what is refused, and with which words. */
#include "client/call.h"
#include "client/message.h"
#include "client/spec.h"
#include "client/util.h"
#include "lib/test.h"

#include <unistd.h>

enum { WORDS_MAX = 64, MESSAGE_MAX = 4096 };

/* Splits @line at blanks (a "_" stands for a blank within a word) and reads it as flags of send. */
static int read_line(const char *url, const char *line, Pagecast__V1__JobSpec **ret_spec)
{
	static const struct option *const TABLES[] = {SPEC_PAYLOAD_OPTIONS, SPEC_RATE_OPTIONS,
						      SPEC_JOB_OPTIONS, NULL};
	char *words[WORDS_MAX], *save = NULL;
	int count = 0;
	_cleanup_free_ char *copy = strdup(line);
	struct options options = {.command = "send"};
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		for (char *c = word; *c; c++)
			*c = *c == '_' ? ' ' : *c;
		CHECK_INT(count, <, WORDS_MAX);
		words[count++] = word;
	}
	int r = options_read(&options, TABLES, count, words, false);
	r = r ? r : spec_read(&options, url, ret_spec);
	options_deinit(&options);
	return r;
}

static Pagecast__V1__JobSpec *good(const char *url, const char *line)
{
	Pagecast__V1__JobSpec *spec = NULL;
	if (read_line(url, line, &spec) || !spec)
		test_fail(__FILE__, __LINE__, "refused: %s %s", url, line);
	CHECK_INT(spec->n_streams, ==, 1);
	return spec;
}

/* Must be refused as a usage error with @words in what is told on standard error. */
static void refused(const char *url, const char *line, const char *words)
{
	char told[MESSAGE_MAX] = "";
	Pagecast__V1__JobSpec *spec = NULL;
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	CHECK(file && saved >= 0);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	int r = read_line(url, line, &spec);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	told[fread(told, 1, sizeof told - 1, file)] = 0;
	fclose(file);
	if (r != EXIT_USAGE || spec)
		test_fail(__FILE__, __LINE__, "taken: %s %s", url, line);
	CHECK_HAS(told, words);
	CHECK_HAS(told, "pagecast send --help");
}

#define UDP "udp://127.0.0.1:9000"

TEST(udp_targets)
{
	Pagecast__V1__JobSpec *spec = good(UDP, "");
	CHECK_INT(spec->streams[0]->destination_case, ==, PAGECAST__V1__STREAM__DESTINATION_UDP);
	CHECK_STR(spec->streams[0]->udp->address, "127.0.0.1");
	CHECK_INT(spec->streams[0]->udp->port, ==, 9000);
	CHECK_INT(spec->streams[0]->n_payloads, ==, 0);
	CHECK(!spec->streams[0]->limit && !spec->streams[0]->rate && !spec->streams[0]->size);
	message_free(&spec->base);
	spec = good(
		"udp://[fe80::1%25eth0]:65535",
		"--source [2001:db8::2]:5000 --interface eth0 --ttl 3 --dscp 46 --dont-fragment");
	const Pagecast__V1__UdpDestination *udp = spec->streams[0]->udp;
	CHECK_STR(udp->address, "fe80::1%eth0");
	CHECK_INT(udp->port, ==, 65535);
	CHECK_STR(udp->source_address, "2001:db8::2");
	CHECK_INT(udp->source_port, ==, 5000);
	CHECK_STR(udp->interface, "eth0");
	CHECK_INT(udp->ttl, ==, 3);
	CHECK_INT(udp->dscp, ==, 46);
	CHECK(udp->dont_fragment && !udp->broadcast);
	message_free(&spec->base);
	spec = good(UDP, "--source :7 --broadcast");
	CHECK_STR(spec->streams[0]->udp->source_address, "");
	CHECK_INT(spec->streams[0]->udp->source_port, ==, 7);
	CHECK(spec->streams[0]->udp->broadcast);
	message_free(&spec->base);
}

TEST(udp_targets_that_are_none)
{
	refused("udp://127.0.0.1", "", "the port is missing");
	refused("udp://127.0.0.1:0", "", "port '0' is not between 1 and 65535");
	refused("udp://127.0.0.1:70000", "", "port '70000' is not between 1 and 65535");
	refused("udp://127.0.0.1:9000x", "", "not between 1 and 65535");
	refused("udp://127.0.0.1:", "", "not between 1 and 65535");
	refused("udp://localhost:9000", "", "names are not looked up");
	refused("udp://999.0.0.1:9000", "", "not an IP address");
	refused("udp://::1:9000", "", "the port is missing");
	refused("udp://[::1:9000", "", "write udp://");
	refused("udp://[::1]9000", "", "write udp://");
	refused("udp://[fe80::1%]:9000", "", "not an IP address");
	refused("udp://", "", "not an IP address");
	refused("tcp://127.0.0.1:9000", "", "is not a target");
	refused("127.0.0.1:9000", "", "is not a target");
	refused("udp://127.0.0.1:9000/x", "", "write udp://");
	refused("udp://\xff:1", "", "is not UTF-8");
	refused(UDP, "--source nobody", "--source: 'nobody' is not an IP address");
	refused(UDP, "--source 127.0.0.1:99999", "port that is not between");
	refused(UDP, "--vlan 5", "--vlan does not fit");
	refused(UDP, "--ttl 256", "is not between 1 and 255");
	refused(UDP, "--dscp 64", "is not between 0 and 63");
	refused(UDP,
		"--interface "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"128 bytes; at most 127");
}

TEST(raw_ip_targets)
{
	Pagecast__V1__JobSpec *spec = good("ip://192.0.2.1?proto=253", "--source 192.0.2.9");
	CHECK_INT(spec->streams[0]->destination_case, ==, PAGECAST__V1__STREAM__DESTINATION_RAW_IP);
	CHECK_STR(spec->streams[0]->raw_ip->address, "192.0.2.1");
	CHECK_INT(spec->streams[0]->raw_ip->protocol, ==, 253);
	CHECK_STR(spec->streams[0]->raw_ip->source_address, "192.0.2.9");
	message_free(&spec->base);
	spec = good("ip://2001:db8::1?proto=89", "");
	CHECK_STR(spec->streams[0]->raw_ip->address, "2001:db8::1");
	message_free(&spec->base);
	spec = good("ip://192.0.2.1", "--header-included");
	CHECK(spec->streams[0]->raw_ip->header_included);
	message_free(&spec->base);
	refused("ip://192.0.2.1", "", "the IP protocol is missing");
	refused("ip://192.0.2.1?proto=256", "", "not a number between 0 and 255");
	refused("ip://192.0.2.1?proto=udp", "", "not a number between 0 and 255");
	refused("ip://192.0.2.1:80?proto=1", "", "has no port");
	refused("ip://192.0.2.1?proto=1", "--source 192.0.2.9:5", "has a port");
}

TEST(ethernet_targets)
{
	Pagecast__V1__JobSpec *spec = good("eth://veth0", "");
	CHECK_STR(spec->streams[0]->ethernet->interface, "veth0");
	CHECK(!spec->streams[0]->ethernet->header);
	message_free(&spec->base);
	spec = good("eth://veth0/02:00:00:00:00:0a",
		    "--vlan 100:5 --vlan 7 --source-mac 02:00:00:00:00:0b --ethertype 0x88b5 "
		    "--destination 198.18.0.2:9000 --source 198.18.0.1:5");
	const Pagecast__V1__FrameHeader *header = spec->streams[0]->ethernet->header;
	CHECK_STR(header->destination_mac, "02:00:00:00:00:0a");
	CHECK_STR(header->source_mac, "02:00:00:00:00:0b");
	CHECK_INT(header->n_vlans, ==, 2);
	CHECK_INT(header->vlans[0]->id, ==, 100);
	CHECK_INT(header->vlans[0]->priority, ==, 5);
	CHECK_INT(header->vlans[1]->id, ==, 7);
	CHECK_INT(header->ethertype, ==, 0x88b5);
	CHECK_STR(header->destination_address, "198.18.0.2");
	CHECK_INT(header->destination_port, ==, 9000);
	CHECK_STR(header->source_address, "198.18.0.1");
	CHECK_INT(header->source_port, ==, 5);
	message_free(&spec->base);
	refused("eth://", "", "the interface is missing");
	refused("eth://veth0/02:00:00:00:00", "", "is not a MAC address");
	refused("eth://veth0", "--ttl 5", "payloads are whole frames");
	refused("eth://veth0/02:00:00:00:00:0a", "--vlan 5000", "is not a VLAN");
	refused("eth://veth0/02:00:00:00:00:0a", "--ethertype 5", "not between 0x600 and 0xffff");
	refused("eth://veth0/02:00:00:00:00:0a", "--interface eth0", "does not fit");
}

TEST(payloads_keep_their_order)
{
	Pagecast__V1__JobSpec *spec = good(
		UDP, "--text hello_you --hex de_ad --repeat 3 --random 1k:42 --zeros 5 --ones 6 "
		     "--incrementing 7 --text=");
	Pagecast__V1__Payload **payloads = spec->streams[0]->payloads;
	CHECK_INT(spec->streams[0]->n_payloads, ==, 7);
	CHECK_STR(payloads[0]->text, "hello you");
	CHECK_INT(payloads[0]->repeat, ==, 0);
	CHECK_STR(payloads[1]->hex, "de ad");
	CHECK_INT(payloads[1]->repeat, ==, 3);
	CHECK_INT(payloads[2]->random->length, ==, 1000);
	CHECK_INT(payloads[2]->random->seed, ==, 42);
	CHECK_INT(payloads[3]->pattern->kind, ==, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ZEROS);
	CHECK_INT(payloads[3]->pattern->length, ==, 5);
	CHECK_INT(payloads[4]->pattern->kind, ==, PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_ONES);
	CHECK_INT(payloads[5]->pattern->kind, ==,
		  PAGECAST__V1__PATTERN_KIND__PATTERN_KIND_INCREMENTING);
	CHECK_INT(payloads[6]->content_case, ==, PAGECAST__V1__PAYLOAD__CONTENT_TEXT);
	CHECK_STR(payloads[6]->text, "");
	message_free(&spec->base);
	refused(UDP, "--repeat 3", "stands behind the payload");
	refused(UDP, "--text a --repeat 0", "is not a count");
	refused(UDP, "--hex xy", "is not hexadecimal");
	refused(UDP, "--hex abc", "has 3 digits");
	refused(UDP, "--text \xff\xfe", "is not UTF-8");
	refused(UDP, "--random 10:x", "seed");
	refused(UDP, "--zeros many", "is not a number of bytes");
	refused(UDP, "--file /nowhere/at/all", "No such file");
	refused(UDP, "--file /", "is a directory");
}

TEST(a_file_is_one_payload)
{
	char path[] = "/tmp/pagecast-test-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, "a\0b\n", 4) == 4);
	close(fd);
	_cleanup_free_ char *line = util_printf("--file %s", path);
	Pagecast__V1__JobSpec *spec = good(UDP, line);
	unlink(path);
	const Pagecast__V1__Payload *payload = spec->streams[0]->payloads[0];
	CHECK_INT(payload->content_case, ==, PAGECAST__V1__PAYLOAD__CONTENT_BYTES);
	CHECK_INT(payload->bytes.len, ==, 4);
	CHECK(memcmp(payload->bytes.data, "a\0b\n", 4) == 0);
	message_free(&spec->base);
}

TEST(sizes)
{
	Pagecast__V1__JobSpec *spec = good(UDP, "--size 1472");
	CHECK_INT(spec->streams[0]->size->fixed, ==, 1472);
	message_free(&spec->base);
	spec = good(UDP, "--size 64-1472/8");
	CHECK_INT(spec->streams[0]->size->range->min, ==, 64);
	CHECK_INT(spec->streams[0]->size->range->max, ==, 1472);
	CHECK_INT(spec->streams[0]->size->range->step, ==, 8);
	message_free(&spec->base);
	spec = good(UDP, "--size 64-1472/random");
	CHECK(spec->streams[0]->size->range->random);
	message_free(&spec->base);
	spec = good(UDP, "--size 64:7,570:4,1518:1 --size-layer l2-fcs");
	CHECK_INT(spec->streams[0]->size->layer, ==, PAGECAST__V1__LAYER__LAYER_L2_FCS);
	CHECK_INT(spec->streams[0]->size->mix->n_sizes, ==, 3);
	CHECK_INT(spec->streams[0]->size->mix->sizes[2]->size, ==, 1518);
	CHECK_INT(spec->streams[0]->size->mix->sizes[2]->weight, ==, 1);
	message_free(&spec->base);
	spec = good(UDP, "--size imix");
	CHECK_INT(spec->streams[0]->size->layer, ==, PAGECAST__V1__LAYER__LAYER_L2_FCS);
	CHECK_INT(spec->streams[0]->size->mix->n_sizes, ==, 3);
	CHECK_INT(spec->streams[0]->size->mix->sizes[1]->weight, ==, 4);
	message_free(&spec->base);
	spec = good(UDP, "--size ipv6-imix --size-layer l2");
	CHECK_INT(spec->streams[0]->size->layer, ==, PAGECAST__V1__LAYER__LAYER_L2);
	CHECK_INT(spec->streams[0]->size->mix->n_sizes, ==, 4);
	message_free(&spec->base);
	static const char *const BAD[] = {"big",     "1472-64",	  "64-",       "-64",
					  "64-128/", "64-128/0",  "64:",       "64:7,",
					  "64:0",    "64:7,570",  "64:7;5:1",  "64- 128",
					  "+64-128", "64:-7",	  "64-128/8x", "64-99999999999",
					  "",	     "5000000000"};
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		_cleanup_free_ char *line = util_printf("--size=%s", BAD[i]);
		refused(UDP, line, "is not a size");
	}
	refused(UDP, "--size-layer l2", "--size-layer without --size");
	refused(UDP, "--size 5 --size-layer l9", "is not one of payload, l3, l2, l2-fcs or l1");
}

TEST(changes_and_stamps)
{
	Pagecast__V1__JobSpec *spec =
		good(UDP, "--modify 0/32=counter:1:-1:1000 --modify 8/16&0x0fff=random:1-100:7/10 "
			  "--modify 12/8=list:1,0x20,3 --stamp");
	const Pagecast__V1__Stream *stream = spec->streams[0];
	CHECK_INT(stream->n_modifiers, ==, 3);
	const Pagecast__V1__Modifier *one = stream->modifiers[0];
	CHECK_INT(one->width_bits, ==, 32);
	CHECK(one->counter->start == 1 && one->counter->step == -1 && one->counter->count == 1000);
	one = stream->modifiers[1];
	CHECK(one->offset == 8 && one->mask == 0x0fff && one->every == 10);
	CHECK(one->random->min == 1 && one->random->max == 100 && one->random->seed == 7);
	one = stream->modifiers[2];
	CHECK(one->list->n_values == 3 && one->list->values[1] == 0x20);
	CHECK(stream->stamp && !stream->stamp->stream_id && !stream->stamp->cover_payload);
	message_free(&spec->base);
	spec = good(UDP, "--stamp-id 9 --stamp-covers-payload");
	CHECK_INT(spec->streams[0]->stamp->stream_id, ==, 9);
	CHECK(spec->streams[0]->stamp->cover_payload);
	message_free(&spec->base);
	spec = good(UDP, "--modify 0/64=counter:18446744073709551615:-9223372036854775808");
	CHECK(spec->streams[0]->modifiers[0]->counter->start == UINT64_MAX);
	CHECK(spec->streams[0]->modifiers[0]->counter->step == INT64_MIN);
	message_free(&spec->base);
	static const char *const BAD[] = {"0/32",
					  "0=counter:1:1",
					  "0/32=counter",
					  "0/32=counter:1",
					  "0/32=counter:1:1:0",
					  "0/32=counter:1:1:",
					  "0/32=random:5-4",
					  "0/32=random:5",
					  "0/32=list:",
					  "0/32=list:1,",
					  "0/32=wave:1",
					  "0/32&=counter:1:1",
					  "0/32&0=counter:1:1",
					  "0/32=counter:1:1/0",

					  "-1/32=counter:1:1",
					  "0/32=counter:-1:1",
					  "0/32=counter:0x:1",
					  "0/32=counter:1:9223372036854775808",
					  "4294967296/8=counter:1:1"};
	for (size_t i = 0; i < ARRAY_SIZE(BAD); i++) {
		_cleanup_free_ char *line = util_printf("--modify=%s", BAD[i]);
		refused(UDP, line, "is not a modifier");
	}
	refused(UDP, "--stamp-id 0", "--stamp-id");
}

TEST(rates_and_limits)
{
	Pagecast__V1__JobSpec *alone = good(UDP, "--max-back-to-back 1");
	CHECK_INT(alone->streams[0]->rate->kind_case, ==, PAGECAST__V1__RATE__KIND__NOT_SET);
	CHECK_INT(alone->streams[0]->rate->max_back_to_back, ==, 1);
	pagecast__v1__job_spec__free_unpacked(alone, NULL);
	Pagecast__V1__JobSpec *spec = good(UDP, "--pps 0.5 --packets 2M --max-back-to-back 4");
	CHECK_INT(spec->streams[0]->rate->kind_case, ==, PAGECAST__V1__RATE__KIND_PPS);
	CHECK(spec->streams[0]->rate->pps == 0.5);
	CHECK_INT(spec->streams[0]->rate->max_back_to_back, ==, 4);
	CHECK_INT(spec->streams[0]->limit->packets, ==, 2000000);
	message_free(&spec->base);
	spec = good(UDP, "--pps 10 --catch-up forgive");
	CHECK_INT(spec->streams[0]->rate->catch_up, ==, PAGECAST__V1__CATCH_UP__CATCH_UP_FORGIVE);
	message_free(&spec->base);
	refused(UDP, "--catch-up burst", "--catch-up belongs to a rate: give --pps");
	refused(UDP, "--pps 1 --catch-up soon", "is not one of proportional, burst or forgive");
	spec = good(UDP, "--bps 2.5G --layer l1 --duration 1m30s");
	CHECK_INT(spec->streams[0]->rate->bps, ==, 2500000000);
	CHECK_INT(spec->streams[0]->rate->layer, ==, PAGECAST__V1__LAYER__LAYER_L1);
	CHECK_INT(spec->streams[0]->limit->duration->seconds, ==, 90);
	message_free(&spec->base);
	spec = good(UDP, "--unlimited --forever --burst-packets 10 --burst-gap 1.5ms");
	CHECK(spec->streams[0]->rate->unlimited);
	CHECK(spec->streams[0]->limit->until_cancelled);
	CHECK_INT(spec->streams[0]->burst->packets, ==, 10);
	CHECK_INT(spec->streams[0]->burst->gap->nanos, ==, 1500000);
	message_free(&spec->base);
	spec = good(UDP, "--line-percent 50 --loops 3");
	CHECK(spec->streams[0]->rate->line_percent == 50);
	CHECK_INT(spec->streams[0]->limit->loops, ==, 3);
	message_free(&spec->base);
	refused(UDP, "--pps 5 --bps 5", "--pps and --bps exclude each other");
	refused(UDP, "--packets 5 --forever", "--packets and --forever exclude each other");
	refused(UDP, "--pps 0", "is not a positive number");
	refused(UDP, "--bps 0.2", "is not between 1 and");
	refused(UDP, "--line-percent 101", "is more than 100");
	refused(UDP, "--packets 0", "is less than 1");
	refused(UDP, "--packets -1", "is not a whole number");
	refused(UDP, "--duration 10", "is not a duration; write 10s");
	refused(UDP, "--layer l2", "belongs to a rate");
	refused(UDP, "--burst-gap 1ms", "go together");
	refused(UDP, "--pps 5 --pps 6", "--pps is given twice");
}

TEST(the_job)
{
	Pagecast__V1__JobSpec *spec = good(
		UDP, "--name a_job --label test=7 --label where=lab=3 --priority -100 "
		     "--engine COPY --layout PAGE-PER-PACKET --page-offset 128 --when-full drop "
		     "--restart-policy resume --start-at 2026-03-01T12:00:00Z "
		     "--start-tolerance 5ms --max-duration 1h --lease 10s --start-delay 2s");
	CHECK_STR(spec->name, "a job");
	CHECK_INT(spec->n_labels, ==, 2);
	CHECK_STR(spec->labels[0]->key, "test");
	CHECK_STR(spec->labels[0]->value, "7");
	CHECK_STR(spec->labels[1]->value, "lab=3");
	CHECK_INT(spec->priority, ==, -100);
	CHECK_INT(spec->engine, ==, PAGECAST__V1__ENGINE_KIND__ENGINE_KIND_COPY);
	CHECK_INT(spec->page_offset, ==, 128);
	CHECK_INT(spec->when_full, ==, PAGECAST__V1__FULL_POLICY__FULL_POLICY_DROP);
	CHECK_INT(spec->restart_policy, ==, PAGECAST__V1__RESTART_POLICY__RESTART_POLICY_RESUME);
	CHECK_INT(spec->start_time->seconds, ==, 1772366400);
	CHECK_INT(spec->start_tolerance->nanos, ==, 5000000);
	CHECK_INT(spec->max_duration->seconds, ==, 3600);
	CHECK_INT(spec->lease->seconds, ==, 10);
	CHECK_INT(spec->streams[0]->start_delay->seconds, ==, 2);
	message_free(&spec->base);
	spec = good(UDP, "--engine auto --layout page-per-packet");
	CHECK_INT(spec->engine, ==, 0);
	CHECK_INT(spec->page_layout, ==, PAGECAST__V1__PAGE_LAYOUT__PAGE_LAYOUT_PAGE_PER_PACKET);
	message_free(&spec->base);
	refused(UDP, "--engine warp", "is not one of splice, txring, copy, zerocopy or uring");
	refused(UDP, "--engine unspecified", "is not one of");
	refused(UDP, "--layout loose", "is not one of packed or page-per-packet");
	refused(UDP, "--priority 101", "is not between -100 and 100");
	refused(UDP, "--label test", "is not a label; write key=value");
	refused(UDP, "--label =x", "is not a label");
	refused(UDP, "--start-at tomorrow", "is not a time");
	refused(UDP, "--page-offset 4096", "is not between 1 and 4095");
}

TEST(misspelt_flags)
{
	refused(UDP, "--pakets 5", "unknown flag --pakets; did you mean --packets?");
	refused(UDP, "--textt=x", "did you mean --text?");
	refused(UDP, "--wholly-different", "unknown flag --wholly-different\n");
	refused(UDP, "-p 5", "unknown flag -p; flags begin with two dashes");
	refused(UDP, "--forever=yes", "--forever takes no value");
	refused(UDP, "--packets", "--packets needs a value: --packets N");
}

TEST_MAIN(CASE(udp_targets), CASE(udp_targets_that_are_none), CASE(raw_ip_targets),
	  CASE(ethernet_targets), CASE(payloads_keep_their_order), CASE(a_file_is_one_payload),
	  CASE(sizes), CASE(changes_and_stamps), CASE(rates_and_limits), CASE(the_job),
	  CASE(misspelt_flags))
