// Package service answers the ResourceManager's four protocols: it checks who calls,
// turns messages into domain values, asks the core, and turns the answer back.
package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"heddle/hadoop/conf"
	"heddle/hadoop/rpc"
	"heddle/hadoop/security"
	"heddle/resourcemanager/core"
	"heddle/resourcemanager/settings"
	"heddle/resourcemanager/tokens"
	"heddle/yarn"
)

// Service is what the protocols share.
type Service struct {
	Core     *core.Core
	Tokens   *tokens.Minter
	Settings *settings.Settings
	Access   *Access
	Clock    func() time.Time
	Log      *slog.Logger
	// Delegation issues, renews and cancels RM delegation tokens.
	Delegation *security.DelegationTokens
	Hosts      *HostLists
	// Lists are the turns in which long lists are made.
	Lists Turns
	// RefreshGroups forgets cached group memberships.
	RefreshGroups func()
	// RefreshProxyUsers and RefreshServiceACLs read these rules again, from a configuration.
	RefreshProxyUsers, RefreshServiceACLs func(*conf.Config) error
	// ClusterTimestamp is the rm_identifier that NodeManagers check tokens against.
	ClusterTimestamp int64
	Version          string

	maxPriority atomic.Pointer[int32] // as last refreshed
	queues      sync.Mutex            // held while the queues are refreshed
	sizes       atomic.Pointer[map[yarn.NodeID]core.NodeResource]
	pace        pace
}

// MaxPriority is the highest priority that an application may have.
func (s *Service) MaxPriority() int32 {
	if p := s.maxPriority.Load(); p != nil {
		return *p
	}
	return s.Settings.MaxPrio
}

// protocol makes the rpc.Protocol of a service descriptor from the methods that are
// built; every other method of the descriptor answers with an exception that names it.
func protocol(name string, sd protoreflect.ServiceDescriptor, methods map[string]rpc.Method) rpc.Protocol {
	return rpc.Protocol{Name: name, Version: 1, Methods: methods, Missing: func(method string) error {
		if sd.Methods().ByName(protoreflect.Name(method)) == nil {
			return nil
		}
		return rpc.Exception(rpc.ClassYarn, "%s is not supported by this ResourceManager yet", method)
	}}
}

// caller is the user behind a call; a call without a user is refused.
func caller(ctx context.Context) (string, error) {
	c := rpc.CallFrom(ctx)
	if c == nil || c.User == "" {
		return "", rpc.Exception(rpc.ClassAccessControl, "the connection names no user")
	}
	return c.User, nil
}

// failure turns an error of the core into what clients expect.
func failure(err error) error {
	var remote *rpc.Error
	if errors.As(err, &remote) {
		return err
	}
	if errors.Is(err, core.ErrStopped) {
		return rpc.Exception(rpc.ClassRetriable, "%v", err)
	}
	return rpc.Exception(rpc.ClassYarn, "%v", err)
}

// denied is how Java's ClientRMService wraps an access-control failure.
func denied(format string, args ...any) error {
	return rpc.Exception(rpc.ClassYarn, "org.apache.hadoop.security.AccessControlException: "+format, args...)
}
