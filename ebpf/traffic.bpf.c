// SPDX-License-Identifier: GPL-2.0
/*
 * Packets and bytes of one network interface by protocol; the daemon loads this
 * once for each interface that is asked for, and attaches it by links, which go
 * with the daemon. Where the kernel has no links at tc (before 6.6), XDP sees what
 * is received.
 */
#include "core_types.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ainka_events.h"

char LICENSE[] SEC("license") = "GPL";

/* include/uapi/linux/if_ether.h */
#define ETH_HLEN	14
#define ETH_P_IP	0x0800
#define ETH_P_ARP	0x0806
#define ETH_P_8021Q	0x8100
#define ETH_P_IPV6	0x86DD
#define ETH_P_8021AD	0x88A8
#define VLAN_HLEN	4

/* include/uapi/linux/in.h, in6.h; where headers of IP say what follows */
#define IPPROTO_ICMP	1
#define IPPROTO_UDP	17
#define IPPROTO_ICMPV6	58
#define IPV4_PROTOCOL	9
#define IPV6_NEXT	6

/* include/uapi/linux/bpf.h */
#define BPF_HDR_START_NET	1
#define TCX_NEXT		-1
#define XDP_PASS		2

struct __sk_buff {
	u32 len;
	u32 to_protocol[3];
	u32 protocol;
	u32 to_gso_segs[36];
	u32 gso_segs;
};

struct xdp_md {
	u32 data;
	u32 data_end;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AINKA_TRAFFIC_DIRECTIONS * AINKA_TRAFFIC_PROTOCOLS);
	__type(key, u32);
	__type(value, struct ainka_traffic);
} traffic SEC(".maps");

static __always_inline void count(u32 direction, u32 protocol, u64 packets, u64 bytes)
{
	u32 key = direction * AINKA_TRAFFIC_PROTOCOLS + protocol;
	struct ainka_traffic *sum = bpf_map_lookup_elem(&traffic, &key);

	if (!sum)
		return;
	__sync_fetch_and_add(&sum->packets, packets);
	__sync_fetch_and_add(&sum->bytes, bytes);
}

static __always_inline u32 of_ipv4(u8 protocol)
{
	return protocol == IPPROTO_TCP ? AINKA_TRAFFIC_TCP :
	       protocol == IPPROTO_UDP ? AINKA_TRAFFIC_UDP :
	       protocol == IPPROTO_ICMP ? AINKA_TRAFFIC_ICMP : AINKA_TRAFFIC_IPV4;
}

static __always_inline u32 of_ipv6(u8 next)
{
	return next == IPPROTO_TCP ? AINKA_TRAFFIC_TCP :
	       next == IPPROTO_UDP ? AINKA_TRAFFIC_UDP :
	       next == IPPROTO_ICMPV6 ? AINKA_TRAFFIC_ICMPV6 : AINKA_TRAFFIC_IPV6;
}

static __always_inline u32 of_skb(struct __sk_buff *skb)
{
	u8 protocol = 0;

	switch (bpf_ntohs(skb->protocol)) {
	case ETH_P_ARP:
		return AINKA_TRAFFIC_ARP;
	case ETH_P_IP:
		bpf_skb_load_bytes_relative(skb, IPV4_PROTOCOL, &protocol, 1, BPF_HDR_START_NET);
		return of_ipv4(protocol);
	case ETH_P_IPV6:
		bpf_skb_load_bytes_relative(skb, IPV6_NEXT, &protocol, 1, BPF_HDR_START_NET);
		return of_ipv6(protocol);
	}
	return AINKA_TRAFFIC_OTHER;
}

/* What the kernel handles as one may be many packets of TCP on the wire. */
static __always_inline int of_tc(struct __sk_buff *skb, u32 direction)
{
	count(direction, of_skb(skb), skb->gso_segs ? skb->gso_segs : 1, skb->len);
	return TCX_NEXT;
}

SEC("tc")
int tc_ingress(struct __sk_buff *skb)
{
	return of_tc(skb, AINKA_TRAFFIC_INGRESS);
}

SEC("tc")
int tc_egress(struct __sk_buff *skb)
{
	return of_tc(skb, AINKA_TRAFFIC_EGRESS);
}

static __always_inline u32 of_frame(u8 *frame, u8 *end)
{
	u8 *net = frame + ETH_HLEN;
	u16 type;

	if (net > end)
		return AINKA_TRAFFIC_OTHER;
	type = bpf_ntohs(*(u16 *)(net - 2));
	if (type == ETH_P_8021Q || type == ETH_P_8021AD) {
		net += VLAN_HLEN;
		if (net > end)
			return AINKA_TRAFFIC_OTHER;
		type = bpf_ntohs(*(u16 *)(net - 2));
	}
	if (type == ETH_P_ARP)
		return AINKA_TRAFFIC_ARP;
	if (type == ETH_P_IP)
		return of_ipv4(net + IPV4_PROTOCOL < end ? net[IPV4_PROTOCOL] : 0);
	if (type == ETH_P_IPV6)
		return of_ipv6(net + IPV6_NEXT < end ? net[IPV6_NEXT] : 0);
	return AINKA_TRAFFIC_OTHER;
}

SEC("xdp")
int xdp_ingress(struct xdp_md *ctx)
{
	u8 *frame = (u8 *)(long)ctx->data, *end = (u8 *)(long)ctx->data_end;

	count(AINKA_TRAFFIC_INGRESS, of_frame(frame, end), 1, end - frame);
	return XDP_PASS;
}
