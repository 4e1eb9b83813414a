"""The walker against tshark: whatever tshark takes for an IP header, the walker has seen.

Random packets, half of them damaged, are dissected by both. tshark knows thousands of protocols more, so
only those that the walker's tables open are left enabled, and no heuristics. Each destination that tshark
finds outside of what ICMP quotes must be among the walker's, unless the walk ended with something it could
not open, which the policy refuses.

PAGECAST_SEED repeats a run; PAGECAST_PACKETS says how many (2,000).
"""

import ipaddress
import os
import random
import shutil
import subprocess
import tempfile
import unittest

import pagecast_test as pt

PACKETS = int(os.environ.get("PAGECAST_PACKETS", "2000"))
SEED = int(os.environ.get("PAGECAST_SEED") or random.randrange(1 << 32))

# The walker's tables, and what tshark needs besides to get through a file.
ENABLED = set("""frame data eth eth_maybefcs eth_withoutfcs ethertype vlan ieee8021ad ieee8021ah llc mpls pwach
 pwethcw pwethnocw pwethheuristic pppoe pppoes pppoed ppp ppp_hdlc nsh macsec arp ip ipv6 ipv6.hopopts ipv6.dstopts
 ipv6.routing ipv6.routing.type.rt0 ipv6.routing.type.mipv6 ipv6.routing.type.srh ipv6.routing.type.rpl ipv6.fraghdr
 mipv6 hip shim6 ah esp ipcomp icmp icmpv6 gre etherip erspan udp udplite tcp sctp dccp vxlan vxlan_gpe geneve gtp teredo""".split())

# Tunnels and tags that tshark does not know by these numbers.
DECODE_AS = ["ethertype==0x9200,vlan", "ethertype==0x9300,vlan", "udp.port==4754,gre", "udp.port==6635,mpls",
             "ip.proto==94,ip"]
OPTIONS = ["ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"]


def tshark(*arguments, home=None):
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": home} if home else None
    return subprocess.run(["tshark", *arguments], env=environment, check=True, capture_output=True, text=True,
                          timeout=600).stdout


def write_profile(home):
    """A profile that leaves only ENABLED on; with a protocol its heuristics are off."""
    names = [line.split("\t")[2] for line in tshark("-G", "protocols").splitlines()]
    with open(os.path.join(home, "disabled_protos"), "w", encoding="ascii") as file:
        file.writelines(name + "\n" for name in names if name not in ENABLED)


def unquoted(protocols, destinations, name):
    """Those of the layers @name that stand before an ICMP error's quotation."""
    layers = protocols.split(":")
    for icmp in ("icmp", "icmpv6"):
        if icmp in layers:
            layers = layers[:layers.index(icmp)]
    return [text for text in destinations.split(",") if text][:layers.count(name)]


def is_no_packet(protocols, remarks):
    """Teredo and MPLS over UDP have no type of their own: there the walker asks that the length of the inner IP
    header fits, as every receiver does, and takes it for any payload otherwise. tshark shows it with a remark."""
    return (("udp:teredo" in protocols or "udp:mpls" in protocols)
            and ("length exceeds" in remarks or "less than header length" in remarks))


def is_later_fragment(offsets):
    """Behind the header of a later IPv6 fragment tshark goes on as if it were the first one."""
    return any(offset not in ("", "0") for offset in offsets.split(","))


class Walk(unittest.TestCase):
    def setUp(self):
        if not shutil.which("tshark"):
            self.skipTest("there is no tshark (package tshark)")
        self.folder = tempfile.mkdtemp(prefix="pagecast-walk-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def test_what_tshark_takes_for_a_destination_was_seen(self):
        print(f"PAGECAST_SEED={SEED} PAGECAST_PACKETS={PACKETS}", flush=True)
        capture = os.path.join(self.folder, "walk.pcap")
        found = subprocess.run([pt.program("WALK_PACKETS"), str(SEED), str(PACKETS), capture], check=True,
                               capture_output=True, text=True, timeout=300).stdout.splitlines()
        write_profile(self.folder)
        rows = tshark("-r", capture, "-n", "--disable-heuristic", "teredo_udp", *(a for rule in DECODE_AS for a in ("-d", rule)),
                      *(a for option in OPTIONS for a in ("-o", option)),
                      "-T", "fields", "-e", "frame.protocols", "-e", "ip.dst", "-e", "ipv6.dst",
                      "-e", "_ws.expert.message", "-e", "ipv6.fraghdr.offset",
                      home=self.folder).splitlines()
        self.assertEqual(len(rows), PACKETS)
        compared = unjudged = no_packets = 0
        missed = []
        for line, row in zip(found, rows):
            index, end, *targets = line.split(" ")
            protocols, four, six, remarks, offsets = row.split("\t")
            theirs = unquoted(protocols, four, "ip") + unquoted(protocols, six, "ipv6")
            if end != "leaf":
                unjudged += 1
                continue
            compared += len(theirs)
            ours = {ipaddress.ip_address(text) for text in targets}
            unseen = [text for text in theirs if ipaddress.ip_address(text) not in ours]
            if unseen and (is_no_packet(protocols, remarks) or is_later_fragment(offsets)):
                no_packets += 1
                continue
            missed += [f"packet {index}: {text} in {protocols}; the walker saw {' '.join(targets) or 'none'}"
                       for text in unseen]
        print(f"{compared} destinations of tshark compared; {unjudged} packets unjudged, {no_packets} of a wrong length, or fragments")
        self.assertEqual(missed[:20], [])
        self.assertGreater(compared, PACKETS)
        self.assertLess(unjudged, PACKETS / 2)
        self.assertLess(no_packets, PACKETS / 50)


if __name__ == "__main__":
    pt.main()
