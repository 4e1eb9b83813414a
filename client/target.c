/* target: see target.h. */
#include "target.h"
#include "message.h"
#include "units.h"
#include "util.h"

#include <arpa/inet.h>
#include <string.h>

#define WRITE_UDP "write udp://192.0.2.1:9000 or udp://[2001:db8::1]:9000"
#define WRITE_IP  "write ip://192.0.2.1?proto=253 or ip://[2001:db8::1]?proto=253"
#define WRITE_ETH "write eth://eth0 for whole frames, or eth://eth0/02:00:00:00:00:01"

enum { INTERFACE_BYTES = 128 }; /* its own name has 16, others that it may have as many */

struct target {
	const struct options *options;
	const char *url;
};

static int bad(const struct target *target, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int bad(const struct target *target, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *text = util_vprintf(format, args);
	va_end(args);
	return options_usage(target->options->command, "%s: %s", target->url, text);
}

static bool is_ip(const char *address)
{
	struct in6_addr parsed;
	char plain[INET6_ADDRSTRLEN];
	const char *zone = strchr(address, '%');
	size_t len = zone ? (size_t)(zone - address) : strlen(address);
	if (inet_pton(AF_INET, address, &parsed) == 1)
		return true;
	if (len >= sizeof plain || (zone && (!zone[1] || strlen(zone + 1) >= INTERFACE_BYTES)))
		return false;
	memcpy(plain, address, len);
	plain[len] = 0;
	return inet_pton(AF_INET6, plain, &parsed) == 1;
}

/* "%25" is how a URL spells the "%" in front of a zone. */
static char *plain_zone(const char *text, size_t len)
{
	char *address = util_strndup(text, len), *zone = strstr(address, "%25");
	if (zone && zone[3])
		memmove(zone + 1, zone + 3, strlen(zone + 3) + 1);
	return address;
}

/*
 * ADDR, ADDR:PORT, [ADDR], [ADDR]:PORT, :PORT into an owned address ("" when there is none) and a
 * port (NULL when there is none; points into @text).
 */
static bool split_address(const char *text, size_t len, char **ret_address, const char **ret_port)
{
	const char *end = text + len, *rest;
	*ret_port = NULL;
	if (*text == '[') {
		const char *close = memchr(text, ']', len);
		if (!close)
			return false;
		*ret_address = plain_zone(text + 1, (size_t)(close - text - 1));
		rest = close + 1;
	} else {
		const char *colon = memchr(text, ':', len);
		bool many = colon && memchr(colon + 1, ':', (size_t)(end - colon - 1));
		rest = colon && !many ? colon : end; /* many colons: an IPv6 address without port */
		*ret_address = plain_zone(text, (size_t)(rest - text));
	}
	if (rest != end && *rest == ':')
		*ret_port = rest + 1;
	else if (rest != end) {
		free(TAKE_PTR(*ret_address));
		return false;
	}
	return true;
}

static bool read_port(const char *text, size_t len, uint32_t *ret_port)
{
	_cleanup_free_ char *digits = util_strndup(text, len);
	int64_t port;
	if (!units_read_int(digits, &port) || port < 1 || port > 65535)
		return false;
	*ret_port = (uint32_t)port;
	return true;
}

/* --source and --destination: ADDR, ADDR:PORT or :PORT; *ret_address owned. */
static int read_endpoint(const struct options *options, const char *name, char **ret_address,
			 uint32_t *ret_port)
{
	const char *value = options_value(options, name), *port;
	_cleanup_free_ char *address = NULL;
	if (!value)
		return 0;
	if (!split_address(value, strlen(value), &address, &port) ||
	    (*address && !is_ip(address)) || (!*address && !port))
		return options_bad(options, name, value,
				   "is not an IP address; write 192.0.2.1, 192.0.2.1:5000 or "
				   "[2001:db8::1]:5000");
	if (port && !ret_port)
		return options_bad(options, name, value, "has a port, but ip:// targets have none");
	if (port && !read_port(port, strlen(port), ret_port))
		return options_bad(options, name, value,
				   "has a port that is not between 1 and 65535");
	if (*address)
		*ret_address = TAKE_PTR(address);
	return 0;
}

static int copy_text(const struct options *options, const char *name, char **ret_text)
{
	const char *value = NULL;
	int r = options_text(options, name, INTERFACE_BYTES - 1, &value);
	if (!r && value)
		*ret_text = util_strdup(value);
	return r;
}

/* Flags that fit another kind of target are refused, not ignored. */
static int refuse_flags(const struct target *target, const char *scheme, const char *const *names)
{
	for (; *names; names++)
		if (options_has(target->options, *names))
			return options_usage(target->options->command,
					     "--%s does not fit a target of %s", *names, scheme);
	return 0;
}

static int read_udp(const struct target *target, const char *text, Pagecast__V1__Stream *stream)
{
	static const char *const OTHERS[] = {"header-included", "destination", "source-mac", "vlan",
					     "ethertype",	NULL};
	const struct options *options = target->options;
	Pagecast__V1__UdpDestination *udp =
		MESSAGE_NEW(Pagecast__V1__UdpDestination, PAGECAST__V1__UDP_DESTINATION__INIT);
	stream->destination_case = PAGECAST__V1__STREAM__DESTINATION_UDP;
	stream->udp = udp;
	_cleanup_free_ char *address = NULL;
	const char *port;
	if (strpbrk(text, "/?") || !split_address(text, strlen(text), &address, &port))
		return bad(target, WRITE_UDP);
	if (!is_ip(address))
		return bad(target,
			   "'%s' is not an IP address (host names are not looked up); " WRITE_UDP,
			   address);
	if (!port)
		return bad(target, "the port is missing; " WRITE_UDP);
	if (!read_port(port, strlen(port), &udp->port))
		return bad(target, "port '%s' is not between 1 and 65535", port);
	udp->address = TAKE_PTR(address);
	udp->broadcast = options_has(options, "broadcast");
	udp->dont_fragment = options_has(options, "dont-fragment");
	int r = refuse_flags(target, "udp://", OTHERS);
	r = r ? r : read_endpoint(options, "source", &udp->source_address, &udp->source_port);
	r = r ? r : options_u32(options, "source-port", 1, 65535, &udp->source_port);
	r = r ? r : copy_text(options, "interface", &udp->interface);
	r = r ? r : options_u32(options, "ttl", 1, 255, &udp->ttl);
	return r ? r : options_u32(options, "dscp", 0, 63, &udp->dscp);
}

static int read_protocol(const struct target *target, const char *query,
			 Pagecast__V1__RawIpDestination *raw)
{
	int64_t protocol;
	if (!query && options_has(target->options, "header-included"))
		return 0; /* each payload has its own */
	if (!query || strncmp(query, "proto=", 6) != 0)
		return bad(target, "the IP protocol is missing; " WRITE_IP);
	if (!units_read_int(query + 6, &protocol) || protocol < 0 || protocol > 255)
		return bad(target, "proto '%s' is not a number between 0 and 255", query + 6);
	raw->protocol = (uint32_t)protocol;
	return 0;
}

static int read_ip(const struct target *target, const char *text, Pagecast__V1__Stream *stream)
{
	static const char *const OTHERS[] = {
		"broadcast",  "dont-fragment", "source-port", "destination",
		"source-mac", "vlan",	       "ethertype",   NULL};
	const struct options *options = target->options;
	Pagecast__V1__RawIpDestination *raw =
		MESSAGE_NEW(Pagecast__V1__RawIpDestination, PAGECAST__V1__RAW_IP_DESTINATION__INIT);
	stream->destination_case = PAGECAST__V1__STREAM__DESTINATION_RAW_IP;
	stream->raw_ip = raw;
	_cleanup_free_ char *address = NULL;
	const char *port, *query = strchr(text, '?');
	size_t len = query ? (size_t)(query - text) : strlen(text);
	if (!len || !split_address(text, len, &address, &port))
		return bad(target, WRITE_IP);
	if (port)
		return bad(target, "raw IP has no port; " WRITE_IP);
	if (!is_ip(address))
		return bad(target,
			   "'%s' is not an IP address (host names are not looked up); " WRITE_IP,
			   address);
	raw->address = TAKE_PTR(address);
	raw->header_included = options_has(options, "header-included");
	int r = read_protocol(target, query ? query + 1 : NULL, raw);
	r = r ? r : refuse_flags(target, "ip://", OTHERS);
	r = r ? r : read_endpoint(options, "source", &raw->source_address, NULL);
	r = r ? r : copy_text(options, "interface", &raw->interface);
	r = r ? r : options_u32(options, "ttl", 1, 255, &raw->ttl);
	return r ? r : options_u32(options, "dscp", 0, 63, &raw->dscp);
}

static bool is_mac(const char *text)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':'
			       : !text[i] || !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	return !text[17];
}

/* "ID" or "ID:PRIORITY" */
static int add_vlan(const struct options *options, const char *value,
		    Pagecast__V1__FrameHeader *header)
{
	_cleanup_free_ char *id_text = util_strndup(value, strcspn(value, ":"));
	const char *priority_text = strchr(value, ':');
	int64_t id, priority = 0;
	bool good = units_read_int(id_text, &id) && id >= 0 && id <= 4094;
	if (good && priority_text)
		good = units_read_int(priority_text + 1, &priority) && priority >= 0 &&
		       priority <= 7;
	if (!good)
		return options_bad(
			options, "vlan", value,
			"is not a VLAN; write an id of 0 to 4094, with a priority 100:5");
	Pagecast__V1__VlanTag *tag =
		MESSAGE_NEW(Pagecast__V1__VlanTag, PAGECAST__V1__VLAN_TAG__INIT);
	tag->id = (uint32_t)id;
	tag->priority = (uint32_t)priority;
	header->vlans = util_grow(header->vlans, header->n_vlans, sizeof(void *));
	header->vlans[header->n_vlans++] = tag;
	return 0;
}

static int read_ethertype(const struct options *options, uint32_t *ret_ethertype)
{
	const char *value = options_value(options, "ethertype");
	char *end;
	if (!value)
		return 0;
	unsigned long ethertype = strtoul(value, &end, 0);
	if (*end || *value == '-' || ethertype < 0x600 || ethertype > 0xffff)
		return options_bad(options, "ethertype", value,
				   "is not between 0x600 and 0xffff; write 0x88b5");
	*ret_ethertype = (uint32_t)ethertype;
	return 0;
}

static int read_source_mac(const struct options *options, char **ret_mac)
{
	const char *value = options_value(options, "source-mac");
	if (!value)
		return 0;
	if (!is_mac(value))
		return options_bad(options, "source-mac", value,
				   "is not a MAC address; write 02:00:00:00:00:01");
	*ret_mac = util_strdup(value);
	return 0;
}

static int read_frame_header(const struct options *options, Pagecast__V1__FrameHeader *header)
{
	int r = read_source_mac(options, &header->source_mac);
	for (size_t i = 0; !r && i < options->use_count; i++)
		if (strcmp(options->uses[i].option->name, "vlan") == 0)
			r = add_vlan(options, options->uses[i].value, header);
	r = r ? r : read_ethertype(options, &header->ethertype);
	r = r ? r : read_endpoint(options, "source", &header->source_address, &header->source_port);
	r = r ? r : options_u32(options, "source-port", 1, 65535, &header->source_port);
	r = r ? r
	      : read_endpoint(options, "destination", &header->destination_address,
			      &header->destination_port);
	r = r ? r : options_u32(options, "ttl", 1, 255, &header->ttl);
	return r ? r : options_u32(options, "dscp", 0, 63, &header->dscp);
}

static int read_eth(const struct target *target, const char *text, Pagecast__V1__Stream *stream)
{
	static const char *const OTHERS[] = {"broadcast", "dont-fragment", "header-included",
					     "interface", NULL};
	static const char *const HEADER[] = {"source", "source-port", "source-mac",
					     "vlan",   "ethertype",   "ttl",
					     "dscp",   "destination", NULL};
	Pagecast__V1__EthernetDestination *ethernet = MESSAGE_NEW(
		Pagecast__V1__EthernetDestination, PAGECAST__V1__ETHERNET_DESTINATION__INIT);
	stream->destination_case = PAGECAST__V1__STREAM__DESTINATION_ETHERNET;
	stream->ethernet = ethernet;
	size_t len = strcspn(text, "/");
	const char *mac = text[len] && text[len + 1] ? text + len + 1 : NULL;
	if (!len || len >= INTERFACE_BYTES)
		return bad(target, "the interface is missing; " WRITE_ETH);
	ethernet->interface = util_strndup(text, len);
	if (mac && !is_mac(mac))
		return bad(target, "'%s' is not a MAC address; " WRITE_ETH, mac);
	int r = refuse_flags(target, "eth://", OTHERS);
	bool header = mac || options_has(target->options, "destination");
	if (r || !header) {
		for (const char *const *name = HEADER; !r && *name; name++)
			if (options_has(target->options, *name))
				r = bad(target,
					"payloads are whole frames here, so --%s does not apply; "
					"give "
					"a destination: eth://%.*s/02:00:00:00:00:01",
					*name, (int)len, text);
		return r;
	}
	ethernet->header = MESSAGE_NEW(Pagecast__V1__FrameHeader, PAGECAST__V1__FRAME_HEADER__INIT);
	if (mac)
		ethernet->header->destination_mac = util_strdup(mac);
	return read_frame_header(target->options, ethernet->header);
}

int target_read(const struct options *options, const char *url, Pagecast__V1__Stream *stream)
{
	const struct target target = {options, url};
	if (!util_is_utf8(url, strlen(url)))
		return bad(&target, "is not UTF-8");
	if (strncmp(url, "udp://", 6) == 0)
		return read_udp(&target, url + 6, stream);
	if (strncmp(url, "ip://", 5) == 0)
		return read_ip(&target, url + 5, stream);
	if (strncmp(url, "eth://", 6) == 0)
		return read_eth(&target, url + 6, stream);
	return bad(&target,
		   "is not a target; write udp://192.0.2.1:9000, ip://192.0.2.1?proto=253 or "
		   "eth://eth0");
}
