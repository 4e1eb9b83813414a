/* icmp_cause: see icmp_cause.h. Numbers: RFC 792, RFC 1812, RFC 4443. */
#include "engine/icmp_cause.h"

enum { V4_UNREACHABLE = 3, V4_TIME = 11 };
enum { V6_UNREACHABLE = 1, V6_TOO_BIG = 2, V6_TIME = 3, V6_PARAMETER = 4 };

static enum icmp_cause filter(enum icmp_sender sender)
{
	return sender == ICMP_FROM_OTHER ? ICMP_CAUSE_FILTER : ICMP_CAUSE_FILTER_HERE;
}

/* Of a host that is another than the destination, nothing but a filter says this. */
static enum icmp_cause port(enum icmp_sender sender, enum icmp_cause of_destination)
{
	return sender == ICMP_FROM_DESTINATION ? of_destination : filter(sender);
}

static enum icmp_cause host(enum icmp_sender sender)
{
	return sender == ICMP_FROM_HERE ? ICMP_CAUSE_NEIGHBOUR : ICMP_CAUSE_UNREACHABLE;
}

static enum icmp_cause prohibited(enum icmp_sender sender)
{
	return sender == ICMP_FROM_HERE ? ICMP_CAUSE_FILTER_HERE : ICMP_CAUSE_FILTER;
}

static enum icmp_cause net(enum icmp_sender sender)
{
	return sender == ICMP_FROM_HERE ? ICMP_CAUSE_FILTER_HERE : ICMP_CAUSE_UNREACHABLE;
}

static enum icmp_cause unreachable4(uint8_t code, enum icmp_sender sender)
{
	switch (code) {
	case 1: return host(sender);
	case 2: return port(sender, ICMP_CAUSE_PROTOCOL);
	case 3: return port(sender, ICMP_CAUSE_PORT);
	case 4: return ICMP_CAUSE_TOO_LONG;
	case 9:	 /* network administratively prohibited */
	case 10: /* host administratively prohibited */
	case 13: /* communication administratively prohibited */ return prohibited(sender);
	case 0:
	case 6:
	case 7:
	case 8:
	case 11:
	case 12: return net(sender);
	default: return ICMP_CAUSE_OTHER;
	}
}

static enum icmp_cause unreachable6(uint8_t code, enum icmp_sender sender)
{
	switch (code) {
	case 3: return host(sender);
	case 4: return port(sender, ICMP_CAUSE_PORT);
	case 1: /* administratively prohibited */
	case 5: /* source address failed a policy */
	case 6: /* reject route */ return prohibited(sender);
	case 0:
	case 2: return net(sender);
	default: return ICMP_CAUSE_OTHER;
	}
}

enum icmp_cause icmp_cause_of(bool v6, uint8_t type, uint8_t code, enum icmp_sender sender)
{
	if (v6) {
		switch (type) {
		case V6_UNREACHABLE: return unreachable6(code, sender);
		case V6_TOO_BIG: return ICMP_CAUSE_TOO_LONG;
		case V6_TIME: return code == 0 ? ICMP_CAUSE_HOP_LIMIT : ICMP_CAUSE_OTHER;
		case V6_PARAMETER: /* code 1: an unknown next header */
			return code == 1 ? port(sender, ICMP_CAUSE_PROTOCOL) : ICMP_CAUSE_OTHER;
		default: return ICMP_CAUSE_OTHER;
		}
	}
	switch (type) {
	case V4_UNREACHABLE: return unreachable4(code, sender);
	case V4_TIME: return code == 0 ? ICMP_CAUSE_HOP_LIMIT : ICMP_CAUSE_OTHER;
	default: return ICMP_CAUSE_OTHER;
	}
}
