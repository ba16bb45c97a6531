package hadoophttp

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// RPCActivity is what a server of Hadoop RPC counted.
type RPCActivity struct {
	Port                    int
	Server                  string // the protocol's service, such as ApplicationClientProtocolService
	Connections, InProgress int
	Refused, AuthFailures   uint64 // connections above the limit; logins that failed
	BytesReceived           uint64
	BytesSent               uint64
	Methods                 []MethodActivity
}

// MethodActivity is the calls of one method.
type MethodActivity struct {
	Name          string
	Calls, Errors uint64
	Time          time.Duration // all calls together
}

// RegisterRPC adds RpcActivityForPort… and RpcDetailedActivityForPort… of each server. Calls run as they
// come in, so that there is no queue whose length and times could be told.
func (b *Beans) RegisterRPC(service string, read func() []RPCActivity) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	b.RegisterMany(func(add func(string, string, Attributes)) {
		for _, a := range read() {
			port := strconv.Itoa(a.Port)
			detailed := Attributes{"tag.port": port, "tag.Context": "rpcdetailed", "tag.Hostname": host}
			var calls, failed uint64
			var spent time.Duration
			for _, m := range a.Methods {
				name := strings.ToUpper(m.Name[:1]) + m.Name[1:]
				detailed[name+"NumOps"], detailed[name+"AvgTime"] = m.Calls, average(m.Time, m.Calls)
				calls, failed, spent = calls+m.Calls, failed+m.Errors, spent+m.Time
			}
			prefix := "Hadoop:service=" + service + ",name="
			add(prefix+"RpcActivityForPort"+port, "RpcActivityForPort"+port, Attributes{"tag.port": port, "tag.serverName": a.Server, "tag.Context": "rpc", "tag.Hostname": host,
				"ReceivedBytes": a.BytesReceived, "SentBytes": a.BytesSent, "RpcAuthenticationFailures": a.AuthFailures, "RpcCallSuccesses": calls - min(calls, failed),
				"RpcProcessingTimeNumOps": calls, "RpcProcessingTimeAvgTime": average(spent, calls), "TotalRequests": calls,
				"RpcQueueTimeNumOps": 0, "RpcQueueTimeAvgTime": 0.0, "CallQueueLength": 0,
				"NumOpenConnections": a.Connections, "NumInProcessHandler": a.InProgress, "NumDroppedConnections": a.Refused})
			add(prefix+"RpcDetailedActivityForPort"+port, "RpcDetailedActivityForPort"+port, detailed)
		}
	})
}

// average is in ms.
func average(total time.Duration, n uint64) float64 {
	if n == 0 {
		return 0
	}
	return float64(total) / float64(time.Millisecond) / float64(n)
}
