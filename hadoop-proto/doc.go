// Package hadoopproto holds the protobuf schema of Hadoop's wire protocols and a
// check of it against the descriptors inside real Hadoop jars.
//
// The schema is split into four Go packages. Hadoop's own files do not fit one
// symbol table (hadoop.yarn.NORMAL is declared twice), so the administration
// messages have a package of their own:
//
//	common     RPC headers, connection context, SASL, tokens, refresh protocols
//	yarn       records, client, AM, container management, resource tracker, localizer, stores
//	admin      ResourceManager administration
//	mapreduce  the shuffle service's recovery record
//
// Message and package names never appear on the wire, only the Java protocol
// interface name and the method name do; ours start with "heddle." because
// another Hadoop client in the same binary (colinmarc/hdfs) registers Hadoop's.
package hadoopproto
