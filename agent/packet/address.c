/* address: see address.h. */
#include "packet/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/link.h"

static void fault_absent(struct check *check, const char *field, const char *name)
{
	check_fault(check, field, "this host has no interface %s", check_quoted(name));
	check->absent++;
}

bool address_interface(struct check *check, const char *field, const char *name,
		       uint32_t *ret_index, char ret_name[static IF_NAMESIZE])
{
	uint32_t index = *name ? link_index(name) : 0;
	ret_name[0] = '\0';
	if (*name && !(index && if_indextoname(index, ret_name))) {
		fault_absent(check, field, name);
		return false;
	}
	*ret_index = index;
	return true;
}

/* A zone is the name of an interface, or its number. Return: the index; 0: unknown */
static uint32_t zone_index(const char *zone, char ret_name[static IF_NAMESIZE])
{
	uint32_t index = link_index(zone);
	if (!index && strlen(zone) < 10 && strspn(zone, "0123456789") == strlen(zone))
		index = (uint32_t)strtoul(zone, NULL, 10);
	return index && if_indextoname(index, ret_name) ? index : 0;
}

static bool parse_v6(struct check *check, const char *field, const char *text, union net_ip *ret_ip,
		     char ret_zone[static IF_NAMESIZE])
{
	char literal[INET6_ADDRSTRLEN];
	const char *zone = strchr(text, '%');
	size_t len = zone ? (size_t)(zone - text) : strlen(text);
	union net_ip ip = {.v6.sin6_family = AF_INET6};
	bool parsed = len < sizeof literal;
	if (parsed) {
		memcpy(literal, text, len);
		literal[len] = 0;
		parsed = inet_pton(AF_INET6, literal, &ip.v6.sin6_addr) == 1;
	}
	if (!parsed) {
		check_fault(check, field, "%s is not an IPv6 literal", check_quoted(text));
		return false;
	}
	if (IN6_IS_ADDR_V4MAPPED(&ip.v6.sin6_addr)) {
		char v4[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &ip.v6.sin6_addr.s6_addr[12], v4, sizeof v4);
		check_fault(check, field, "%s is an IPv4 address in IPv6 form: write %s",
			    check_quoted(text), v4);
		return false;
	}
	if (zone) {
		ip.v6.sin6_scope_id = zone_index(zone + 1, ret_zone);
		if (!ip.v6.sin6_scope_id) {
			fault_absent(check, field, zone + 1);
			return false;
		}
	}
	*ret_ip = ip;
	return true;
}

bool address_parse(struct check *check, const char *field, const char *text, union net_ip *ret_ip,
		   char ret_zone[static IF_NAMESIZE])
{
	*ret_zone = 0;
	if (strchr(text, ':'))
		return parse_v6(check, field, text, ret_ip, ret_zone);
	union net_ip ip = {.v4.sin_family = AF_INET};
	if (!*text) {
		check_fault(check, field, "missing: an IPv4 or IPv6 address");
		return false;
	}
	if (inet_pton(AF_INET, text, &ip.v4.sin_addr) != 1) {
		check_fault(check, field,
			    "%s is not an IPv4 or IPv6 literal (names are not looked up)",
			    check_quoted(text));
		return false;
	}
	*ret_ip = ip;
	return true;
}

bool address_mac(struct check *check, const char *field, const char *text,
		 uint8_t ret_mac[static ETH_ALEN])
{
	uint8_t mac[ETH_ALEN];
	const char *at = text;
	size_t i = 0;
	for (; i < ETH_ALEN; i++) {
		static const char HEX[] = "0123456789abcdefABCDEF";
		if (strspn(at, HEX) < 2)
			break;
		mac[i] = (uint8_t)strtoul((char[3]){at[0], at[1], 0}, NULL, 16);
		at += 2;
		if (i + 1 < ETH_ALEN && *at != ':' && *at != '-')
			break;
		at += i + 1 < ETH_ALEN;
	}
	if (i < ETH_ALEN || *at) {
		check_fault(check, field, "%s is not a MAC address, such as \"02:00:00:00:00:01\"",
			    check_quoted(text));
		return false;
	}
	memcpy(ret_mac, mac, ETH_ALEN);
	return true;
}

bool address_unspecified(const union net_ip *ip)
{
	return ip->any.sa_family == AF_INET ? ip->v4.sin_addr.s_addr == INADDR_ANY
					    : IN6_IS_ADDR_UNSPECIFIED(&ip->v6.sin6_addr);
}

bool address_multicast(const union net_ip *ip)
{
	return ip->any.sa_family == AF_INET ? IN_MULTICAST(ntohl(ip->v4.sin_addr.s_addr))
					    : IN6_IS_ADDR_MULTICAST(&ip->v6.sin6_addr);
}

bool address_limited_broadcast(const union net_ip *ip)
{
	return ip->any.sa_family == AF_INET && ip->v4.sin_addr.s_addr == INADDR_BROADCAST;
}

bool address_needs_interface(const union net_ip *ip)
{
	if (ip->any.sa_family != AF_INET6)
		return false;
	const struct in6_addr *v6 = &ip->v6.sin6_addr;
	return IN6_IS_ADDR_LINKLOCAL(v6) || IN6_IS_ADDR_MC_LINKLOCAL(v6) ||
	       IN6_IS_ADDR_MC_NODELOCAL(v6);
}

const char *address_format(const union net_ip *ip, const char *zone,
			   char buffer[static ADDRESS_TEXT_BYTES])
{
	const void *bytes =
		ip->any.sa_family == AF_INET ? (const void *)&ip->v4.sin_addr : &ip->v6.sin6_addr;
	char literal[INET6_ADDRSTRLEN];
	inet_ntop(ip->any.sa_family, bytes, literal, sizeof literal);
	bool zoned = ip->any.sa_family == AF_INET6 && ip->v6.sin6_scope_id && *zone;
	snprintf(buffer, ADDRESS_TEXT_BYTES, "%s%s%.15s", literal, zoned ? "%" : "",
		 zoned ? zone : "");
	return buffer;
}
