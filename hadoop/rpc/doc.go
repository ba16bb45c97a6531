// Package rpc is Hadoop RPC version 9: the server and the client that every
// protocol of YARN runs over. It knows frames, calls, errors and SASL, and
// nothing of what the calls mean.
//
// A server's connection goes through three steps, each on the connection's own goroutine:
//
//	preamble -> handshake (SASL, connection context) -> calls
//	                                                     |-> Raw and Inline: answered at once on this goroutine
//	                                                     `-> others: a goroutine each, MaxInFlightPerConn at most
//	                                    replies <- writer (batched; wrapped when SASL agreed on a layer)
//
// A peer can cost one connection and one log line, whatever it sends.
package rpc
