// Package logs writes and reads aggregated container logs, byte for byte in the
// form that unmodified `yarn logs` reads: one TFile per application and node, one
// record per container, at the places that Layout names.
//
//	container log dirs -> Writer -> <root>/<user>/bucket-logs-tfile/<n>/<app>/<host>_<port> -> Reader -> text
package logs
