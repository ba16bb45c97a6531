package security

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	yarnpb "heddle/hadoop-proto/yarn"
)

// maxIdentifierBytes bounds an identifier that a peer presents.
const maxIdentifierBytes = 64 << 10

// Identifier is one of YARN's token identifiers: a message whose raw bytes are signed.
type Identifier interface {
	*yarnpb.AMRMTokenIdentifierProto | *yarnpb.NMTokenIdentifierProto | *yarnpb.ContainerTokenIdentifierProto |
		*yarnpb.ClientToAMTokenIdentifierProto | *yarnpb.YARNDelegationTokenIdentifierProto
	proto.Message
}

// MarshalIdentifier is the identifier's bytes, fields in ascending order of number as Java writes them.
func MarshalIdentifier[T Identifier](id T) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(id)
	if err != nil {
		return nil, fmt.Errorf("encoding a token identifier: %w", err)
	}
	return b, nil
}

// unmarshalIdentifier reads raw into id and demands the fields that ok looks at.
func unmarshalIdentifier(kind string, raw []byte, id proto.Message, ok func() bool) error {
	if len(raw) > maxIdentifierBytes {
		return fmt.Errorf("%s identifier of %d bytes, at most %d are accepted", kind, len(raw), maxIdentifierBytes)
	}
	if err := proto.Unmarshal(raw, id); err != nil {
		return fmt.Errorf("decoding a %s identifier: %w", kind, err)
	}
	if !ok() {
		return fmt.Errorf("decoding a %s identifier: a field is missing", kind)
	}
	return nil
}

// ParseAMRMIdentifier reads the identifier of a YARN_AM_RM_TOKEN.
func ParseAMRMIdentifier(raw []byte) (*yarnpb.AMRMTokenIdentifierProto, error) {
	id := &yarnpb.AMRMTokenIdentifierProto{}
	err := unmarshalIdentifier(KindAMRM, raw, id, func() bool { return id.GetAppAttemptId().GetApplicationId() != nil })
	return id, err
}

// ParseNMIdentifier reads the identifier of an NMToken.
func ParseNMIdentifier(raw []byte) (*yarnpb.NMTokenIdentifierProto, error) {
	id := &yarnpb.NMTokenIdentifierProto{}
	err := unmarshalIdentifier(KindNM, raw, id, func() bool {
		return id.GetAppAttemptId().GetApplicationId() != nil && id.GetNodeId() != nil
	})
	return id, err
}

// ParseContainerIdentifier reads the identifier of a ContainerToken.
func ParseContainerIdentifier(raw []byte) (*yarnpb.ContainerTokenIdentifierProto, error) {
	id := &yarnpb.ContainerTokenIdentifierProto{}
	err := unmarshalIdentifier(KindContainer, raw, id, func() bool {
		return id.GetContainerId().GetAppAttemptId().GetApplicationId() != nil && id.Resource != nil
	})
	return id, err
}

// ParseClientToAMIdentifier reads the identifier of a YARN_CLIENT_TOKEN.
func ParseClientToAMIdentifier(raw []byte) (*yarnpb.ClientToAMTokenIdentifierProto, error) {
	id := &yarnpb.ClientToAMTokenIdentifierProto{}
	err := unmarshalIdentifier(KindClientToAM, raw, id, func() bool { return id.GetAppAttemptId().GetApplicationId() != nil })
	return id, err
}

// ParseDelegationIdentifier reads the identifier of an RM_DELEGATION_TOKEN.
func ParseDelegationIdentifier(raw []byte) (*yarnpb.YARNDelegationTokenIdentifierProto, error) {
	id := &yarnpb.YARNDelegationTokenIdentifierProto{}
	err := unmarshalIdentifier(KindRMDelegation, raw, id, func() bool { return id.GetOwner() != "" })
	return id, err
}
