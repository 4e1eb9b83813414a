/* media: see media.h. */
#include "api/http/media.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

struct piece {
	const char *at;
	size_t len;
};

static struct piece trimmed(const char *from, const char *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	return (struct piece){from, (size_t)(to - from)};
}

static bool piece_is(struct piece piece, const char *text)
{
	return strlen(text) == piece.len && strncasecmp(piece.at, text, piece.len) == 0;
}

/* The next piece up to @divider; *at moves past it, to NULL at the end. */
static struct piece next_piece(const char **at, const char *end, char divider)
{
	const char *from = *at;
	const char *to = memchr(from, divider, (size_t)(end - from));
	*at = to ? to + 1 : NULL;
	return trimmed(from, to ? to : end);
}

static bool charset_is_utf8(const char *params, const char *end)
{
	while (params) {
		struct piece param = next_piece(&params, end, ';');
		if (param.len < 8 || strncasecmp(param.at, "charset=", 8) != 0)
			continue;
		struct piece value = {param.at + 8, param.len - 8};
		if (!piece_is(value, "utf-8") && !piece_is(value, "\"utf-8\"") &&
		    !piece_is(value, "us-ascii"))
			return false;
	}
	return true;
}

enum media media_type(const char *content_type)
{
	if (!content_type)
		return MEDIA_NONE;
	const char *end = content_type + strlen(content_type);
	const char *params = content_type;
	struct piece type = next_piece(&params, end, ';');
	if (piece_is(type, "application/json"))
		return charset_is_utf8(params, end) ? MEDIA_JSON : MEDIA_OTHER;
	if (piece_is(type, "application/x-protobuf") || piece_is(type, "application/protobuf"))
		return MEDIA_PROTOBUF;
	if (piece_is(type, "application/x-www-form-urlencoded") ||
	    piece_is(type, "multipart/form-data") || piece_is(type, "text/plain"))
		return MEDIA_FORM;
	return MEDIA_OTHER;
}

/* "q=0.5" in thousandths; -1: no q. What is not a number counts as 1. */
static int quality(struct piece param)
{
	if (param.len < 2 || (param.at[0] | 0x20) != 'q' || param.at[1] != '=')
		return -1;
	if (param.len < 3 || (param.at[2] != '0' && param.at[2] != '1'))
		return 1000;
	int q = (param.at[2] - '0') * 1000;
	int weight = 100;
	for (size_t i = 4; i < param.len && i < 7 && param.at[3] == '.'; i++, weight /= 10)
		if (param.at[i] >= '0' && param.at[i] <= '9')
			q += (param.at[i] - '0') * weight;
	return q > 1000 ? 1000 : q;
}

bool media_is(const char *content_type, const char *type)
{
	if (!content_type)
		return false;
	const char *end = content_type + strlen(content_type);
	const char *params = content_type;
	return piece_is(next_piece(&params, end, ';'), type) && charset_is_utf8(params, end);
}

bool media_lists(const char *list, const char *token)
{
	const char *end = list ? list + strlen(list) : NULL;
	for (const char *at = list; at;) {
		struct piece whole = next_piece(&at, end, ',');
		const char *whole_end = whole.at + whole.len;
		const char *params = whole.at;
		if (!piece_is(next_piece(&params, whole_end, ';'), token))
			continue;
		return !params || quality(next_piece(&params, whole_end, ';')) != 0;
	}
	return false;
}

static void raise_range(struct media_range *range, int exact, int q)
{
	if (exact > range->exact || (exact == range->exact && q > range->q))
		*range = (struct media_range){exact, q};
}

/* The q behind a range, in thousandths; @params: NULL: none */
static int quality_of(const char *params, const char *end)
{
	int q = 1000;
	while (params) {
		int given = quality(next_piece(&params, end, ';'));
		if (given >= 0)
			q = given;
	}
	return q;
}

void media_coding_add(struct media_coding *coding, const char *line)
{
	const char *end = line + strlen(line);
	for (const char *at = line; at;) {
		struct piece whole = next_piece(&at, end, ',');
		const char *whole_end = whole.at + whole.len;
		const char *params = whole.at;
		struct piece name = next_piece(&params, whole_end, ';');
		int q = quality_of(params, whole_end);
		if (piece_is(name, "*")) {
			raise_range(&coding->gzip, 1, q);
			raise_range(&coding->identity, 1, q);
		} else if (piece_is(name, "gzip") || piece_is(name, "x-gzip")) {
			raise_range(&coding->gzip, 3, q);
		} else if (piece_is(name, "identity")) {
			raise_range(&coding->identity, 3, q);
		}
	}
}

/* Plain bytes that nobody named are acceptable, but less than what was named (RFC 9110, 12.5.3). */
bool media_coding_gzip(const struct media_coding *coding)
{
	return coding->gzip.q && coding->gzip.q >= coding->identity.q;
}

void media_accept_add(struct media_accept *accept, const char *line)
{
	const char *end = line + strlen(line);
	accept->any = true;
	for (const char *at = line; at;) {
		struct piece whole = next_piece(&at, end, ',');
		const char *whole_end = whole.at + whole.len;
		const char *params = whole.at;
		struct piece type = next_piece(&params, whole_end, ';');
		int q = quality_of(params, whole_end);
		int both = piece_is(type, "*/*") ? 1 : piece_is(type, "application/*") ? 2 : 0;
		if (both) {
			raise_range(&accept->json, both, q);
			raise_range(&accept->protobuf, both, q);
		} else if (piece_is(type, "application/json")) {
			raise_range(&accept->json, 3, q);
		} else if (piece_is(type, "application/x-protobuf")) {
			raise_range(&accept->protobuf, 3, q);
			accept->protobuf_type = "application/x-protobuf";
		} else if (piece_is(type, "application/protobuf")) {
			raise_range(&accept->protobuf, 3, q);
			accept->protobuf_type = "application/protobuf";
		} else if (piece_is(type, "application/vnd.tcpdump.pcap")) {
			raise_range(&accept->pcap, 3, q);
		}
	}
}

bool media_accept_pcap(const struct media_accept *accept)
{
	bool json_liked = accept->json.exact == 3 && accept->json.q > accept->pcap.q;
	bool protobuf_liked = accept->protobuf.exact == 3 && accept->protobuf.q > accept->pcap.q;
	return accept->pcap.q && !json_liked && !protobuf_liked;
}

enum media media_accept_choose(const struct media_accept *accept)
{
	const struct media_range *json = &accept->json, *protobuf = &accept->protobuf;
	if (!accept->any)
		return MEDIA_JSON;
	if (!json->q && !protobuf->q)
		return MEDIA_NONE;
	if (json->q != protobuf->q)
		return json->q > protobuf->q ? MEDIA_JSON : MEDIA_PROTOBUF;
	return protobuf->exact > json->exact ? MEDIA_PROTOBUF : MEDIA_JSON;
}
