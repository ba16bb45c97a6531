// Package yarn is the domain: identifiers, resource vectors, states and exit
// codes in plain Go. It knows neither protobuf nor HTTP; package yarn/wire
// converts at the edge.
package yarn
