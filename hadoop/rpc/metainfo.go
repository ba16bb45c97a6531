package rpc

import (
	"context"
	"slices"

	"heddle/hadoop-proto/common"

	"google.golang.org/protobuf/proto"
)

const metaInfoName = "org.apache.hadoop.ipc.ProtocolMetaInfoPB"

// metaInfo answers which protocols and methods a server has. Java's method numbers
// are hashes over Java type names, which do not exist here; these are hashes over
// the method name. YARN's clients read neither.
func metaInfo(served []Protocol) Protocol {
	find := func(name string) (Protocol, error) {
		i := slices.IndexFunc(served, func(p Protocol) bool { return p.Name == name })
		if i < 0 {
			return Protocol{}, unknownProtocol(name)
		}
		return served[i], nil
	}
	return Protocol{Name: metaInfoName, Version: 1, Methods: map[string]Method{
		"getProtocolVersions": Unary(func(_ context.Context, req *commonpb.GetProtocolVersionsRequestProto) (*commonpb.GetProtocolVersionsResponseProto, error) {
			p, err := find(req.GetProtocol())
			if err != nil {
				return nil, err
			}
			return &commonpb.GetProtocolVersionsResponseProto{ProtocolVersions: []*commonpb.ProtocolVersionProto{
				{RpcKind: proto.String(commonpb.RpcKindProto_RPC_PROTOCOL_BUFFER.String()), Versions: []uint64{p.Version}}}}, nil
		}),
		"getProtocolSignature": Unary(func(_ context.Context, req *commonpb.GetProtocolSignatureRequestProto) (*commonpb.GetProtocolSignatureResponseProto, error) {
			p, err := find(req.GetProtocol())
			if err != nil {
				return nil, err
			}
			sig := &commonpb.ProtocolSignatureProto{Version: proto.Uint64(p.Version)}
			for name := range p.Methods {
				sig.Methods = append(sig.Methods, javaHash(name))
			}
			slices.Sort(sig.Methods)
			return &commonpb.GetProtocolSignatureResponseProto{ProtocolSignature: []*commonpb.ProtocolSignatureProto{sig}}, nil
		}),
	}}
}

func unknownProtocol(name string) *Error {
	e := Exception(ClassNoSuchProtocol, "Unknown protocol: %s", name)
	e.Detail = ErrorNoSuchProtocol
	return e
}

// javaHash is String.hashCode of an ASCII string.
func javaHash(s string) uint32 {
	var h uint32
	for _, c := range []byte(s) {
		h = 31*h + uint32(c)
	}
	return h
}
