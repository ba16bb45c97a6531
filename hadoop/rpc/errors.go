package rpc

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an exception that crosses the wire: what a handler returns to choose the
// class that Java clients see, and what a client's call fails with when the server answered with one.
type Error struct {
	Class   string // fully qualified Java class
	Message string // a Java server appends its stack, line by line
	Detail  int32  // RpcErrorCodeProto; 0 means ErrorApplication
	Fatal   bool   // the server closes the connection after it
}

func (e *Error) Error() string {
	msg, _, _ := strings.Cut(e.Message, "\n\tat ")
	if e.Class == "" {
		return msg
	}
	return e.Class + ": " + msg
}

// Exception makes an error of a Java class that clients rebuild from its name.
func Exception(class, format string, args ...any) *Error {
	msg := format
	if len(args) > 0 {
		msg = fmt.Sprintf(format, args...)
	}
	return &Error{Class: class, Message: msg, Detail: ErrorApplication}
}

// IsClass reports whether err holds a remote exception of that Java class.
func IsClass(err error, class string) bool {
	var e *Error
	return errors.As(err, &e) && e.Class == class
}

// Values of RpcErrorCodeProto.
const (
	ErrorApplication          int32 = 1
	ErrorNoSuchMethod         int32 = 2
	ErrorNoSuchProtocol       int32 = 3
	ErrorRPCServer            int32 = 4
	ErrorSerializingResponse  int32 = 5
	ErrorVersionMismatch      int32 = 6
	FatalUnknown              int32 = 10
	FatalUnsupportedSerial    int32 = 11
	FatalInvalidHeader        int32 = 12
	FatalDeserializingRequest int32 = 13
	FatalVersionMismatch      int32 = 14
	FatalUnauthorized         int32 = 15
)

// Classes that Hadoop's clients look at by name. All of them exist from 2.10 on.
const (
	ClassYarn                            = "org.apache.hadoop.yarn.exceptions.YarnException"
	ClassApplicationNotFound             = "org.apache.hadoop.yarn.exceptions.ApplicationNotFoundException"
	ClassApplicationAttemptNotFound      = "org.apache.hadoop.yarn.exceptions.ApplicationAttemptNotFoundException"
	ClassContainerNotFound               = "org.apache.hadoop.yarn.exceptions.ContainerNotFoundException"
	ClassApplicationMasterNotRegistered  = "org.apache.hadoop.yarn.exceptions.ApplicationMasterNotRegisteredException"
	ClassInvalidApplicationMasterRequest = "org.apache.hadoop.yarn.exceptions.InvalidApplicationMasterRequestException"
	ClassInvalidResourceRequest          = "org.apache.hadoop.yarn.exceptions.InvalidResourceRequestException"
	ClassInvalidLabelResourceRequest     = "org.apache.hadoop.yarn.exceptions.InvalidLabelResourceRequestException"
	ClassInvalidBlacklistRequest         = "org.apache.hadoop.yarn.exceptions.InvalidResourceBlacklistRequestException"
	ClassInvalidContainerRelease         = "org.apache.hadoop.yarn.exceptions.InvalidContainerReleaseException"
	ClassNMNotYetReady                   = "org.apache.hadoop.yarn.exceptions.NMNotYetReadyException"
	ClassInvalidContainer                = "org.apache.hadoop.yarn.exceptions.InvalidContainerException"
	ClassInvalidAuxService               = "org.apache.hadoop.yarn.exceptions.InvalidAuxServiceException"
	ClassResourceNotFound                = "org.apache.hadoop.yarn.exceptions.ResourceNotFoundException"
	ClassResourceProfilesNotEnabled      = "org.apache.hadoop.yarn.exceptions.ResourceProfilesNotEnabledException"
	ClassFeatureNotEnabled               = "org.apache.hadoop.yarn.exceptions.YARNFeatureNotEnabledException"
	ClassApplicationIDNotProvided        = "org.apache.hadoop.yarn.exceptions.ApplicationIdNotProvidedException"
	ClassConfiguration                   = "org.apache.hadoop.yarn.exceptions.ConfigurationException"
	ClassIO                              = "java.io.IOException"
	ClassAccessControl                   = "org.apache.hadoop.security.AccessControlException"
	ClassAuthorization                   = "org.apache.hadoop.security.authorize.AuthorizationException"
	ClassInvalidToken                    = "org.apache.hadoop.security.token.SecretManager$InvalidToken"
	ClassSasl                            = "javax.security.sasl.SaslException"
	ClassStandby                         = "org.apache.hadoop.ipc.StandbyException"
	ClassRetriable                       = "org.apache.hadoop.ipc.RetriableException"
	ClassNoSuchMethod                    = "org.apache.hadoop.ipc.RpcNoSuchMethodException"
	ClassNoSuchProtocol                  = "org.apache.hadoop.ipc.RpcNoSuchProtocolException"
	ClassVersionMismatch                 = "org.apache.hadoop.ipc.RPC$VersionMismatch"
	ClassRPCServer                       = "org.apache.hadoop.ipc.RpcServerException"
	ClassIpc                             = "org.apache.hadoop.ipc.IpcException"
)

// asError turns what a handler returned into what goes out.
func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Class: ClassIO, Message: err.Error(), Detail: ErrorApplication}
	}
	if e.Detail != 0 && e.Class != "" {
		return e
	}
	out := *e
	if out.Detail == 0 {
		out.Detail = ErrorApplication
	}
	if out.Class == "" {
		out.Class = ClassIO
	}
	return &out
}

// fatal makes an error that ends the connection.
func fatal(detail int32, class, format string, args ...any) *Error {
	e := Exception(class, format, args...)
	e.Detail, e.Fatal = detail, true
	return e
}
