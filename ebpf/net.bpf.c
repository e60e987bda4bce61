// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong or slowly in the network: connections of TCP, what is sent
 * again, what is dropped and why. In every network namespace.
 */
#include "core_types.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "counters.h"

char LICENSE[] SEC("license") = "GPL";

#define CONNECTING_MAX	10240
/* Of so many segments one is asked for the round-trip time of its connection. */
#define RTT_EVERY	8

/* Sockets that have sent a SYN, by their address, and when. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CONNECTING_MAX);
	__type(key, u64);
	__type(value, u64);
} connecting SEC(".maps");

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(sock_state, struct sock *sk, int old, int new)
{
	u64 key = (u64)sk, now, *since;

	if (new == TCP_SYN_SENT && sk->sk_protocol == IPPROTO_TCP) {
		now = bpf_ktime_get_ns();
		if (bpf_map_update_elem(&connecting, &key, &now, BPF_ANY))
			count(AINKA_COUNTER_NET_CONNECTS_LOST, 1);
		return 0;
	}
	if (old != TCP_SYN_SENT || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	/* without an error the program has given up by itself */
	if (new == TCP_CLOSE && sk->sk_err)
		count(AINKA_COUNTER_NET_CONNECT_FAILURES, 1);
	since = bpf_map_lookup_elem(&connecting, &key);
	if (!since)
		return 0;
	if (new == TCP_ESTABLISHED)
		count_time(AINKA_TIMES_NET_CONNECT, bpf_ktime_get_ns() - *since);
	bpf_map_delete_elem(&connecting, &key);
	return 0;
}

static __always_inline struct tcp_skb_cb *tcp_cb(struct sk_buff *skb)
{
	return (struct tcp_skb_cb *)&skb->cb;
}

/* Segments, as the kernel's RetransSegs has it: a packet may hold several. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit, struct sock *sk, struct sk_buff *skb)
{
	u16 segments = BPF_CORE_READ(tcp_cb(skb), tcp_gso_segs);

	count(AINKA_COUNTER_NET_RETRANSMITS, segments ? segments : 1);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack)
{
	count(AINKA_COUNTER_NET_RETRANSMITS, 1);
	return 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(segment, struct sock *sk)
{
	struct tcp_sock *tcp;
	u32 us;

	if (bpf_get_prandom_u32() % RTT_EVERY)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	us = tcp->srtt_us >> 3;
	if (us)
		count_time(AINKA_TIMES_NET_RTT, us * 1000ULL);
	return 0;
}

static __always_inline bool queue_is_full(struct sock *sk)
{
	return sk->sk_ack_backlog > sk->sk_max_ack_backlog;
}

SEC("fentry/tcp_conn_request")
int BPF_PROG(syn_comes, struct request_sock_ops *rsk_ops, struct tcp_request_sock_ops *af_ops,
	     struct sock *sk)
{
	if (queue_is_full(sk))
		count(AINKA_COUNTER_NET_LISTEN_OVERFLOWS, 1);
	return 0;
}

/* The handshake is complete, and no socket has come of it. */
SEC("fexit/tcp_check_req")
int BPF_PROG(ack_comes, struct sock *sk, struct sk_buff *skb, struct request_sock *req,
	     bool fastopen, bool *lost, struct sock *child)
{
	if (child || !queue_is_full(sk))
		return 0;
	if (BPF_CORE_READ(tcp_cb(skb), tcp_flags) & (TCPHDR_SYN | TCPHDR_RST))
		return 0;
	count(AINKA_COUNTER_NET_LISTEN_OVERFLOWS, 1);
	return 0;
}

#define IS(reason, name) \
	((reason) == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_##name))

SEC("tp_btf/kfree_skb")
int BPF_PROG(drop, struct sk_buff *skb, void *where, u32 reason)
{
	if (IS(reason, NOT_SPECIFIED)) {
		count(AINKA_COUNTER_NET_DROPS_UNSPECIFIED, 1);
		return 0;
	}
	count(AINKA_COUNTER_NET_DROPS, 1);
	if (IS(reason, QDISC_DROP))
		count(AINKA_COUNTER_NET_DROPS_QDISC, 1);
	else if (IS(reason, SOCKET_RCVBUFF) || IS(reason, SOCKET_BACKLOG) ||
		 IS(reason, PROTO_MEM) || IS(reason, CPU_BACKLOG) || IS(reason, FULL_RING))
		count(AINKA_COUNTER_NET_DROPS_BUFFER, 1);
	else if (IS(reason, NO_SOCKET))
		count(AINKA_COUNTER_NET_DROPS_NO_SOCKET, 1);
	else if (IS(reason, NETFILTER_DROP))
		count(AINKA_COUNTER_NET_DROPS_NETFILTER, 1);
	else if (IS(reason, TCP_CSUM) || IS(reason, UDP_CSUM) || IS(reason, IP_CSUM) ||
		 IS(reason, ICMP_CSUM) || IS(reason, SKB_CSUM))
		count(AINKA_COUNTER_NET_DROPS_CHECKSUM, 1);
	return 0;
}

SEC("tp_btf/sock_rcvqueue_full")
int BPF_PROG(receive_full)
{
	count(AINKA_COUNTER_NET_BUFFER_LIMITS, 1);
	return 0;
}

SEC("tp_btf/sock_exceed_buf_limit")
int BPF_PROG(memory_full)
{
	count(AINKA_COUNTER_NET_BUFFER_LIMITS, 1);
	return 0;
}
