/*
 * media: which form a body has and which forms of answer a client accepts.
 *
 * JSON and protobuf carry the same messages. Form types and text/plain are what a web page can send
 * to any server without being asked; they are never read. Thread: any; no state.
 */
#pragma once
#include <stdbool.h>

enum media {
	MEDIA_NONE, /* no Content-Type; nothing acceptable */
	MEDIA_JSON,
	MEDIA_PROTOBUF,
	MEDIA_PCAP, /* an answer only: packets as a capture file */
	MEDIA_FORM, /* what a web page may send unasked */
	MEDIA_OTHER,
};

/** media_type() - @content_type as sent, NULL: absent. A charset other than UTF-8 is MEDIA_OTHER */
enum media media_type(const char *content_type);

/** media_is() - is @content_type (NULL: absent) the type @type, whatever its parameters? No charset
 * other than UTF-8 */
bool media_is(const char *content_type, const char *type);

/** media_lists() - does a list as of Grpc-Accept-Encoding (NULL: absent) name @token, other than by
 * q=0?
 */
bool media_lists(const char *list, const char *token);

struct media_accept { /* what the Accept lines said so far: of each form the most exact range */
	struct media_range {
		int exact; /* 0: not named, 1: star/star, 2: application/star, 3: by name */
		int q;	   /* thousandths */
	} json, protobuf, pcap;
	const char *protobuf_type; /* the spelling that was asked for; static, NULL: none */
	bool any;		   /* there was an Accept line */
};

/** media_accept_add() - read one Accept line; ranges that mean nothing here are skipped */
void media_accept_add(struct media_accept *accept, const char *line);

struct media_coding { /* what the Accept-Encoding lines said so far */
	struct media_range gzip, identity;
};

/** media_coding_add() - read one Accept-Encoding line; codings not known here are skipped */
void media_coding_add(struct media_coding *coding, const char *line);

/** media_coding_gzip() - is gzip acceptable, and liked no less than plain bytes? */
bool media_coding_gzip(const struct media_coding *coding);

/** media_accept_pcap() - is a capture file asked for by name, and no form liked better? */
bool media_accept_pcap(const struct media_accept *accept);

/** media_accept_choose() - MEDIA_JSON, MEDIA_PROTOBUF, or MEDIA_NONE when neither is acceptable */
enum media media_accept_choose(const struct media_accept *accept);
